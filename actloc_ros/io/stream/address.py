"""Recognize addresses of live streams, and show them without what is secret in them."""

from __future__ import annotations

import re

SCHEMES = ('rtsp', 'rtsps', 'http', 'https', 'tcp', 'udp')
_ADDRESS = re.compile(rf'({"|".join(SCHEMES)})://', re.IGNORECASE)
# Up to the last @ before the path: passwords may hold one themselves.
_USER = re.compile(r'(?<=://)[^/?#]*@')
_QUERY = re.compile(r'\?.*', re.DOTALL)


def is_stream(source: str) -> bool:
    """Say whether a source is the address of a live stream, not a path."""
    return bool(_ADDRESS.match(source))


def masked(address: str) -> str:
    """Return an address for logs: without user, password and query, which hold secrets."""
    return _QUERY.sub('?***', _USER.sub('***@', address))

"""Send alarms to an address by HTTP POST."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

from actloc_ros.alarms.channels import ChannelError, WebhookChannel, resolve
from actloc_ros.alarms.outbox import Letter
from actloc_ros.alarms.transport import RefusedError, SendError

TIMEOUT = 10.0  # s
# Answers of 400 to 499 that say nothing about the letter: who we are, where, when and how often.
PASSING = (401, 403, 404, 407, 408, 425, 429)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nobody: a POST that is redirected becomes a GET, which loses the alarm."""

    def redirect_request(self, *_: Any) -> None:
        return None


class WebhookTransport:
    """An address; each letter is the body of a POST, and any answer of 200 to 299 its receipt.

    The header `Idempotency-Key` is the same when a step is sent again.
    """

    def __init__(self, channel: WebhookChannel) -> None:
        """Find the address; see `open_transport`."""
        self._url = resolve(channel.name, channel.url)
        if not self._url.startswith(('http://', 'https://')):
            raise ChannelError(f'notify.{channel.name}.webhook is no http:// or https://')
        self._headers = {'Content-Type': 'application/json', 'User-Agent': 'actloc_ros'}
        if channel.token:
            self._headers['Authorization'] = f'Bearer {resolve(channel.name, channel.token)}'
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, letter: Letter) -> None:
        """Post; see `Transport`."""
        step = json.loads(letter.body)
        key = f'{step["id"]}/{step["type"]}/{step["time"]}'
        headers = self._headers | {'Idempotency-Key': key.encode('ascii', 'replace').decode()}
        try:
            request = urllib.request.Request(self._url, letter.body.encode(), headers)  # noqa: S310
            self._opener.open(request, timeout=TIMEOUT).close()
        except urllib.error.HTTPError as error:
            error.close()
            refused = 400 <= error.code < 500 and error.code not in PASSING
            raise (RefusedError if refused else SendError)(f'it answers {error.code}') from None
        except (OSError, HTTPException, ValueError) as error:
            # The error's own text may hold the address, and that a secret.
            reason = getattr(error, 'reason', error)
            kind = getattr(reason, 'strerror', None) or type(reason).__name__
            raise SendError(f'it cannot be reached: {kind}') from None

    def close(self) -> None:
        """Do nothing: no connection is kept."""

"""Name the files that are made of hits, and say what kind of recording a hit is in."""

from __future__ import annotations

import re
from pathlib import Path

from actloc_ros.files import short_name
from actloc_ros.io.source import is_bag

LONGEST = 80  # characters of a name that others are added to


def file_name(recording: str, *parts: str) -> str:
    """Return a file name without a suffix, of letters and digits in any script, `.`, `-`, `_`.

    Args:
        recording: Its name, of which a video's suffix is left out.
        parts: That follow, such as a topic or a label: whole, since topics end alike.
    """
    joined = '_'.join(filter(None, (short_name(recording), *(part.strip('/') for part in parts))))
    plain = re.sub(r'[^\w.-]+', '_', joined).strip('._')
    return plain[:LONGEST] or 'recording'


def is_video(path: Path) -> bool:
    """Say whether a recording is a video file, rather than a bag or a folder of images."""
    return path.is_file() and not is_bag(path)

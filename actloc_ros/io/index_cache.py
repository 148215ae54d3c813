"""Keep which frames a long video shows, and from where each can be decoded, from run to run."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import av
import numpy as np

from actloc_ros.files import OutputError, cache_folder, write_whole

VERSION = 1


@dataclass(frozen=True)
class Anchor:
    """A key frame at which decoding can begin.

    Attributes:
        number: Of the frame.
        shown: When it is shown, in the stream's time base.
        seek: The time to seek, in the stream's time base.
    """

    number: int
    shown: int
    seek: int


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames that a video shows, in order.

    Attributes:
        times: int64 (N,), when each is shown, in ns from the first one on.
        anchors: Where decoding can begin, rising; none where only the file's start is sure.
    """

    times: np.ndarray
    anchors: tuple[Anchor, ...]


Key = tuple[Path, int, int]
"""A file's path, time of change in ns, and size."""


def load_index(key: Key) -> FrameIndex | None:
    """Return the index that is kept of a file, or None."""
    path = _path(key)
    if path is None:
        return None
    try:
        with np.load(path) as kept:
            times, anchors = kept['times'], kept['anchors']
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return FrameIndex(times, tuple(Anchor(*row) for row in anchors.tolist()))


def store_index(key: Key, index: FrameIndex) -> None:
    """Keep the index of a file, where there is a place."""
    path = _path(key)
    if path is None:
        return
    anchors = np.array([(a.number, a.shown, a.seek) for a in index.anchors], np.int64)
    with suppress(OSError, OutputError):  # it is made again the next time
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as file:
            np.savez_compressed(file, times=index.times, anchors=anchors.reshape(-1, 3))


def _path(key: Key) -> Path | None:
    folder = cache_folder()
    if folder is None:
        return None
    text = '\0'.join(map(str, (*key, av.__version__, VERSION)))
    return folder / 'videos' / f'{hashlib.sha256(text.encode(errors="replace")).hexdigest()}.npz'

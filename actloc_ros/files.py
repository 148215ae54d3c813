"""Write files whole or not at all, and name videos by their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

VIDEO_SUFFIXES = ('.avi', '.mp4', '.mkv', '.mov', '.webm')


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to write to; it takes the place of `path` if no error occurs.

    After an error, `path` is as it was, and the unfinished file stays beside it, with `.partial`
    after its name: a download continues it, and all else writes it again from the start.
    """
    partial = path.with_name(path.name + '.partial')
    yield partial
    partial.replace(path)


def short_name(name: str) -> str:
    """Return a video's name without folders and without a video file's suffix."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name

"""Read text, write files whole or not at all, and name videos by their files."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
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


def text_encoding(path: Path) -> str:
    """Return a text file's encoding by its byte order mark, as Windows writes; else UTF-8."""
    with path.open('rb') as file:
        return 'utf-16' if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE) else 'utf-8-sig'


def read_text(path: Path) -> str:
    """Return the text of a file, whatever the locale.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no text in UTF-8 or UTF-16; the message names it.
    """
    try:
        return path.read_text(text_encoding(path))
    except UnicodeError as error:
        raise ValueError(f'{path} is no text in UTF-8: {error}') from error


def short_name(name: str) -> str:
    """Return a video's name without folders and without a video file's suffix."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name

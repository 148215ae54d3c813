"""Define what a recording is: frames of one camera, in recorded order."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path, PurePath

from actloc_ros.frames import Frame

DEFAULT_RATE = 30.0
MAX_PIXELS = 50_000_000  # of an image; 8K video has 33 million
BAG_SUFFIXES = ('.mcap', '.db3')
MAGICS = ((b'\x89MCAP0\r\n', '.mcap'), (b'SQLite format 3\0', '.db3'))
UNPACK = {
    **dict.fromkeys(('.zstd', '.zst'), 'zstd -d'),
    '.gz': 'gunzip',
    '.xz': 'unxz',
    '.bz2': 'bunzip2',
    '.lz4': 'unlz4',
    '.zip': 'unzip',
}
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')


class SourceError(ValueError):
    """A recording that cannot be used; the text names it and says what to do."""


class Source(ABC):
    """A recording of one camera; each iteration reads its frames again, in recorded order.

    A frame that cannot be decoded is counted and left out.

    Attributes:
        path: Where the recording lies.
        camera: The camera's name, given to each frame.
        rate: Nominal frames per second; 0 where it is not known.
        length: Number of frames; None where it is not known before all are read.
        broken: Frames that could not be decoded in the newest iteration.
        dropped: Frames of the newest iteration that a newer one of a live stream replaced.
        fault: Why the first of those that are broken could not be decoded.
        live: Whether frames come as they happen, with stamps by the wall clock.
        max_rate: Frames in Hz that are given at most, by stamps; 0: all. Others cost no image. May
            be set; a live stream gives all.
        left_out: Frames of the newest iteration that are not given for that.
    """

    path: Path
    camera: str
    rate: float = 0.0
    length: int | None = None
    broken: int = 0
    dropped: int = 0
    fault: str = ''
    live: bool = False
    max_rate: float = 0.0
    left_out: int = 0

    @property
    def title(self) -> str:
        """What the recording is called in what users read."""
        return str(self.path)

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames.

        Raises:
            SourceError: Not one frame could be decoded, or the recording breaks off.
        """


def sorted_naturally(paths: Iterator[Path]) -> list[Path]:
    """Return `paths` sorted by name, numbers in names by value: 2.png comes before 10.png."""

    def key(path: Path) -> tuple[list[tuple[int, str]], str]:
        parts = re.split(r'(\d+)', path.name)
        # As `\d`, and unlike `isdigit`: ² is no digit. The name itself orders 1.png and 01.png.
        found = [(int(part), '') if part.isdecimal() else (-1, part) for part in parts]
        return found, path.name

    return sorted(paths, key=key)


def is_hidden(path: Path) -> bool:
    """Say whether a file is hidden by its name, as the `._NAME` that macOS puts beside files."""
    return path.name.startswith('.')


def refuse_unless_file(path: Path) -> None:
    """Refuse a pipe or a device, which cannot be read twice.

    Raises:
        SourceError: It is one.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise SourceError(
            f'{path} is a pipe or a device, which cannot be read twice; save it as a file first'
        )


def is_bag(path: Path) -> bool:
    """Say whether `path` is a rosbag2, by its name and contents.

    Raises:
        SourceError: It is a bag of ROS 1, or compressed as a whole.
    """
    if path.suffix.lower() == '.bag':
        raise SourceError(f'{path} is a bag of ROS 1; convert it first: rosbags-convert')
    if not path.is_dir():
        _refuse_compressed(path)
        return bool(storage_suffix(path))
    if (path / 'metadata.yaml').exists() or bag_files(path):
        return True
    for file in path.iterdir():
        if PurePath(file.stem).suffix.lower() in BAG_SUFFIXES:
            _refuse_compressed(file)
    return False


def _refuse_compressed(path: Path) -> None:
    unpack = UNPACK.get(path.suffix.lower())
    if unpack:
        raise SourceError(f'{path} is compressed as a whole; unpack it first: {unpack} {path.name}')


def storage_suffix(path: Path) -> str:
    """Return the suffix of a bag file's kind, whatever its own name; empty where it is none."""
    if not path.is_file():
        return ''
    with path.open('rb') as file:
        head = file.read(16)
    by_name = path.suffix.lower() if path.suffix.lower() in BAG_SUFFIXES else ''
    return next((suffix for magic, suffix in MAGICS if head.startswith(magic)), by_name)


def bag_files(folder: Path) -> list[Path]:
    """Return the bag files in `folder`, in the order of their numbers."""
    return sorted_naturally(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in BAG_SUFFIXES and not is_hidden(p) and p.is_file()
    )

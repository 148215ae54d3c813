"""Define what a recording is: frames of one camera, in recorded order."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from actloc_ros.frames import Frame

DEFAULT_RATE = 30.0
MAX_PIXELS = 50_000_000  # of an image; 8K video has 33 million
BAG_SUFFIXES = ('.mcap', '.db3')
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
        fault: Why the first of them could not.
    """

    path: Path
    camera: str
    rate: float = 0.0
    length: int | None = None
    broken: int = 0
    fault: str = ''

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
        SourceError: It is a bag of ROS 1, or a folder of several bags' files.
    """
    if path.suffix == '.bag':
        raise SourceError(f'{path} is a bag of ROS 1; convert it first: rosbags-convert')
    if path.is_dir():
        return (path / 'metadata.yaml').exists() or bool(bag_files(path))
    return path.suffix in BAG_SUFFIXES


def bag_files(folder: Path) -> list[Path]:
    """Return the bag files in `folder`, in the order of their numbers."""
    return sorted_naturally(
        p for p in folder.iterdir() if p.suffix in BAG_SUFFIXES and not is_hidden(p)
    )

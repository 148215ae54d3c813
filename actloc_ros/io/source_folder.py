"""Read a folder of images as frames at a fixed rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.image_file import ImageError, read_image
from actloc_ros.io.source import (
    IMAGE_SUFFIXES,
    Source,
    SourceError,
    is_hidden,
    sorted_naturally,
)
from actloc_ros.rate_limit import RateLimit


class FolderSource(Source):
    """The images of a folder, by name; numbers in names count by value."""

    def __init__(self, path: Path, camera: str, rate: float) -> None:
        """Find the images; see `open_source`."""
        if not (rate > 0 and math.isfinite(rate)):
            raise SourceError(f'the rate of {path} is {rate} Hz; it must be above 0')
        self.path, self.camera, self.rate = path, camera, rate
        self._files = image_files(path)
        self.length = len(self._files)
        if not self._files:
            raise SourceError(
                f'{path} holds neither images ({" ".join(IMAGE_SUFFIXES)}) nor a bag; '
                'give a video, a folder of images or a bag'
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images that can be decoded; a broken one leaves its time empty."""
        self.broken = self.left_out = 0
        limit = RateLimit()
        for index, file in enumerate(self._files):
            stamp = round(index * NANOSECONDS / self.rate)
            if not limit.due(stamp, self.max_rate):
                self.left_out += 1
                continue
            try:
                image = read_image(file)
            except (ImageError, OSError) as error:
                self.fault = self.fault if self.broken else str(error)
                self.broken += 1
            else:
                yield Frame(self.camera, stamp, image)
        if self.broken + self.left_out == len(self._files):
            raise SourceError(
                f'none of the {self.broken} images in {self.path} can be decoded; the first '
                f'fault: {self.fault}'
            )


def image_files(folder: Path) -> list[Path]:
    """Return the images of a folder in order, broken ones too; hidden files are none."""
    return sorted_naturally(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path) and not path.is_dir()
    )

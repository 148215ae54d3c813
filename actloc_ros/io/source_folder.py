"""Read a folder of images as frames at a fixed rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.frames import NANOSECONDS, Frame
from actloc_ros.io.source import IMAGE_SUFFIXES, Source, SourceError, sorted_naturally


class FolderSource(Source):
    """The images of a folder, by name; numbers in names count by value."""

    def __init__(self, path: Path, camera: str, rate: float) -> None:
        """Find the images; see `open_source`."""
        if not (rate > 0 and math.isfinite(rate)):
            raise SourceError(f'the rate of {path} is {rate} Hz; it must be above 0')
        self.path, self.camera, self.rate = path, camera, rate
        found = (p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        self._files = sorted_naturally(found)
        self.length = len(self._files)
        if not self._files:
            raise SourceError(
                f'{path} holds neither images ({" ".join(IMAGE_SUFFIXES)}) nor a bag; '
                'give a video, a folder of images or a bag'
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yield the images that can be decoded; a broken one leaves its time empty."""
        self.broken = 0
        for index, file in enumerate(self._files):
            image = read_image(file)
            if image is None:
                self.broken += 1
            else:
                yield Frame(self.camera, round(index * NANOSECONDS / self.rate), image)
        if self.broken == len(self._files):
            raise SourceError(f'none of the {self.broken} images in {self.path} can be decoded')


def read_image(file: Path) -> np.ndarray | None:
    """Return an image file as uint8 (H, W, 3) RGB, whatever its depth; None if it is broken."""
    data = np.fromfile(file, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

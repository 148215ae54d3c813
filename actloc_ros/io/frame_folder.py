"""Read any frames of a video that lies in a folder, an image a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actloc_ros.io.image_file import ImageError, image_size, read_image
from actloc_ros.io.source import IMAGE_SUFFIXES
from actloc_ros.io.source_folder import image_files
from actloc_ros.truth.annotations import AnnotationError

HEADER = 1 << 16  # bytes of a file in which its size stands


class FrameFolder:
    """Gives random access to the images of a folder; frame i is the i-th by name.

    Where names are numbers, none may be missing, since all frames after it would be taken for
    others.

    Raises:
        AnnotationError: There are no images, or one is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = image_files(path)
        if not self._files:
            raise AnnotationError(f'{path} holds no images ({" ".join(IMAGE_SUFFIXES)})')
        self._refuse_gaps()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._files)

    @property
    def fps(self) -> float:
        """Return 0: a folder does not say how fast its frames follow."""
        return 0.0

    @property
    def times(self) -> None:
        """Return None: frames have no times of their own."""
        return

    def read(self, numbers: Sequence[int]) -> np.ndarray:
        """Return frames as RGB: uint8 (len(numbers), height, width, 3); numbers may repeat.

        Raises:
            AnnotationError: There is no such frame, or it cannot be decoded.
        """
        wanted = sorted(set(numbers))
        if not wanted or wanted[0] < 0 or wanted[-1] >= len(self):
            raise AnnotationError(f'{self.path} has frames 0 to {len(self) - 1}, not {wanted}')
        images = {number: self._read_one(number) for number in wanted}
        if len({image.shape for image in images.values()}) > 1:
            raise AnnotationError(f'{self.path}: frames {wanted} differ in size')
        return np.stack([images[number] for number in numbers])

    def odd_one(self) -> str:
        """Return what is wrong where an image has another size than the first; else nothing.

        By their headers alone; which side is up does not matter.
        """
        sizes = [(file, _size(file)) for file in self._files]
        known = [(file, size) for file, size in sizes if size]
        for file, size in known:
            if size != known[0][1]:
                return (
                    f'{file.name} has sides of {size}, {known[0][0].name} of {known[0][1]} pixels'
                )
        return ''

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read_one(self, number: int) -> np.ndarray:
        try:
            return read_image(self._files[number])
        except (ImageError, OSError) as error:
            raise AnnotationError(f'{self._files[number]} cannot be decoded: {error}') from error

    def _refuse_gaps(self) -> None:
        stems = [file.stem for file in self._files]
        if not all(stem.isdecimal() for stem in stems):
            return
        first = int(stems[0])
        for number, stem in enumerate(stems, first):
            if int(stem) != number:
                raise AnnotationError(
                    f'{self.path}: image number {number} is missing or there twice: after '
                    f'{self._files[max(0, number - first - 1)].name} comes {stem}'
                )


def _size(file: Path) -> tuple[int, ...] | None:
    """Return an image's shorter and longer side; None where its header does not say."""
    try:
        with file.open('rb') as opened:
            size = image_size(opened.read(HEADER)) if file.is_file() else None
    except OSError:
        return None
    return size and tuple(sorted(size))

"""Scale an image alike in both directions and pad it to what a network takes; no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

MULTIPLE = 32
PAD = 114


@dataclass(frozen=True)
class Letterbox:
    """How images of one size become inputs of a network.

    Attributes:
        image: Height and width of the images.
        scaled: Height and width to which they are resized; the rest of the input is padding, on the
            right and at the bottom.
        input: Height and width of the input, multiples of 32.
    """

    image: tuple[int, int]
    scaled: tuple[int, int]
    input: tuple[int, int]

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """Return what points in pixels of the input are multiplied by: float64 (2,), x and y."""
        return np.array([self.image[1] / self.scaled[1], self.image[0] / self.scaled[0]])

    def apply(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the input, uint8 (input height, input width, 3), of an image (H, W, 3).

        Raises:
            ValueError: The image has another size.
        """
        if image.shape[:2] != self.image:
            raise ValueError(f'the image has the size {image.shape[:2]}, not {self.image}')
        height, width = self.scaled
        result = np.full((*self.input, 3), PAD, np.uint8)
        shrinks = height < self.image[0]
        filter_ = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        result[:height, :width] = cv2.resize(image, (width, height), interpolation=filter_)
        return result

    def points_back(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return points (..., 2) in pixels of the input as pixels of the image."""
        return (points * self.scale).astype(np.float32)

    def boxes_back(self, boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return boxes (..., 4) in pixels of the input as pixels of the image."""
        return (boxes * np.tile(self.scale, 2)).astype(np.float32)


def fit_letterbox(height: int, width: int, pixels: int) -> Letterbox:
    """Return the letterbox of images (height, width) whose input has about `pixels` pixels.

    The input has the aspect ratio of the images, as near as multiples of 32 allow, so that little
    of it is padding. It never has more than `pixels` pixels.

    Raises:
        ValueError: A side is not positive, or `pixels` allows no input.
    """
    if min(height, width) < 1 or pixels < MULTIPLE**2:
        raise ValueError(f'no input of {pixels} pixels for images of {height} x {width}')
    sides = range(MULTIPLE, pixels // MULTIPLE + 1, MULTIPLE)
    best = max(
        ((high, pixels // high // MULTIPLE * MULTIPLE) for high in sides),
        key=lambda size: (min(size[0] / height, size[1] / width), -size[0] * size[1]),
    )
    scale = min(best[0] / height, best[1] / width)
    scaled = max(1, round(height * scale)), max(1, round(width * scale))
    needed = -(-scaled[0] // MULTIPLE) * MULTIPLE, -(-scaled[1] // MULTIPLE) * MULTIPLE
    return Letterbox((height, width), scaled, needed)

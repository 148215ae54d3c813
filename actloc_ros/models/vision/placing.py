"""Place an image in a network's input, and bring points back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MULTIPLE = 32  # of the sides of an input of any size
RESIZES = ('keep_ratio', 'letterbox', 'letterbox_centred', 'stretch')
FILTERS = {'area': cv2.INTER_AREA, 'linear': cv2.INTER_LINEAR}
"""By which images are made smaller; they are made larger by `linear`."""


@dataclass(frozen=True, eq=False)
class Placed:
    """An image in a network's input.

    Attributes:
        pixels: uint8 (h, w, 3): the input before its colours are changed.
        zoom: float64 (2,), x and y: pixels of the image a pixel of the input. Both differ a little
            also where the ratio is kept, since the image was resized to whole pixels.
        margin: float64 (2,), x and y: pixels of the input on the left of the image and above it.
    """

    pixels: np.ndarray
    zoom: np.ndarray
    margin: np.ndarray

    def back(self, points: np.ndarray) -> np.ndarray:
        """Return points (..., 2) in pixels of the input as pixels of the image, float32."""
        return ((points - self.margin) * self.zoom).astype(np.float32)


def place(
    image: np.ndarray, size: tuple[int, int], resize: str, pad: int = 114, smaller: str = 'area'
) -> Placed:
    """Return an image, uint8 (H, W, 3), as placed in an input.

    Args:
        image: The image.
        size: Height and width of the input; the most that they are for `keep_ratio`.
        resize: One of `RESIZES`.
        pad: Value of padding.
        smaller: One of `FILTERS`.
    """
    high, wide = image.shape[:2]
    height, width = size
    if resize == 'stretch':
        scaled = height, width
    else:
        scale = min(height / high, width / wide)
        scaled = max(1, round(high * scale)), max(1, round(wide * scale))
    if resize == 'keep_ratio':
        height, width = (-(-side // MULTIPLE) * MULTIPLE for side in scaled)
    top, left = 0, 0
    if resize == 'letterbox_centred':
        top, left = (height - scaled[0]) // 2, (width - scaled[1]) // 2
    interpolation = FILTERS[smaller] if scaled[0] < high else cv2.INTER_LINEAR
    pixels = np.full((height, width, 3), pad, np.uint8)
    pixels[top : top + scaled[0], left : left + scaled[1]] = cv2.resize(
        image, scaled[::-1], interpolation=interpolation
    )
    zoom = np.array([wide / scaled[1], high / scaled[0]])
    return Placed(pixels, zoom, np.array([left, top], float))

"""Make a network's input of an image, as a description says, and bring points back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.models.people.description import MULTIPLE, PeopleFile


@dataclass(frozen=True, eq=False)
class Placed:
    """An image in a network's input.

    Attributes:
        pixels: uint8 (h, w, 3), RGB: the input before its colours are changed.
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


def place(image: np.ndarray, how: PeopleFile) -> Placed:
    """Return an image, uint8 (H, W, 3), as placed in an input."""
    high, wide = image.shape[:2]
    height, width = how.size
    if how.resize == 'stretch':
        scaled = height, width
    else:
        scale = min(height / high, width / wide)
        scaled = max(1, round(high * scale)), max(1, round(wide * scale))
    if how.resize == 'keep_ratio':
        height, width = (-(-side // MULTIPLE) * MULTIPLE for side in scaled)
    top, left = 0, 0
    if how.resize == 'letterbox_centred':
        top, left = (height - scaled[0]) // 2, (width - scaled[1]) // 2
    filter_ = cv2.INTER_AREA if scaled[0] < high else cv2.INTER_LINEAR
    pixels = np.full((height, width, 3), how.pad, np.uint8)
    pixels[top : top + scaled[0], left : left + scaled[1]] = cv2.resize(
        image, scaled[::-1], interpolation=filter_
    )
    zoom = np.array([wide / scaled[1], high / scaled[0]])
    return Placed(pixels, zoom, np.array([left, top], float))


def colour(pixels: np.ndarray, how: PeopleFile, dtype: type) -> np.ndarray:
    """Return pixels, uint8 (..., 3) in RGB, in a network's colours and type."""
    ordered = pixels if how.colour == 'rgb' else pixels[..., ::-1]
    if np.issubdtype(dtype, np.integer):
        return ordered.astype(dtype)
    std = np.array(how.std, np.float32)
    factor, shift = how.maximum / 255 / std, np.array(how.mean, np.float32) / std
    values = ordered.astype(np.float32)
    values *= factor.astype(np.float32)
    values -= shift
    return values.astype(dtype, copy=False)

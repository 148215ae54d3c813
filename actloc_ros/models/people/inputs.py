"""Make a network's input of an image, as a description says."""

from __future__ import annotations

import numpy as np

from actloc_ros.models.people.description import PeopleFile
from actloc_ros.models.vision.placing import Placed, place


def placed(image: np.ndarray, how: PeopleFile) -> Placed:
    """Return an image, uint8 (H, W, 3), as placed in an input."""
    return place(image, how.size, how.resize, how.pad, how.filter)


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

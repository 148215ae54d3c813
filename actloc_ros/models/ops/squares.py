"""Cut squares out of images, as networks take them that know an actor by its crop."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

CONTEXT = 1.5  # side of the crop in longer sides of the box: actions extend beyond it


def squares_around(boxes: np.ndarray) -> np.ndarray:
    """Return a square around each box (K, 4), x1, y1, x2, y2: float64 (K, 4) of the same.

    Its side is 1.5 times the box's longer side.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = CONTEXT / 2 * (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)
    return np.concatenate([centres - half, centres + half], 1)


def central_square(image: Tensor) -> np.ndarray:
    """Return the largest square in the middle of an image (C, h, w): x1, y1, x2, y2."""
    height, width = image.shape[1:]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array([left, top, left + side, top + side], np.float64)


def cut(image: Tensor, square: np.ndarray) -> Tensor:
    """Return the pixels of `image` (C, h, w) in a square: (C, s, s), s at least 1.

    Args:
        image: Of any type.
        square: x1, y1, x2, y2 in pixels of the image. Where it reaches out of the image, the
            nearest pixels are repeated.
    """
    side = max(1, round(float(square[2] - square[0])))
    x, y = (round(float(value)) for value in square[:2])
    columns = torch.arange(x, x + side, device=image.device).clamp_(0, image.shape[2] - 1)
    rows = torch.arange(y, y + side, device=image.device).clamp_(0, image.shape[1] - 1)
    return image[:, rows[:, None], columns]

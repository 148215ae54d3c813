"""Compute with boxes: area, intersection over union, and what the image's edge leaves of them.

A box is x1, y1, x2, y2 in the last axis. Functions broadcast: `first[:, None]` with `second[None]`
gives all pairs.
"""

from __future__ import annotations

import numpy as np


def area(boxes: np.ndarray, pixel: float = 0.0) -> np.ndarray:
    """Return the areas (...) of boxes, float (..., 4).

    Args:
        boxes: Corners; x1 <= x2 and y1 <= y2.
        pixel: What is added to widths and heights: 1 where a box includes the pixels at x2 and
            y2, as in PASCAL VOC and ACT, else 0.
    """
    return (boxes[..., 2] - boxes[..., 0] + pixel) * (boxes[..., 3] - boxes[..., 1] + pixel)


def intersection(first: np.ndarray, second: np.ndarray, pixel: float = 0.0) -> np.ndarray:
    """Return the areas (...) that boxes, float (..., 4), share with their partners.

    Args:
        first: Corners.
        second: Corners, which broadcast with `first`.
        pixel: See `area`.
    """
    corner = np.maximum(first[..., :2], second[..., :2])
    size = np.minimum(first[..., 2:], second[..., 2:]) - corner + pixel
    return np.prod(np.maximum(size, 0.0), axis=-1)


def paired_iou(first: np.ndarray, second: np.ndarray, pixel: float = 0.0) -> np.ndarray:
    """Return the intersection over union of boxes, float (..., 4), with their partners.

    Args:
        first: Corners.
        second: Corners, which broadcast with `first`.
        pixel: See `area`.

    Returns:
        float (...), in [0, 1]; 0 where both boxes are empty.
    """
    shared = intersection(first, second, pixel)
    union = area(first, pixel) + area(second, pixel) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def clip(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return boxes, float (..., 4) in pixels, cut at the edge of an image of this size."""
    return boxes.clip(0, [width, height] * 2)


def has_area(boxes: np.ndarray) -> np.ndarray:
    """Return whether each box, float (..., 4), has a width and a height above 0: bool (...)."""
    return (boxes[..., 0] < boxes[..., 2]) & (boxes[..., 1] < boxes[..., 3])

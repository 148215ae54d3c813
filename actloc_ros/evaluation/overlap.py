"""Compute how far boxes and tubes overlap."""

from __future__ import annotations

import numpy as np

from actloc_ros.truth.boxes import Tube


def paired_iou(first: np.ndarray, second: np.ndarray, pixel: float) -> np.ndarray:
    """Return the intersection over union of each box with its partner.

    Args:
        first: float (..., 4): x1, y1, x2, y2.
        second: float (..., 4), which broadcasts with `first`.
        pixel: What is added to widths and heights: 1 where a box includes the pixels at x2 and
            y2, as in PASCAL VOC and ACT, else 0.

    Returns:
        float64 (...), in [0, 1]; 0 where both boxes are empty.
    """
    corner = np.maximum(first[..., :2], second[..., :2])
    size = np.minimum(first[..., 2:], second[..., 2:]) - corner + pixel
    shared = np.prod(np.maximum(size, 0.0), axis=-1)
    union = _area(first, pixel) + _area(second, pixel) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _area(boxes: np.ndarray, pixel: float) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0] + pixel) * (boxes[..., 3] - boxes[..., 1] + pixel)


def tube_iou(first: Tube, second: Tube, pixel: float) -> float:
    """Return the spatio-temporal overlap of two tubes of the same video, in [0, 1].

    It is the mean spatial IoU over the frames that both have, times the temporal IoU (frames of
    both over frames of either): Weinzaepfel et al., Learning to track, ICCV 2015.
    """
    _, mine, others = np.intersect1d(
        first.frames, second.frames, assume_unique=True, return_indices=True
    )
    if not len(mine):
        return 0.0
    either = len(first.frames) + len(second.frames) - len(mine)
    return float(paired_iou(first.boxes[mine], second.boxes[others], pixel).sum() / either)

"""Compute how far tubes overlap."""

from __future__ import annotations

import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.truth.boxes import Tube


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

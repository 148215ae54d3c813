"""Measure online detection frame by frame: average precision of each frame's scores.

AP is the mean precision at the frames that hold the action, best score first, without
interpolation. Calibrated AP (De Geest et al., Online Action Detection, ECCV 2016) weighs false
frames as if there were as many frames without the action as with it. Frames of all videos count
together. By stages, only a tenth of each action counts, beside all frames without it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

STAGES = 10


def frame_average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision in [0, 1]; NaN where no frame holds the action.

    Frames of equal scores count at once.

    Args:
        present: bool (N,): which frames hold the action.
        scores: float (N,): higher is more confident.
    """
    order = np.argsort(-scores, kind='stable')
    right = np.cumsum(present[order], dtype=np.float64)
    if not right.size or not right[-1]:
        return np.nan
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)  # of equal ones
    gained = np.diff(right[last], prepend=0.0)
    return float((gained * right[last] / (last + 1)).sum() / right[-1])


def calibrated_average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """Return the calibrated average precision in [0, 1]; NaN where no frame holds the action.

    A false frame counts as positives / negatives of one.

    Args:
        present: bool (N,): which frames hold the action.
        scores: float (N,): higher is more confident; of equal ones the first is first.
    """
    ordered = present[np.argsort(-scores, kind='stable')].astype(bool)
    right, wrong = np.cumsum(ordered), np.cumsum(~ordered)
    if not right.size or not right[-1]:
        return np.nan
    if not wrong[-1]:
        return 1.0
    weighed = wrong * (right[-1] / wrong[-1])
    return float((right / (right + weighed))[ordered].mean())


def stage_frames(present: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the frames that count in each stage: STAGES masks, bool (N,).

    Of each run of frames with the action, from its first to its last, stage k of 10 has those from
    k to k + 1 tenths of the way, one at least; frames without the action count in every stage.

    Args:
        present: bool (N,): which frames hold the action.
    """
    edges = np.diff(present.astype(np.int8), prepend=0, append=0)
    firsts = np.flatnonzero(edges > 0)
    ways = np.flatnonzero(edges < 0) - 1 - firsts
    for stage in range(STAGES):
        counted = ~present.astype(bool)
        lows = firsts + (ways * (stage / STAGES)).astype(np.int64)
        highs = firsts + (ways * ((stage + 1) / STAGES)).astype(np.int64)
        for low, high in zip(lows, np.maximum(lows + 1, highs), strict=True):
            counted[low:high] = True
        yield counted

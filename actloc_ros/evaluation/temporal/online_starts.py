"""Measure how well the starts of actions are found online: point-level average precision.

As Shou et al. define it (Online Detection of Action Start in Untrimmed, Streaming Videos, ECCV
2018) and the evaluation of WOAD (Gao et al., CVPR 2021) computes it: a found start is right if the
nearest true start of its video and class is near enough and not yet taken by a better one.
"""

from __future__ import annotations

import numpy as np

from actloc_ros.evaluation.precision import eleven_point, precision_recall

OFFSETS = tuple(float(second) for second in range(1, 11))
"""How near in s a start must be, in the published tables."""
LEVELS = np.arange(0.0, 1.1, 0.1)
"""Recalls of the average; as the evaluation's sums round, 3 of 10 starts are below the fourth."""


def starts_of_frames(scores: np.ndarray) -> np.ndarray:
    """Return the scores of starts: float (N, C), 0 where nothing starts.

    An action starts where the best class changes to it; before the first frame is background.

    Args:
        scores: float (N, C), of frames in order; class 0 is background.
    """
    best = scores.argmax(axis=1)
    rows = np.flatnonzero((np.diff(best, prepend=0) != 0) & (best != 0))
    starts = np.zeros_like(scores)
    starts[rows, best[rows]] = scores[rows, best[rows]]
    return starts


def match_starts(
    found: np.ndarray, videos: np.ndarray, true: np.ndarray, true_videos: np.ndarray, offset: float
) -> np.ndarray:
    """Return whether each found start of a class is right: bool (N,).

    Args:
        found: float (N,): times in s, best first.
        videos: Of the found ones (N,).
        true: float (T,): times in s.
        true_videos: Of the true ones (T,).
        offset: Largest difference in s.
    """
    taken = np.zeros(len(true), bool)
    right = np.zeros(len(found), bool)
    rows_of = {video: np.flatnonzero(true_videos == video) for video in np.unique(videos)}
    for place, (time, video) in enumerate(zip(found, videos, strict=True)):
        rows = rows_of[video]
        if not len(rows):
            continue
        apart = np.abs(time - true[rows])
        nearest = apart.argmin()
        right[place] = apart[nearest] <= offset and not taken[rows[nearest]]
        taken[rows[nearest]] |= right[place]
    return right


def point_average_precision(hits: np.ndarray, truths: int) -> float:
    """Return the 11-point average precision of starts in [0, 1]; NaN without true starts.

    Args:
        hits: bool (N,): whether each found start is right, best first.
        truths: Number of starts to find. The evaluation leaves out those after the last frame.
    """
    if not truths:
        return np.nan
    return eleven_point(*precision_recall(hits, truths), LEVELS)

"""Compute precision, recall and average precision, each way that the field does it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

ELEVEN_LEVELS = np.arange(11) / 10


def precision_recall(hits: np.ndarray, truths: int) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall after each detection.

    Args:
        hits: bool (N,), whether each detection is right, highest score first.
        truths: Number of things to find, 1 or more.

    Returns:
        Precision and recall, float64 (N,) each, in [0, 1].
    """
    right = np.cumsum(hits, dtype=np.float64)
    return right / np.arange(1, len(hits) + 1), right / truths


def envelope(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the area under the falling envelope of all points: PASCAL VOC 2010, AVA, YOWO."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def eleven_point(
    precision: np.ndarray, recall: np.ndarray, levels: np.ndarray = ELEVEN_LEVELS
) -> float:
    """Return the mean of the best precision at recall 0, 0.1, …, 1: PASCAL VOC 2007."""
    return float(sum(precision[recall >= level].max(initial=0.0) for level in levels) / 11)


def trapezoid(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the area under the straight lines from (recall 0, precision 1) on: ACT."""
    mean = (precision + np.concatenate([[1.0], precision])[:-1]) / 2
    return float(np.sum(np.diff(recall, prepend=0.0) * mean))


def coco_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """Return the mean of the envelope at recall 0, 0.01, …, 1: COCO."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, np.linspace(0, 1, 101), side='left')
    return float(np.append(best, 0.0)[place].mean())


AVERAGES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    'envelope': envelope,
    '11-point': eleven_point,
    'trapezoid': trapezoid,
}

"""Measure detection in time: average precision and recall of segments, no boxes.

As ActivityNet's evaluation has it (overlaps in time of 0.5 to 0.95), also used for THUMOS14 (0.3 to
0.7): a prediction, best first, takes the best truth of its video and label that is still free and
overlaps enough; precision is made monotone and integrated over all recalls.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.truth.segments import Segments


def time_overlap(spans: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the intersection over union in time of spans (N, 2) and (M, 2): float64 (N, M)."""
    low = np.maximum(spans[:, None, 0], other[None, :, 0])
    high = np.minimum(spans[:, None, 1], other[None, :, 1])
    shared = (high - low).clip(0)
    lengths = (spans[:, 1] - spans[:, 0])[:, None] + (other[:, 1] - other[:, 0])[None]
    union = lengths - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match_segments(truth: Segments, predictions: Segments, overlaps: Sequence[float]) -> np.ndarray:
    """Return which predictions of a label are right at each least overlap: bool (K, N).

    Columns are the predictions with the highest score first. Predictions in videos without truth
    of the label are false.
    """
    order = np.argsort(-predictions.scores, kind='stable')
    least = np.asarray(overlaps)
    hits = np.zeros((len(least), len(order)), bool)
    taken = np.zeros((len(least), len(truth.spans)), bool)
    for place, row in enumerate(order.tolist()):
        rows = truth.of(predictions.videos[row])
        if not len(rows):
            continue
        shared = time_overlap(predictions.spans[row : row + 1], truth.spans[rows])[0]
        for best in np.argsort(-shared, kind='stable').tolist():
            free = (shared[best] >= least) & ~taken[:, rows[best]] & ~hits[:, place]
            taken[free, rows[best]] = True
            hits[free, place] = True
    return hits


def recall_at(
    truth: Segments, predictions: Segments, overlaps: Sequence[float], times: Sequence[int]
) -> np.ndarray:
    """Return which share of the truth is found: float64 (K, L) in [0, 1].

    Args:
        truth: Of one label, not empty.
        predictions: Of the label.
        overlaps: K least overlaps.
        times: L numbers: of each video count that many predictions a truth, best first.
    """
    least = np.asarray(overlaps)
    found = np.zeros((len(least), len(times)))
    for video in np.unique(truth.videos):
        spans = truth.spans[truth.of(video)]
        rows = predictions.of(video)
        rows = rows[np.argsort(-predictions.scores[rows], kind='stable')]
        for place, count in enumerate(times):
            best = predictions.spans[rows[: count * len(spans)]]
            if len(best):
                shared = time_overlap(best, spans).max(0)
                found[:, place] += (shared[None] > least[:, None]).sum(1)
    return found / len(truth.spans)

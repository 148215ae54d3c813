"""Suppress and refine segments in time, without PyTorch.

Hard and soft suppression (arXiv 1704.04503) and voting, with the results of
happyharrycn/actionformer_release: it works in float32, and so does this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TINY = np.float32(1e-6)  # added to lengths


@dataclass(frozen=True, eq=False)
class Segments:
    """N segments of time with labels.

    Attributes:
        spans: float32 (N, 2): start and end.
        scores: float32 (N,).
        labels: int64 (N,).
    """

    spans: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self.labels)

    def __getitem__(self, chosen: np.ndarray) -> Segments:
        """Return the segments that an index or a mask chooses."""
        return Segments(self.spans[chosen], self.scores[chosen], self.labels[chosen])


@dataclass(frozen=True)
class SuppressionOptions:
    """How segments are suppressed.

    Attributes:
        iou: Overlap from which the lesser of two is dropped, where suppression is hard.
        soft: Whether scores are lowered by exp(-iou² / sigma) instead.
        sigma: Of it.
        min_score: Segments that score less are dropped, at first or once lowered.
        most: Of all segments, at most so many are kept.
        by_label: Whether only segments of one label suppress each other.
        voting: Overlap from which all segments move a kept one, weighted by score times overlap;
            0 for none. It holds only where labels are suppressed together.
    """

    iou: float = 0.1
    soft: bool = True
    sigma: float = 0.5
    min_score: float = 0.001
    most: int = 200
    by_label: bool = True
    voting: float = 0.0


def suppress_segments(found: Segments, options: SuppressionOptions) -> Segments:
    """Return what is left of segments, best first; scores may be lowered, spans moved."""
    found = Segments(
        found.spans.astype(np.float32).reshape(-1, 2),
        found.scores.astype(np.float32),
        found.labels.astype(np.int64),
    )
    if options.by_label:
        rows = [np.flatnonzero(found.labels == label) for label in np.unique(found.labels)]
        parts = [_suppressed(found[row], options) for row in rows]
    else:
        parts = [_suppressed(found, options)]
        if options.voting > 0:
            parts = [_voted(parts[0], found, options.voting)]
    kept = Segments(
        np.concatenate([np.zeros((0, 2), np.float32), *(part.spans for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.labels for part in parts)]),
    )
    return kept[np.argsort(-kept.scores, kind='stable')[: options.most]]


def _suppressed(found: Segments, options: SuppressionOptions) -> Segments:
    """Return what is left of segments that all suppress each other, best first."""
    if not options.soft:
        found = found[found.scores > options.min_score]
    scores, rest = found.scores.copy(), np.arange(len(found))
    kept: list[int] = []
    while len(rest) and len(kept) < options.most:
        place = int(scores[rest].argmax())
        best, rest = int(rest[place]), np.delete(rest, place)
        kept.append(best)
        overlap = _iou(found.spans[best], found.spans[rest], TINY)
        if options.soft:
            scores[rest] *= np.exp(-(overlap**2) / np.float32(options.sigma))
            rest = rest[scores[rest] >= options.min_score]
        else:
            rest = rest[overlap < options.iou]
    chosen = np.array(kept, np.int64)
    return Segments(found.spans[chosen], scores[chosen], found.labels[chosen])


def _voted(kept: Segments, found: Segments, least: float) -> Segments:
    """Return segments moved to the mean of all that overlap them."""
    overlap = _iou(kept.spans[:, None], found.spans[None], np.float32(0))
    weights = np.where(overlap >= least, found.scores * overlap, np.float32(0))
    total = weights.sum(1, keepdims=True)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    spans = np.where(total > 0, share @ found.spans, kept.spans)
    return Segments(spans.astype(np.float32), kept.scores, kept.labels)


def _iou(first: np.ndarray, second: np.ndarray, tiny: np.float32) -> np.ndarray:
    """Return the intersection over union of spans (..., 2), with `tiny` added to lengths."""
    shared = np.minimum(first[..., 1], second[..., 1]) - np.maximum(first[..., 0], second[..., 0])
    shared = np.maximum(shared, np.float32(0))
    lengths = (each[..., 1] - each[..., 0] + tiny for each in (first, second))
    union = sum(lengths) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))

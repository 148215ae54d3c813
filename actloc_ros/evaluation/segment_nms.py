"""Drop or weaken segments that overlap better ones in time, and let all vote on where they end.

Soft suppression is that of "Soft-NMS" (arXiv 1704.04503) with a Gaussian; voting weighs the ends of
all segments that overlap enough by their score and overlap. Numbers are float32, lengths are longer
by 1e-6, as in the published code of ActionFormer (arXiv 2202.07925).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONGER = np.float32(1e-6)


@dataclass(frozen=True)
class SuppressOptions:
    """How segments that overlap are suppressed.

    Attributes:
        min_score: Below it a segment is dropped.
        most: Segments that are left, at most.
        iou: Overlap from which the lesser of two is dropped, in hard suppression.
        sigma: Of the Gaussian of soft suppression; 0 for hard suppression.
        by_label: Whether labels are suppressed apart, without votes.
        vote_iou: Overlap from which a segment votes; 0 for no votes.
    """

    min_score: float = 0.001
    most: int = 200
    iou: float = 0.5
    sigma: float = 0.5
    by_label: bool = True
    vote_iou: float = 0.0


def suppress_segments(
    spans: np.ndarray, scores: np.ndarray, labels: np.ndarray, how: SuppressOptions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is left, best first: float32 (M, 2), float32 (M,) and int64 (M,).

    Args:
        spans: (N, 2): start and end in any unit.
        scores: (N,).
        labels: int (N,).
        how: See `SuppressOptions`.
    """
    spans, scores = np.asarray(spans, np.float32), np.asarray(scores, np.float32)
    groups = [labels == label for label in np.unique(labels)]
    if not (how.by_label and groups):
        groups = [np.ones(len(scores), bool)]
    parts = []
    for group in groups:
        rows = np.flatnonzero(group & (scores > how.min_score))
        kept, left = (
            _soft(spans[rows], scores[rows], how)
            if how.sigma
            else _hard(spans[rows], scores[rows], how)
        )
        parts.append((spans[rows[kept]], left, labels[rows[kept]]))
    found, left, kinds = (np.concatenate(part) for part in zip(*parts, strict=True))
    if how.vote_iou and not how.by_label:
        found = _voted(found, spans, scores, how.vote_iou)
    order = np.argsort(-left, kind='stable')[: how.most]
    return found[order], left[order], kinds[order].astype(np.int64)


def _overlap(spans: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the overlap in time (M,) of one span (2,) with others (M, 2)."""
    shared = np.minimum(spans[1], other[:, 1]) - np.maximum(spans[0], other[:, 0])
    shared = shared.clip(0)
    lengths = spans[1] - spans[0] + LONGER + (other[:, 1] - other[:, 0] + LONGER)
    overlap: np.ndarray = shared / (lengths - shared)
    return overlap


def _hard(
    spans: np.ndarray, scores: np.ndarray, how: SuppressOptions
) -> tuple[np.ndarray, np.ndarray]:
    kept: list[int] = []
    for row in np.argsort(-scores, kind='stable').tolist():
        if not kept or (_overlap(spans[row], spans[kept]) < how.iou).all():
            kept.append(row)
    rows = np.array(kept[: how.most], np.int64)
    return rows, scores[rows]


def _soft(
    spans: np.ndarray, scores: np.ndarray, how: SuppressOptions
) -> tuple[np.ndarray, np.ndarray]:
    scores = scores.copy()
    waiting = np.ones(len(scores), bool)
    kept: list[int] = []
    while waiting.any() and len(kept) < how.most:
        best = int(np.flatnonzero(waiting)[scores[waiting].argmax()])
        kept.append(best)
        waiting[best] = False
        rest = np.flatnonzero(waiting)
        overlap = _overlap(spans[best], spans[rest])
        scores[rest] *= np.exp(-(overlap**2) / np.float32(how.sigma)).astype(np.float32)
        waiting[rest[scores[rest] < how.min_score]] = False
    rows = np.array(kept, np.int64)
    return rows, scores[rows]


def _voted(found: np.ndarray, spans: np.ndarray, scores: np.ndarray, least: float) -> np.ndarray:
    """Return segments whose ends are means of those of all segments that overlap enough."""
    low = np.maximum(found[:, None, 0], spans[None, :, 0])
    high = np.minimum(found[:, None, 1], spans[None, :, 1])
    shared = (high - low).clip(0)
    lengths = (found[:, 1] - found[:, 0])[:, None] + (spans[:, 1] - spans[:, 0])[None]
    overlap = shared / (lengths - shared)
    votes = (overlap >= least) * scores[None] * overlap
    moved: np.ndarray = (votes / votes.sum(1, keepdims=True)) @ spans
    return moved.astype(np.float32)

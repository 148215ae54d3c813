"""Fuse boxes that several models found in one image.

Weighted boxes fusion (Solovyev, Wang, Gabruseva, arXiv 1910.13302), non-maximum suppression (hard,
or soft as in arXiv 1704.04503) and non-maximum weighted (Zhou, ICIP 2017), each with the results of
the package ensemble-boxes 1.0.9. Coordinates are in [0, 1] of the image: what lies outside is cut
off, so that pixels would be clipped away to nothing. Here they are refused instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from actloc_ros.boxes import area, paired_iou

OUTSIDE = 1.5  # of the image: coordinates beyond are pixels, not a box that sticks out a little


class Confidence(str, Enum):
    """How the scores of a cluster of boxes become one."""

    AVERAGE = 'avg'  # mean, times the smaller of models and boxes, over the sum of weights
    MAXIMUM = 'max'
    BOX_AND_MODEL = 'box_and_model_avg'
    ABSENT_AWARE = 'absent_model_aware_avg'  # models without a box count with their weight


class Suppression(str, Enum):
    """What happens to the lesser of two boxes that overlap."""

    HARD = 'hard'  # dropped
    LINEAR = 'linear'  # its score is lowered by the overlap
    GAUSSIAN = 'gaussian'  # its score is multiplied by exp(-overlap² / sigma)


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """Boxes with labels in one image.

    Attributes:
        boxes: float64 (N, 4): x1, y1, x2, y2 in [0, 1].
        scores: float64 (N,).
        labels: int64 (N,).
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Cluster:
    """Boxes that became one.

    Attributes:
        box: float64 (4,): their mean, weighted by their scores.
        score: The cluster's.
        label: Their label.
        members: int64 (K, 2): model and row of each box, best first.
    """

    box: np.ndarray
    score: float
    label: int
    members: np.ndarray


def weighted_boxes_fusion(
    models: Sequence[LabelledBoxes],
    weights: Sequence[float] | None = None,
    iou: float = 0.55,
    min_score: float = 0.0,
    confidence: Confidence = Confidence.AVERAGE,
    allows_overflow: bool = False,
) -> list[Cluster]:
    """Return the fused boxes of several models, best first.

    Args:
        models: What each model found.
        weights: Of each model, above 0; equal where None.
        iou: Overlap above which a box of the same label joins a cluster's mean.
        min_score: Boxes below are dropped, before weights count.
        confidence: How scores are fused. With `AVERAGE`, 0.9 found by one of two becomes 0.45.
        allows_overflow: With `AVERAGE`, whether more boxes than models raise the score further.

    Raises:
        ValueError: Coordinates are not in [0, 1], or there is not one weight above 0 a model.
    """
    weighted = _weights(weights, len(models))
    clusters = []
    for rows in _by_label(models, weighted, min_score):
        for group, box in _clusters(rows, iou, confidence):
            score = _confidence(group, weighted, confidence, allows_overflow)
            clusters.append(Cluster(box, score, int(group[0].label), _members(group)))
    order = np.argsort([cluster.score for cluster in clusters])[::-1]
    return [clusters[index] for index in order]


def non_maximum_weighted(
    models: Sequence[LabelledBoxes],
    weights: Sequence[float] | None = None,
    iou: float = 0.55,
    min_score: float = 0.0,
) -> list[Cluster]:
    """Return the best box of each cluster, moved by its lesser ones; arguments as above.

    Raises:
        ValueError: As `weighted_boxes_fusion`.
    """
    weighted = _weights(weights, len(models))
    clusters = []
    for rows in _by_label(models, weighted / weighted.max(), min_score):
        groups: list[list[_Row]] = []
        for row in rows:
            found = _match(np.array([group[0].box for group in groups]), row.box, iou)
            if found is None:
                groups.append([row])
            else:
                groups[found].append(row)
        for group in groups:
            boxes = np.array([row.box for row in group])
            share = np.array([row.score for row in group]) * paired_iou(boxes, boxes[:1])
            box = (share[:, None] * boxes).sum(0) / share.sum()
            clusters.append(Cluster(box, group[0].score, int(group[0].label), _members(group)))
    order = np.argsort([cluster.score for cluster in clusters])[::-1]
    return [clusters[index] for index in order]


def suppress(
    models: Sequence[LabelledBoxes],
    how: Suppression = Suppression.HARD,
    iou: float = 0.5,
    sigma: float = 0.5,
    min_score: float = 0.001,
    weights: Sequence[float] | None = None,
) -> LabelledBoxes:
    """Return the boxes that are left of all models' together, label by label, best first.

    Args:
        models: What each model found.
        how: What happens to lesser boxes.
        iou: Overlap above which a box is dropped or, with `LINEAR`, lowered.
        sigma: Of `GAUSSIAN`.
        min_score: Boxes whose lowered score is not above it are dropped.
        weights: Of each model, by whose share scores are multiplied; None for 1.

    Returns:
        Boxes with their scores as they came: lowered scores only choose and order.

    Raises:
        ValueError: As `weighted_boxes_fusion`.
    """
    share = np.ones(len(models))
    if weights is not None:
        share = _weights(weights, len(models)) / np.sum(weights)
    boxes = np.concatenate([_inside(model.boxes) for model in models])
    scores = np.concatenate([m.scores * s for m, s in zip(models, share, strict=True)])
    labels = np.concatenate([model.labels for model in models])
    full = area(boxes) > 0
    boxes, scores, labels = boxes[full], scores[full], labels[full]
    kept = [
        rows[_suppressed(boxes[rows], scores[rows], how, iou, sigma, min_score)]
        for rows in (np.flatnonzero(labels == label) for label in np.unique(labels))
    ]
    chosen = np.concatenate([np.zeros(0, np.int64), *kept])
    return LabelledBoxes(boxes[chosen], scores[chosen], labels[chosen])


@dataclass(frozen=True, eq=False)
class _Row:
    """A box of a model: `score` has its `weight` in it."""

    label: int
    score: float
    weight: float
    model: int
    row: int
    box: np.ndarray


def _weights(weights: Sequence[float] | None, models: int) -> np.ndarray:
    found = np.ones(models) if weights is None else np.asarray(weights, np.float64)
    if found.shape != (models,) or not (found > 0).all():
        raise ValueError(f'weights are {found.tolist()}; expected one above 0 for each model')
    return found


def _inside(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) with sides in order, cut off at 0 and 1."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if len(boxes) and np.abs(boxes).max() > OUTSIDE:
        raise ValueError(
            f'a box is {boxes[np.abs(boxes).max(1).argmax()].tolist()}; give parts of the image, '
            'from 0 to 1, not pixels'
        )
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], 1).clip(0, 1)


def _by_label(
    models: Sequence[LabelledBoxes], weights: np.ndarray, min_score: float
) -> list[list[_Row]]:
    """Return the boxes that count of each label, best first; of equal ones the last comes first."""
    found: dict[int, list[_Row]] = {}
    for index, model in enumerate(models):
        boxes = _inside(model.boxes)
        for row in np.flatnonzero((area(boxes) > 0) & (model.scores >= min_score)).tolist():
            label, score = int(model.labels[row]), float(model.scores[row] * weights[index])
            entry = _Row(label, score, float(weights[index]), index, row, boxes[row])
            found.setdefault(label, []).append(entry)
    return [
        [rows[index] for index in np.argsort([row.score for row in rows])[::-1]]
        for rows in found.values()
    ]


def _match(boxes: np.ndarray, box: np.ndarray, iou: float) -> int | None:
    """Return which of `boxes` (N, 4) overlaps most, and by more than `iou`."""
    if not len(boxes):
        return None
    overlap = paired_iou(boxes, box[None])
    best = int(overlap.argmax())
    return best if overlap[best] > iou else None


def _clusters(
    rows: Sequence[_Row], iou: float, confidence: Confidence
) -> list[tuple[list[_Row], np.ndarray]]:
    """Return the clusters of boxes of one label, with the mean box of each."""
    groups: list[list[_Row]] = []
    means = np.zeros((0, 4))
    for row in rows:
        found = _match(means, row.box, iou)
        if found is None:
            groups.append([row])
            means = np.concatenate([means, row.box[None]])
            continue
        groups[found].append(row)
        scores = np.array([each.score for each in groups[found]])
        boxes = np.array([each.box for each in groups[found]])
        means[found] = (scores[:, None] * boxes).sum(0) / scores.sum()
    return list(zip(groups, means, strict=True))


def _confidence(
    group: Sequence[_Row], weights: np.ndarray, how: Confidence, allows_overflow: bool
) -> float:
    """Return the score of a cluster."""
    scores, models = [row.score for row in group], sorted({row.model for row in group})
    total, detected = sum(scores), sum(row.weight for row in group)
    if how is Confidence.MAXIMUM:
        return float(max(scores) / weights.max())
    if how is Confidence.BOX_AND_MODEL:
        return float(total / detected * weights[models].sum() / weights.sum())
    if how is Confidence.ABSENT_AWARE:
        return float(total / (detected + np.delete(weights, models).sum()))
    count = len(group) if allows_overflow else min(len(weights), len(group))
    return float(total / len(group) * count / weights.sum())


def _members(group: Sequence[_Row]) -> np.ndarray:
    return np.array([(row.model, row.row) for row in group], np.int64).reshape(-1, 2)


def _suppressed(
    boxes: np.ndarray,
    scores: np.ndarray,
    how: Suppression,
    iou: float,
    sigma: float,
    min_score: float,
) -> np.ndarray:
    """Return the rows of one label that are left, best first."""
    lower: dict[Suppression, Callable[[np.ndarray], np.ndarray]] = {
        Suppression.HARD: lambda overlap: np.where(overlap > iou, 0.0, 1.0),
        Suppression.LINEAR: lambda overlap: np.where(overlap > iou, 1 - overlap, 1.0),
        Suppression.GAUSSIAN: lambda overlap: np.exp(-(overlap**2) / sigma),
    }
    least = 0.0 if how is Suppression.HARD else min_score
    scores, rest, kept = scores.copy(), np.arange(len(scores)), []
    while len(rest):
        place = int(scores[rest].argmax())
        best, rest = rest[place], np.delete(rest, place)
        if scores[best] > least:
            kept.append(best)
        scores[rest] *= lower[how](paired_iou(boxes[rest], boxes[best][None]))
    return np.array(kept, np.int64)

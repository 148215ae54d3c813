"""Normalize inputs of published people networks, and choose among what they report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms, nms

from actloc_ros.models.entry import Preprocessing

MOST_PEOPLE = 100
MOST = 1000  # candidates of a level, before the weaker of those that overlap are dropped


@dataclass(frozen=True, eq=False)
class Chosen:
    """Boxes that are left, best first.

    Attributes:
        boxes: (N, 4), x1, y1, x2, y2 in pixels of the input.
        scores: (N,) in [0, 1].
        classes: int64 (N,).
        candidates: How many there were before those that overlap were dropped.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    candidates: int


def normalize(images: Tensor, how: Preprocessing) -> Tensor:
    """Return images (B, 3, h, w), 0 to 255 in the input's colours, less the mean, by the std."""
    mean, std = (images.new_tensor(part)[:, None, None] for part in (how.mean, how.std))
    return (images * (how.maximum / 255) - mean) / std


def have_area(boxes: Tensor) -> Tensor:
    """Return which boxes (A, 4) have one: bool (A,)."""
    return (boxes[:, 2:] > boxes[:, :2]).all(1)


def best_rows(boxes: Tensor, scores: Tensor, least: float, overlap: float) -> Tensor:
    """Return the rows of people, best first, without those that a better one overlaps.

    Args:
        boxes: (A, 4).
        scores: (A,).
        least: Score from which a row counts.
        overlap: IoU above which the weaker of two is dropped.
    """
    rows = torch.nonzero((scores >= least) & have_area(boxes))[:, 0]
    return rows[nms(boxes[rows], scores[rows], overlap)][:MOST_PEOPLE]


def every_class(
    boxes: Tensor,
    scores: Tensor,
    least: float,
    strides: Sequence[int],
    size: tuple[int, int],
    overlap: float,
) -> Chosen:
    """Return what is left of all classes, as the authors' own code reports it.

    Args:
        boxes: (A, 4), level by level.
        scores: (A, C).
        least: Score above which a class counts.
        strides: Of the levels, in pixels.
        size: Height and width of the input.
        overlap: IoU above which the weaker of two boxes of a class is dropped.
    """
    counts = [-(-size[0] // stride) * -(-size[1] // stride) for stride in strides]
    rows, classes, values = [], [], []
    begin = 0
    for count in counts:
        level = scores[begin : begin + count]
        row, kind = torch.nonzero(level > least, as_tuple=True)
        value, order = level[row, kind].sort(descending=True, stable=True)
        order = order[:MOST]
        rows.append(row[order] + begin)
        classes.append(kind[order])
        values.append(value[:MOST])
        begin += count
    row, kind, value = torch.cat(rows), torch.cat(classes), torch.cat(values)
    there = have_area(boxes[row])
    row, kind, value = row[there], kind[there], value[there]
    kept = batched_nms(boxes[row], value, kind, overlap)
    return Chosen(boxes[row[kept]], value[kept], kind[kept], len(row))

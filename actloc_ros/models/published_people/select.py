"""Make inputs of images for published people networks, and choose among what they report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from actloc_ros.models.entry import Preprocessing

PAD = 114  # grey of the padding
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


def letterbox(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Return an image, uint8 (H, W, 3), scaled to fit `size` and padded; and the scale.

    The image is at the top left, its size rounded down, as the published code has it.
    """
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    width, height = int(image.shape[1] * scale), int(image.shape[0] * scale)
    padded = np.full((*size, 3), PAD, np.uint8)
    padded[:height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return padded, scale


def normalize(images: Tensor, how: Preprocessing) -> Tensor:
    """Return images (B, 3, h, w), 0 to 255 in the input's colours, less the mean, by the std."""
    mean, std = (images.new_tensor(part)[:, None, None] for part in (how.mean, how.std))
    return (images * (how.maximum / 255) - mean) / std


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
    there = (boxes[row, 2:] > boxes[row, :2]).all(1)
    row, kind, value = row[there], kind[there], value[there]
    kept = batched_nms(boxes[row], value, kind, overlap)
    return Chosen(boxes[row[kept]], value[kept], kind[kept], len(row))

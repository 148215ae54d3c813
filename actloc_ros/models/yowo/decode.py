"""Turn YOWO's raw map into actors: anchors, activations, thresholds and suppression."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import nms

from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.entry import Entry
from actloc_ros.models.ops.scores import class_scores

STRIDE = 32


def decode(outputs: Sequence[Tensor], entry: Entry) -> list[ActorPredictions]:
    """Return the actors of each clip, best first.

    Args:
        outputs: One tensor (B, A * (5 + C), H, W): for each of A anchors x, y, width, height,
            confidence and class logits.
        entry: Gives anchors in cells, the activation of classes, and thresholds.
    """
    boxes, confidences, classes = decode_cells(outputs[0], entry)
    return [_suppress(*clip, entry) for clip in zip(boxes, confidences, classes, strict=True)]


def decode_cells(raw: Tensor, entry: Entry) -> tuple[Tensor, Tensor, Tensor]:
    """Return every anchor of every cell, row by row of the map.

    Returns:
        Boxes (B, N, 4) in pixels of the network's input, confidences (B, N), class scores
        (B, N, C).
    """
    height, width = raw.shape[-2:]
    anchors = raw.new_tensor(entry.anchors).view(-1, 2)
    cells = raw.unflatten(1, (len(anchors), -1)).permute(0, 3, 4, 1, 2)  # (B, H, W, A, 5 + C)
    y, x = torch.meshgrid(
        torch.arange(height, device=raw.device),
        torch.arange(width, device=raw.device),
        indexing='ij',
    )
    centres = cells[..., :2].sigmoid() + torch.stack((x, y), -1)[:, :, None]
    halves = cells[..., 2:4].exp() * anchors / 2
    boxes = torch.cat((centres - halves, centres + halves), -1) * STRIDE
    classes = class_scores(cells[..., 5:], entry.activation)
    return boxes.flatten(1, 3), cells[..., 4].sigmoid().flatten(1), classes.flatten(1, 3)


def _suppress(
    boxes: Tensor, confidences: Tensor, classes: Tensor, entry: Entry
) -> ActorPredictions:
    """Drop low confidences and the lesser of two overlapping boxes, whatever their classes."""
    best = confidences.argsort(descending=True)[: entry.top_k]
    best = best[confidences[best] > entry.min_score]
    kept = best[nms(boxes[best], confidences[best], entry.nms_iou)]
    confidences = confidences[kept]
    return ActorPredictions(boxes[kept], confidences, confidences[:, None] * classes[kept])

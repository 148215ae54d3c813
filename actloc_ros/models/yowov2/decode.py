"""Turn YOWOv2's maps into boxes: anchor-free decoding, thresholds and suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms, box_iou, nms

from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.entry import Entry
from actloc_ros.models.ops.grid import cell_centres

STRIDES = (8, 16, 32)


@dataclass(frozen=True, eq=False)
class LabelledBoxes:
    """Boxes with one class each, as a single-label model's authors report them.

    Attributes:
        boxes: (N, 4) in pixels of the network's input.
        scores: (N,): root of confidence times class score.
        labels: int64 (N,).
        confidences: (N,): that the box holds an actor.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    confidences: Tensor


def decode(outputs: Sequence[Tensor], entry: Entry) -> list[ActorPredictions]:
    """Return the actors of each clip.

    Args:
        outputs: For each stride: confidence (B, 1, H, W), classes (B, C, H, W), box (B, 4, H, W).
        entry: Gives thresholds, and says whether the model is multi-label.
    """
    if entry.multi_label:
        return [_scored(found) for found in decode_multi_label(outputs, entry)]
    return [actors_of(found, entry) for found in decode_single_label(outputs, entry)]


def published(outputs: Sequence[Tensor], entry: Entry) -> dict[str, Tensor]:
    """Return what the authors' code reports of the first clip: boxes are in shares of the image."""
    height, width = (STRIDES[0] * side for side in outputs[0].shape[-2:])
    longer = max(height, width)
    if entry.multi_label:
        found = decode_multi_label(outputs, entry)[0]
        boxes = (found.boxes / longer).clamp(0, 1)
        return {'detections': torch.cat([boxes, found.scores[:, None], found.actions], dim=1)}
    single = decode_single_label(outputs, entry)[0]
    return {
        'det_scores': single.scores,
        'det_labels': single.labels,
        'det_boxes': (single.boxes / longer).clamp(0, 1),
    }


def decode_single_label(outputs: Sequence[Tensor], entry: Entry) -> list[LabelledBoxes]:
    """Return the best (cell, class) pairs of each level, after suppression within each class."""
    levels = []
    for confidence, classes, boxes in _cells(outputs):
        scores = (confidence * classes).sqrt()  # (B, M, C)
        top, index = scores.flatten(1).topk(min(entry.top_k, boxes.shape[1]))
        cell, label = index // scores.shape[-1], index % scores.shape[-1]
        levels.append((_take(boxes, cell), top, label, _take(confidence, cell)[..., 0]))
    boxes, scores, labels, confidences = (torch.cat(x, dim=1) for x in zip(*levels, strict=True))
    return [
        _suppress_by_class(LabelledBoxes(*clip), entry)
        for clip in zip(boxes, scores, labels, confidences, strict=True)
    ]


def decode_multi_label(outputs: Sequence[Tensor], entry: Entry) -> list[ActorPredictions]:
    """Return the most confident cells of each level, after suppression across classes.

    `actions` are class scores as such, not yet weighed by confidence.
    """
    levels = []
    for confidence, classes, boxes in _cells(outputs):
        top, cell = confidence[..., 0].topk(min(entry.top_k, boxes.shape[1]))
        levels.append((_take(boxes, cell), top, _take(classes, cell)))
    boxes, confidences, classes = (torch.cat(x, dim=1) for x in zip(*levels, strict=True))
    return [
        _suppress(ActorPredictions(*clip), entry)
        for clip in zip(boxes, confidences, classes, strict=True)
    ]


def actors_of(found: LabelledBoxes, entry: Entry) -> ActorPredictions:
    """Join the boxes of different classes that lie on the same actor.

    The actor has the best of these boxes, and of each class the best score.
    """
    heads = nms(found.boxes, found.scores, entry.nms_iou)
    actions = found.scores.new_zeros(len(heads), len(entry.labels))
    if len(heads):
        owner = box_iou(found.boxes[heads], found.boxes).argmax(dim=0)
        owner[heads] = torch.arange(len(heads), device=owner.device)
        cells = owner * len(entry.labels) + found.labels
        actions = actions.flatten().scatter_reduce(0, cells, found.scores, 'amax').view_as(actions)
    return ActorPredictions(found.boxes[heads], found.confidences[heads], actions)


def _cells(outputs: Sequence[Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return confidence (B, M, 1), class scores (B, M, C) and boxes (B, M, 4) of each level."""
    levels = []
    for stride, i in zip(STRIDES, range(0, len(outputs), 3), strict=True):
        confidence, classes, box = (x.flatten(2).mT for x in outputs[i : i + 3])
        centre = cell_centres(outputs[i].shape[-2:], 1, outputs[i]) + box[..., :2]
        half = box[..., 2:].exp() / 2
        boxes = torch.cat([centre - half, centre + half], dim=-1) * stride
        levels.append((confidence.sigmoid(), classes.sigmoid(), boxes))
    return levels


def _take(values: Tensor, index: Tensor) -> Tensor:
    """Return rows of (B, M, D) by an index (B, N): (B, N, D)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))


def _suppress_by_class(found: LabelledBoxes, entry: Entry) -> LabelledBoxes:
    """Drop low scores and, within a class, the lesser of two overlapping boxes; keep the order."""
    good = (found.scores > entry.min_score).nonzero()[:, 0]
    kept = batched_nms(found.boxes[good], found.scores[good], found.labels[good], entry.nms_iou)
    kept = good[kept].sort().values
    return LabelledBoxes(
        found.boxes[kept], found.scores[kept], found.labels[kept], found.confidences[kept]
    )


def _suppress(found: ActorPredictions, entry: Entry) -> ActorPredictions:
    """Drop low confidences and the lesser of two overlapping boxes; best first."""
    good = (found.scores > entry.min_score).nonzero()[:, 0]
    kept = good[nms(found.boxes[good], found.scores[good], entry.nms_iou)]
    return ActorPredictions(found.boxes[kept], found.scores[kept], found.actions[kept])


def _scored(found: ActorPredictions) -> ActorPredictions:
    """Weigh class scores by confidence."""
    weighed = (found.scores[:, None] * found.actions).sqrt()
    return ActorPredictions(found.boxes, found.scores, weighed)

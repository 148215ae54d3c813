"""What a `people_n` network is trained to lessen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss

from actloc_ros.models.people_n.network import FIELD_STRIDE, STRIDES, RawPeople
from actloc_ros.training.people_n.assign import Assignment, assign, make_grid
from actloc_ros.training.people_n.augment import KNOWN
from actloc_ros.training.people_n.batches import Targets
from actloc_ros.training.people_n.pictures import SIGMAS

FIELD_REACH = 0.3
"""Of the field around a joint, relative to the root of the box's area."""

BODY_SHARE = 0.53  # of a box that its body covers, where no mask is known


@dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss."""

    score: float = 1.0
    box: float = 2.0
    joint: float = 1.0
    presence: float = 0.5
    field: float = 0.5


class PeopleLoss:
    """Sums the parts of the loss of a batch.

    Args:
        weights: Of the parts.
    """

    def __init__(self, weights: LossWeights) -> None:
        self.weights = weights

    def __call__(self, raw: RawPeople, targets: Sequence[Targets]) -> dict[str, Tensor]:
        """Return the parts of the loss, each a weighted scalar; their sum is what is lessened."""
        height, width = targets[0].background.shape
        grid = make_grid(height, width)
        chosen = [
            assign(grid, raw.scores[i].detach(), raw.boxes[i].detach(), target.boxes)
            for i, target in enumerate(targets)
        ]
        overlap = torch.cat([one.overlap for one in chosen])
        total = overlap.sum().clamp(min=1)
        weights = self.weights
        boxes = torch.cat([raw.boxes[i][one.cells] for i, one in enumerate(chosen)])
        true = torch.cat([t.boxes[one.people] for t, one in zip(targets, chosen, strict=True)])
        fit = generalized_box_iou_loss(boxes, true)
        joint, presence = joint_losses(raw, targets, chosen)
        return {
            'score': weights.score * score_loss(raw.scores, targets, chosen) / total,
            'box': weights.box * (fit * overlap).sum() / total,
            'joint': weights.joint * joint,
            'presence': weights.presence * presence,
            'field': weights.field * field_loss(raw.field, targets),
        }


def score_loss(scores: Tensor, targets: Sequence[Targets], chosen: Sequence[Assignment]) -> Tensor:
    """Return the varifocal loss (Zhang et al. 2021) of scores (B, A), summed over cells.

    Cells that learn a person are to report the overlap of their box; cells on the background 0.
    Cells on ignored or unlabelled parts have no loss.
    """
    wanted, weight = torch.zeros_like(scores), torch.zeros_like(scores)
    chance = scores.detach().sigmoid()
    for i, (target, one) in enumerate(zip(targets, chosen, strict=True)):
        background = torch.cat([_at_centres(target.background, stride) for stride in STRIDES])
        weight[i] = 0.75 * chance[i] ** 2 * background
        wanted[i, one.cells] = one.overlap
        weight[i, one.cells] = one.overlap
    losses = F.binary_cross_entropy_with_logits(scores, wanted, reduction='none')
    return (losses * weight).sum()


def _at_centres(mask: Tensor, stride: int) -> Tensor:
    return mask[stride // 2 :: stride, stride // 2 :: stride].flatten()


def joint_losses(
    raw: RawPeople, targets: Sequence[Targets], chosen: Sequence[Assignment]
) -> tuple[Tensor, Tensor]:
    """Return the loss of joints' places and that of their presence, over people with joints.

    A place's error is measured in COCO's spreads; its logarithm bends for what teachers got wrong.
    Joints weigh as much as their teachers were confident, from `KNOWN` on. Weaker ones teach
    nothing; those with confidence 0 teach that they are not there.
    """
    pairs = list(zip(targets, chosen, strict=True))
    true = torch.cat([t.joints[one.people] for t, one in pairs])
    posed = torch.cat([t.posed[one.people] for t, one in pairs])
    boxes = torch.cat([t.boxes[one.people] for t, one in pairs])
    fit = torch.cat([one.overlap for one in chosen]) * posed
    joints = torch.cat([raw.joints[i][one.cells] for i, one in enumerate(chosen)])
    presence = torch.cat([raw.presence[i][one.cells] for i, one in enumerate(chosen)])

    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1).clamp(min=64)
    spread = (area[:, None] * BODY_SHARE).sqrt() * torch.from_numpy(2 * SIGMAS)
    error = (joints - true[..., :2]).square().sum(-1).add(1e-6).sqrt() / spread
    there = true[..., 2] >= KNOWN
    weight = true[..., 2] * there * fit[:, None]
    place = (error.log1p() * weight).sum() / weight.sum().clamp(min=1)

    weight = (there | (true[..., 2] == 0)) * fit[:, None]
    losses = F.binary_cross_entropy_with_logits(presence, there.float(), reduction='none')
    return place, (losses * weight).sum() / weight.sum().clamp(min=1)


def field_loss(field: Tensor, targets: Sequence[Targets]) -> Tensor:
    """Return the loss of a field (B, 17, 2, h, w) near the joints that it points to."""
    total, count = field.sum() * 0, 0
    for offsets, target in zip(field, targets, strict=True):
        known = target.joints[target.posed]
        if not len(known):
            continue
        boxes = target.boxes[target.posed]
        wanted, near = field_targets(known, boxes, offsets.shape[-2:])
        errors = F.smooth_l1_loss(
            offsets / FIELD_STRIDE, wanted / FIELD_STRIDE, beta=0.5, reduction='none'
        )
        total = total + (errors.sum(1) * near).sum()
        count += int(near.sum())
    return total / max(1, count)


def field_targets(joints: Tensor, boxes: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
    """Return the offsets from cells to the nearest joint, and where there is one near enough.

    Args:
        joints: (N, 17, 3), pixels and confidence.
        boxes: (N, 4).
        size: Height and width of the field in cells.

    Returns:
        Offsets (17, 2, h, w) in pixels, and bool (17, h, w).
    """
    height, width = size
    ys = (torch.arange(height) + 0.5) * FIELD_STRIDE
    xs = (torch.arange(width) + 0.5) * FIELD_STRIDE
    dx = joints[:, :, 0, None] - xs
    dy = joints[:, :, 1, None] - ys
    squares = dy.square()[..., None] + dx.square()[:, :, None]
    reach = FIELD_REACH * (boxes[:, 2:] - boxes[:, :2]).prod(-1).sqrt()
    reach = reach.clamp(12, 64)[:, None] * (joints[..., 2] >= KNOWN)
    far = squares > reach.square()[..., None, None]
    nearest = squares.masked_fill(far, float('inf')).min(0)
    rows = nearest.indices
    offset_x = dx[:, :, None].expand(-1, -1, height, -1).gather(0, rows[None])[0]
    offset_y = dy[..., None].expand(-1, -1, -1, width).gather(0, rows[None])[0]
    return torch.stack([offset_x, offset_y], 1), nearest.values.isfinite()

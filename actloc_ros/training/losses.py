"""Measure how far a dense detector's predictions are from what the frames show."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional
from torchvision.ops import complete_box_iou_loss, sigmoid_focal_loss

from actloc_ros.training.assign import Targets, assign

BOX_WEIGHT = 5.0
ACTION_WEIGHT = 2.0


@dataclass(frozen=True)
class Loss:
    """The parts of the loss, each a scalar averaged over actors; `total` weighs them.

    Attributes:
        actor: Quality focal loss of the actor scores (Li et al. 2020).
        box: Complete IoU loss (Zheng et al. 2020).
        actions: Focal loss of the actions (Lin et al. 2017), at the places of actors.
    """

    actor: Tensor
    box: Tensor
    actions: Tensor

    @property
    def total(self) -> Tensor:
        """The sum that training lowers."""
        return self.actor + BOX_WEIGHT * self.box + ACTION_WEIGHT * self.actions


def detection_loss(
    boxes: Tensor, actor: Tensor, actions: Tensor, centres: Tensor, targets: Targets
) -> Loss:
    """Return the loss of predictions at A places of F frames; unknown frames add nothing to it.

    Args:
        boxes: (F, A, 4) in pixels of the network's input.
        actor: (F, A) logits.
        actions: (F, A, C) logits.
        centres: (A, 2) of the places in pixels.
        targets: What the frames show.
    """
    if targets.known is not None:
        boxes, actor, actions = (x[targets.known] for x in (boxes, actor, actions))
        targets = only_known(targets, targets.known)
    assigned = assign(boxes.detach(), actor.detach(), centres, targets)
    quality = assigned.quality
    weight = quality.sum().clamp(min=1.0)
    frame, place = quality.nonzero(as_tuple=True)
    index = assigned.actor[frame, place]
    at = quality[frame, place]
    overlap = complete_box_iou_loss(boxes[frame, place], targets.boxes[frame, index])
    doing = sigmoid_focal_loss(
        actions[frame, place], targets.actions[frame, index], alpha=-1, gamma=1.5
    )
    return Loss(
        actor=quality_focal_loss(actor, quality).sum() / weight,
        box=(overlap * at).sum() / weight,
        actions=(doing.sum(dim=-1) * at).sum() / weight,
    )


def only_known(targets: Targets, known: Tensor) -> Targets:
    """Return the targets of the frames of which somebody has said what they show."""
    return Targets(targets.boxes[known], targets.actions[known], targets.valid[known])


def quality_focal_loss(logits: Tensor, quality: Tensor) -> Tensor:
    """Return the cross entropy with a soft target, weighted by the squared miss; elementwise."""
    miss = (logits.sigmoid() - quality).abs().square()
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction='none')
    return miss * entropy

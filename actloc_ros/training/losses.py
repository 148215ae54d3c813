"""Measure how far a dense detector's predictions are from what the frames show."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional
from torchvision.ops import complete_box_iou_loss, sigmoid_focal_loss

from actloc_ros.training.adapter import DensePredictions
from actloc_ros.training.assign import Targets, assign
from actloc_ros.training.keypoints import pose_loss

BOX_WEIGHT = 5.0
ACTION_WEIGHT = 2.0
POSE_WEIGHT = 5.0


@dataclass(frozen=True)
class Loss:
    """The parts of the loss, each a scalar averaged over actors; `total` weighs them.

    Attributes:
        actor: Quality focal loss of the actor scores (Li et al. 2020).
        box: Complete IoU loss (Zheng et al. 2020).
        actions: Focal loss of the actions (Lin et al. 2017), at the locations of actors.
        pose: How far keypoints and their movements are off, in sizes of the actor; None where the
            detector predicts none.
    """

    actor: Tensor
    box: Tensor
    actions: Tensor
    pose: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """The sum that training lowers."""
        total = self.actor + BOX_WEIGHT * self.box + ACTION_WEIGHT * self.actions
        return total if self.pose is None else total + POSE_WEIGHT * self.pose


def detection_loss(dense: DensePredictions, targets: Targets) -> Loss:
    """Return the loss of predictions at A locations of F frames; unknown frames add nothing."""
    if targets.known is not None:
        dense, targets = dense.of(targets.known), targets.of(targets.known)
    boxes, actor, actions = dense.boxes.float(), dense.actor.float(), dense.actions.float()
    assigned = assign(boxes.detach(), actor.detach(), dense.centres, targets)
    quality = assigned.quality
    weight = quality.sum().clamp(min=1.0)
    frame, location = quality.nonzero(as_tuple=True)
    index = assigned.actor[frame, location]
    at = quality[frame, location]
    overlap = complete_box_iou_loss(boxes[frame, location], targets.boxes[frame, index])
    doing = sigmoid_focal_loss(
        actions[frame, location], targets.actions[frame, index], alpha=-1, gamma=1.5
    )
    return Loss(
        actor=quality_focal_loss(actor, quality).sum() / weight,
        box=(overlap * at).sum() / weight,
        actions=(doing.sum(dim=-1) * at).sum() / weight,
        pose=None
        if dense.pose is None or targets.pose is None
        else (_pose_misses(dense, targets, frame, location, index) * at).sum() / weight,
    )


def _pose_misses(
    dense: DensePredictions, targets: Targets, frame: Tensor, location: Tensor, index: Tensor
) -> Tensor:
    """Return how far poses predicted at locations are from those of the actors at `index`."""
    assert dense.pose is not None
    assert targets.pose is not None
    predicted, true = dense.pose[frame, location].float(), targets.pose[frame, index]
    return pose_loss(predicted, true, dense.centres[location], targets.boxes[frame, index])


def quality_focal_loss(logits: Tensor, quality: Tensor) -> Tensor:
    """Return the cross entropy with a soft target, weighted by the squared miss; elementwise."""
    miss = (logits.sigmoid() - quality).abs().square()
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction='none')
    return miss * entropy

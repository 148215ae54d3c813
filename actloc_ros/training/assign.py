"""Decide which locations of a dense detector must predict which actor, by task alignment.

Task-aligned assignment (TOOD, Feng et al. 2021): the locations whose centre lies in an actor's box
compete by score and overlap together, the best few win, and how well they are aligned is the
quality that their score must predict.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SCORE_POWER = 0.5
OVERLAP_POWER = 6.0
LOCATIONS = 10
"""Most locations that predict one actor."""


@dataclass(frozen=True)
class Targets:
    """What F frames show, padded to M actors (1 or more).

    Attributes:
        boxes: float (F, M, 4) x1, y1, x2, y2 in pixels of the network's input.
        actions: float (F, M, C): 1 where the actor does the action, else 0.
        valid: bool (F, M): false where there is only padding.
        known: bool (F,): false where it is not labelled what the frame shows; None: all are known.
        pose: float (F, M, P) in pixels, NaN where it is not known: see `pose_targets`; None
            where keypoints are not trained.
    """

    boxes: Tensor
    actions: Tensor
    valid: Tensor
    known: Tensor | None = None
    pose: Tensor | None = None

    def of(self, frames: Tensor) -> Targets:
        """Return the targets of some frames, bool (F,)."""
        parts = (self.boxes, self.actions, self.valid, self.known, self.pose)
        return Targets(*(None if x is None else x[frames] for x in parts))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Assignment:
    """Which actor each of A locations must predict.

    Attributes:
        actor: int64 (F, A): index into the frame's actors; 0 where quality is 0.
        quality: float (F, A) in [0, 1]: what the location's score must be; 0 for background.
    """

    actor: Tensor
    quality: Tensor


@torch.no_grad()
def assign(boxes: Tensor, actor: Tensor, centres: Tensor, targets: Targets) -> Assignment:
    """Assign locations to actors.

    Args:
        boxes: (F, A, 4) predicted boxes in pixels.
        actor: (F, A) predicted actor logits.
        centres: (A, 2) x, y of the locations in pixels.
        targets: What the frames show.
    """
    overlap = pairwise_overlap(targets.boxes, boxes)  # (F, M, A)
    allowed = inside(centres, targets.boxes) & targets.valid[..., None]
    score = actor.sigmoid()[:, None]
    metric = score**SCORE_POWER * overlap**OVERLAP_POWER * allowed
    chosen = best_locations(metric) & allowed
    chosen &= only_best_actor(overlap, chosen)
    metric = metric * chosen
    # A location's quality: its alignment, scaled so that an actor's best one gets its overlap.
    best_metric = metric.amax(dim=2, keepdim=True).clamp(min=1e-9)
    best_overlap = (overlap * chosen).amax(dim=2, keepdim=True)
    quality, index = (metric / best_metric * best_overlap).max(dim=1)
    return Assignment(actor=index, quality=quality)


def pairwise_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU (F, M, A) of boxes (F, M, 4) and (F, A, 4); 0 for empty boxes."""
    a, b = a[:, :, None], b[:, None]
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(0)
    common = size.prod(dim=-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(0).prod(dim=-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(0).prod(dim=-1)
    return common / (area_a + area_b - common).clamp(min=1e-9)


def inside(centres: Tensor, boxes: Tensor) -> Tensor:
    """Return which of the centres (A, 2) lie in which boxes (F, M, 4): bool (F, M, A).

    A box too small to hold a centre gets the nearest.
    """
    offset = centres - boxes[..., None, :2], boxes[..., None, 2:] - centres
    within = torch.cat(offset, dim=-1).amin(dim=-1) > 0
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    distance = (centres - middle[..., None, :]).square().sum(dim=-1)
    nearest = torch.zeros_like(within).scatter_(2, distance.argmin(dim=2, keepdim=True), True)
    return within | (nearest & ~within.any(dim=2, keepdim=True))


def best_locations(metric: Tensor) -> Tensor:
    """Mark for each actor the locations with the highest metric: bool (F, M, A)."""
    index = metric.topk(min(LOCATIONS, metric.shape[2]), dim=2).indices
    return torch.zeros_like(metric, dtype=torch.bool).scatter_(2, index, True)


def only_best_actor(overlap: Tensor, chosen: Tensor) -> Tensor:
    """Mark at each location the actor that overlaps it most among those that chose it."""
    best = (overlap * chosen).argmax(dim=1, keepdim=True)
    return torch.zeros_like(chosen).scatter_(1, best, True)

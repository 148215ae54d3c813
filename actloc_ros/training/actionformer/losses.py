"""Compare what ActionFormer predicts with what is to be found."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from actloc_ros.training.actionformer.targets import Targets

FIRST_NORM, MOMENTUM = 100.0, 0.9  # of the normaliser
TINY = 1e-8


def distance_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the distance-IoU loss (arXiv 1911.08287) in time of N segments: (N,).

    Args:
        found: (N, 2): distances, 0 or more, to start and end from a place within the segment.
        wanted: (N, 2), likewise.
    """
    shared = torch.minimum(found, wanted).sum(1)
    union = found.sum(1) + wanted.sum(1) - shared
    around = torch.maximum(found, wanted).sum(1)
    middles = (found - wanted).diff(dim=1)[:, 0] / 2
    return 1 - shared / union.clamp(min=TINY) + (middles / around.clamp(min=TINY)) ** 2


@dataclass(frozen=True, eq=False)
class Losses:
    """Of a batch: what classes and distances cost, each divided by the normaliser."""

    classes: Tensor
    distances: Tensor

    def text(self) -> str:
        """Return both in words."""
        classes, distances = self.classes.item(), self.distances.item()
        return f'loss of classes {classes:.4f}, of distances {distances:.4f}'


class SegmentLoss:
    """Adds up losses, and divides them by a moving average of how many places have segments."""

    def __init__(self) -> None:
        self._norm = FIRST_NORM

    def __call__(
        self, outputs: list[tuple[Tensor, Tensor, Tensor]], targets: list[Targets]
    ) -> Losses:
        """Return the losses of a batch.

        Args:
            outputs: Of `ActionFormer.levels`.
            targets: For each recording of the batch.
        """
        logits = torch.cat([each[0] for each in outputs], 1)  # (B, P, C)
        distances = torch.cat([each[1] for each in outputs], 1)  # (B, P, 2)
        there = torch.cat([each[2][:, 0] for each in outputs], 1) > 0  # (B, P)
        device = logits.device
        wanted = torch.stack([each.classes for each in targets]).to(device)
        positive = torch.stack([each.positive for each in targets]).to(device) & there
        reach = torch.stack([each.distances for each in targets]).to(device)
        count = max(1, int(positive.sum()))
        self._norm = MOMENTUM * self._norm + (1 - MOMENTUM) * count
        return Losses(
            sigmoid_focal_loss(logits[there], wanted[there]).sum() / self._norm,
            distance_loss(distances[positive], reach[positive]).sum() / self._norm,
        )

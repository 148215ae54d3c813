"""What a `joints_n` network is trained to lessen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from actloc_ros.models.joints_n.crops import SIDE
from actloc_ros.models.joints_n.network import RawJoints
from actloc_ros.training.joints_n.batches import THERE, UNKNOWN, Targets

# Cells of a map: the deviation of the wanted distribution, larger where people mark less exactly.
_SPREADS = (0.8,) * 5 + (1.1, 1.1) + (1.0,) * 4 + (1.5, 1.5) + (1.2,) * 4
PRESENCE = 0.5  # weight of its loss


def joint_losses(raw: RawJoints, targets: Targets) -> dict[str, Tensor]:
    """Return the parts of the loss of a batch; their sum is what is lessened.

    `place` is the cross entropy between a map's softmax and a normal distribution about the joint,
    less the latter's entropy, so that 0 is perfect.
    """
    wanted = wanted_maps(targets.places, raw.maps.shape[-1]).flatten(2)
    logs = raw.maps.flatten(2).log_softmax(-1)
    losses = (torch.xlogy(wanted, wanted) - wanted * logs).sum(-1)
    place = (losses * targets.weights).sum() / targets.weights.sum().clamp(min=1)
    known = (targets.presence != UNKNOWN).float()
    there = (targets.presence == THERE).float()
    doubts = F.binary_cross_entropy_with_logits(raw.presence, there, reduction='none')
    presence = (doubts * known).sum() / known.sum().clamp(min=1)
    return {'place': place, 'presence': PRESENCE * presence}


def wanted_maps(places: Tensor, cells: int) -> Tensor:
    """Return distributions (B, 17, cells, cells) about places (B, 17, 2) in pixels of the crop."""
    middles = (torch.arange(cells) + 0.5) * (SIDE / cells)
    spreads = torch.tensor(_SPREADS) * (SIDE / cells)
    away = (places[..., None] - middles) / spreads[:, None, None]
    # Bounded, so that a place outside the crop makes no 0 / 0; it has no weight.
    x, y = (-0.5 * away.square()).clamp(min=-60).softmax(-1).unbind(-2)
    return y[..., :, None] * x[..., None, :]

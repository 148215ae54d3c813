"""The network of `joints_n`: a trunk, two levels fused, and a map of places for each joint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.joints_n.crops import JOINTS
from actloc_ros.models.people_n.network import BLOCKS, Separable, Trunk

LEVEL_ENDS = (4, 10)  # blocks whose output is the level of stride 8 and 16
SPLIT = 2  # cells of a map, to each side, in a cell of the finest level


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a `joints_n` network.

    Attributes:
        channels: Of the fused level.
        body: Of the level of stride 16.
        skipped: Blocks of the trunk that are left out; only those that keep channels and stride.
    """

    channels: int = 96
    body: int = 128
    skipped: tuple[int, ...] = (9,)


class RawJoints(NamedTuple):
    """What the network reports of B crops.

    Attributes:
        maps: (B, 17, H / 4, W / 4), logits: a softmax over a map says where the joint is.
        presence: (B, 17), logits: the joint is in the crop and can be located.
    """

    maps: Tensor
    presence: Tensor


class JointsNetwork(nn.Module):
    """Where the joints of the person in the middle of a crop are.

    The maps are made from cells of stride 8, each of which has four of theirs: at stride 4, layers
    would take three times as long.
    """

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        config = config or NetworkConfig()
        self.config = config
        fine, coarse = (BLOCKS[end][3] for end in LEVEL_ENDS)
        self.trunk = Trunk(config.skipped, LEVEL_ENDS)
        self.body = nn.Sequential(
            _pointwise(coarse, config.body),
            *(Separable(config.body, config.body) for _ in range(3)),
        )
        self.up = nn.Conv2d(config.body, config.channels, 1)
        self.side = nn.Conv2d(fine, config.channels, 1)
        self.fused = nn.Sequential(
            *(Separable(config.channels, config.channels) for _ in range(2)),
        )
        self.maps = nn.Conv2d(config.channels, JOINTS * SPLIT**2, 1)
        self.pooled = nn.Linear(config.body, JOINTS)
        self.local = nn.Parameter(torch.zeros(JOINTS, config.channels))

    def forward(self, crops: Tensor) -> RawJoints:
        """Float (B, 3, H, W), RGB from 0 to 255 -> `RawJoints`; sides are multiples of 16."""
        return self.from_start(self.trunk.start(crops))

    def from_start(self, level: Tensor) -> RawJoints:
        """Finest level of the trunk (B, 40, H / 8, W / 8) -> `RawJoints`."""
        fine, coarse = self.trunk.rest(level)
        body = self.body(coarse)
        larger = F.interpolate(self.up(body), scale_factor=2.0, mode='nearest')
        fused = self.fused(F.relu(self.side(fine) + larger))
        split = self.maps(fused)
        presence = self.pooled(body.mean((2, 3))) + self._presence(split.detach(), fused)
        return RawJoints(F.pixel_shuffle(split, SPLIT), presence)

    def _presence(self, split: Tensor, fused: Tensor) -> Tensor:
        """Judge by what is where each joint seems to be: -> (B, 17)."""
        chances = split.unflatten(1, (JOINTS, -1)).flatten(2).softmax(-1)
        weights = chances.unflatten(2, (SPLIT**2, -1)).sum(2)
        found = weights @ fused.flatten(2).transpose(1, 2)
        return (found * self.local).sum(-1)


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
        nn.ReLU(),
    )

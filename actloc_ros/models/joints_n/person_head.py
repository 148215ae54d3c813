"""The part of `joints_n` that decides again whether the one in a crop is a person."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHANNELS = (96, 160, 96)  # of the maps that are read: `LEVELS` in `training.second_look.publish`
STRIDES = (16, 32, 8)
PRESENCE = 17
FEATURES = 3 * sum(CHANNELS) + PRESENCE


@dataclass(frozen=True)
class HeadConfig:
    """Size of a head.

    Attributes:
        hidden: Channels of its layer.
        dropped_inputs: Share of the features that a training drops.
        dropped: Share of the layer's channels that a training drops.
    """

    hidden: int = 128
    dropped_inputs: float = 0.2
    dropped: float = 0.5


class PersonHead(nn.Module):
    """From what `joints_n` computes of a crop anyway to one number.

    Attributes:
        mean: (FEATURES,), of the features of what it learned from.
        spread: (FEATURES,), their standard deviations.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: HeadConfig | None = None) -> None:
        super().__init__()
        config = config or HeadConfig()
        self.register_buffer('mean', torch.zeros(FEATURES))
        self.register_buffer('spread', torch.ones(FEATURES))
        self.layers = nn.Sequential(
            nn.Dropout(config.dropped_inputs),
            nn.Linear(FEATURES, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropped),
            nn.Linear(config.hidden, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, FEATURES) of `features_of` -> log-odds (B,) of being a person."""
        odds: Tensor = self.layers((features - self.mean) / self.spread)
        return odds[:, 0]


def features_of(middle: Tensor, coarse: Tensor, fine: Tensor, presence: Tensor) -> Tensor:
    """Return what the head reads of B crops, (B, FEATURES).

    Args:
        middle: (B, 96, 2 h, 2 w), of stride 16.
        coarse: (B, 160, h, w), of stride 32.
        fine: (B, 96, 4 h, 4 w), of stride 8.
        presence: (B, 17), log-odds.
    """
    return torch.cat([*(_pooled(level) for level in (middle, coarse, fine)), presence], 1)


def _pooled(level: Tensor) -> Tensor:
    """Return the mean of a level, the mean of its middle and its largest values: (B, 3 C)."""
    edge = level.shape[-1] // 4
    middle = level[:, :, edge:-edge, edge:-edge]
    return torch.cat([level.mean((2, 3)), middle.mean((2, 3)), level.amax((2, 3))], 1)

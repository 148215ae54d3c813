"""Attend to channels (CFAM)."""

from __future__ import annotations

import torch
import torch.fx
from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """Let every channel attend to those that are unlike it (DANet, arXiv 1809.02983)."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape: the features, and what was attended to added."""
        return self.gamma * attend_channels(x) + x


@torch.fx.wrap
def attend_channels(x: Tensor) -> Tensor:
    """Return `x` (B, C, H, W) with each channel a mixture of all, by their products.

    The products exceed what half precision holds, hence single precision at least.
    """
    flat = x.flatten(2)
    exact = flat if x.dtype == torch.float64 else flat.float()
    energy = exact @ exact.mT
    attention = (energy.amax(dim=-1, keepdim=True) - energy).softmax(dim=-1)
    return (attention.to(x.dtype) @ flat).view_as(x)

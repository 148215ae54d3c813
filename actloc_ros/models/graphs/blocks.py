"""Build what graph networks over skeletons share; all take (B, C, T, V)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

CHANNELS = (3, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
"""Of the input and of the output of each of ten blocks, in all networks here."""
DOWN = (4, 7)
"""Blocks, from 0, that halve the number of frames."""


def block_sizes() -> list[tuple[int, int, int]]:
    """Return the input channels, output channels and stride of each block."""
    return [(a, b, 1 + (index in DOWN)) for index, (a, b) in enumerate(pairwise(CHANNELS))]


def normalize(clip: Tensor, norm: nn.Module, together: bool) -> Tensor:
    """Return a clip (N, C, T, V, M) as (N * M, C, T, V), normalized for each joint and channel.

    Args:
        clip: Of N recordings with M people.
        norm: Over (V, C), or over (M, V, C) where people are normalized together.
        together: Which of both.
    """
    batch, channels, frames, joints, persons = clip.shape
    x = clip.permute(0, 4, 3, 1, 2)
    width = joints * channels * (persons if together else 1)
    x = norm(x.reshape(-1, width, frames))
    return x.reshape(batch * persons, joints, channels, frames).permute(0, 2, 3, 1)


def learned(graph: Tensor) -> nn.Parameter:
    """Return a graph that is learned, beginning with this one."""
    made = nn.Parameter(torch.empty(graph.shape))  # that is what `skeleton` makes without memory
    with torch.no_grad():
        made.copy_(graph)
    return made


def mean_of_all(features: Tensor, persons: int) -> Tensor:
    """Return the mean (N, C) of features (N * M, C, T, V) over time, joints and people."""
    return features.mean((2, 3)).unflatten(0, (-1, persons)).mean(1)


class TemporalConv(nn.Module):
    """A convolution over time, padded at both ends, and a batch norm unless `norm` is False."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        padding = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(
            channels, out, (kernel, 1), (stride, 1), (padding, 0), dilation=(dilation, 1)
        )
        self.bn = nn.BatchNorm2d(out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, V) to (B, out, T / stride, V)."""
        return self.bn(self.conv(x))


class Zero(nn.Module):
    """No residual."""

    def forward(self, x: Tensor) -> float:
        """Return 0."""
        return 0.0


def residual(channels: int, out: int, stride: int) -> nn.Module:
    """Return what brings a block's input to its output's shape."""
    if channels == out and stride == 1:
        return nn.Identity()
    return TemporalConv(channels, out, 1, stride)


def branch_start(channels: int, out: int) -> list[nn.Module]:
    """Return the layers that begin a branch of a temporal convolution of several scales."""
    return [nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out), nn.ReLU()]


def branch_widths(out: int, branches: int, widest: int) -> Sequence[int]:
    """Return the channels of each branch: equal shares, and what is left over to the `widest`."""
    share = out // branches
    return [out - share * (branches - 1) if index == widest else share for index in range(branches)]


def branch_pool(stride: int) -> nn.Module:
    """Return the largest of three frames."""
    return nn.MaxPool2d((3, 1), (stride, 1), (1, 0))

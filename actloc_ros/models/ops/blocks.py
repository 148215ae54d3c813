"""Build what published networks that find people share; all take (B, C, h, w)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """A convolution that keeps the size but for its stride, a batch norm and an activation."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        act: type[nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        padding = kernel // 2
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, out, h / stride, w / stride)."""
        return self.act(self.bn(self.conv(x)))


class Separable(nn.Module):
    """A convolution within each channel, then one across them, named as OpenMMLab does."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise_conv = Conv(channels, channels, kernel, stride, groups=channels)
        self.pointwise_conv = Conv(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, out, h / stride, w / stride)."""
        return self.pointwise_conv(self.depthwise_conv(x))


class PyramidPool(nn.Module):
    """Maxima over squares of three sizes beside the input ("SPP")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels // 2, 1)
        self.pools = nn.ModuleList([nn.MaxPool2d(side, 1, side // 2) for side in (5, 9, 13)])
        self.conv2 = Conv(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to the same shape."""
        x = self.conv1(x)
        return self.conv2(torch.cat([x, *[pool(x) for pool in self.pools]], 1))


class DarkBlock(nn.Module):
    """A block of Darknet."""

    def __init__(self, channels: int, shortcut: bool, conv: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = Conv(channels, channels, 1)
        self.conv2 = conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to the same shape."""
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class FocusStem(nn.Module):
    """Squares of four pixels as channels, and a convolution ("Focus")."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv = Conv(12, out, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, h, w) to (B, out, h / 2, w / 2)."""
        return self.conv(space_to_depth(x))


def space_to_depth(x: Tensor) -> Tensor:
    """Return (B, 4 C, h / 2, w / 2): top left, bottom left, top right, bottom right pixels."""
    parts = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
    return torch.cat(parts, 1)


def flat(levels: Sequence[Tensor]) -> Tensor:
    """Return maps (B, C, h, w) of several levels as rows (B, A, C), level by level."""
    return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)


def cells(size: tuple[int, int], strides: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return each cell's x and y in its level (A, 2), and its stride (A, 1), level by level.

    Args:
        size: Height and width of the input in pixels.
        strides: Pixels a cell, of each level.
        like: Of the type and on the device that are wanted.
    """
    places, sizes = [], []
    for stride in strides:
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        y, x = torch.meshgrid(
            torch.arange(rows, device=like.device),
            torch.arange(columns, device=like.device),
            indexing='ij',
        )
        places.append(torch.stack([x, y], -1).reshape(-1, 2))
        sizes.append(torch.full((rows * columns, 1), stride, device=like.device))
    return torch.cat(places).to(like), torch.cat(sizes).to(like)

"""Build the trunk of YOLOX and its feature pyramid.

Architecture: "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430). Names of modules are those
of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.blocks import Conv, DarkBlock, FocusStem, PyramidPool

STRIDES = (8, 16, 32)
BASE = 64  # channels at width 1
SIZES = {
    'nano': (0.33, 0.25),
    'tiny': (0.33, 0.375),
    's': (0.33, 0.5),
    'm': (0.67, 0.75),
    'l': (1.0, 1.0),
    'x': (1.33, 1.25),
}
"""Depth and width. Nano alone has convolutions within channels."""


class SeparableConv(nn.Module):
    """A convolution within each channel, then one across them."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = Conv(channels, channels, kernel, stride, groups=channels)
        self.pconv = Conv(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, out, h / stride, w / stride)."""
        return self.pconv(self.dconv(x))


class _CSP(nn.Module):
    """Bottlenecks beside a plain convolution."""

    def __init__(
        self, channels: int, out: int, count: int, conv: type[nn.Module], shortcut: bool = False
    ) -> None:
        super().__init__()
        half = out // 2
        self.conv1, self.conv2 = Conv(channels, half, 1), Conv(channels, half, 1)
        self.conv3 = Conv(2 * half, out, 1)
        self.m = nn.Sequential(*[DarkBlock(half, shortcut, conv) for _ in range(count)])

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.conv1(x), self.conv2(x)
        return self.conv3(torch.cat([self.m(first), second], 1))


class _Darknet(nn.Module):
    def __init__(self, width: int, depth: int, conv: type[nn.Module]) -> None:
        super().__init__()
        self.stem = FocusStem(width)
        for level, count in ((2, depth), (3, 3 * depth), (4, 3 * depth), (5, depth)):
            out = width * 2 ** (level - 1)
            layers: list[nn.Module] = [conv(out // 2, out, 3, 2)]
            if level == 5:
                layers.append(PyramidPool(out))
            layers.append(_CSP(out, out, count, conv, shortcut=level < 5))
            self.add_module(f'dark{level}', nn.Sequential(*layers))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features at strides 8, 16 and 32."""
        second, third, fourth, fifth = (
            self.get_submodule(f'dark{level}') for level in (2, 3, 4, 5)
        )
        low = third(second(self.stem(x)))
        middle = fourth(low)
        return low, middle, fifth(middle)


class Neck(nn.Module):
    """The trunk and its feature pyramid, down and up.

    Args:
        width: Channels of the stem; levels have 4, 8 and 16 times as many.
        depth: Of its stages, relative to three blocks.
        conv: The kind of its larger convolutions.
    """

    def __init__(self, width: int, depth: float, conv: type[nn.Module]) -> None:
        super().__init__()
        self.backbone = _Darknet(width, max(round(3 * depth), 1), conv)
        count = round(3 * depth)
        small, middle, large = 4 * width, 8 * width, 16 * width
        self.lateral_conv0 = Conv(large, middle, 1)
        self.C3_p4 = _CSP(2 * middle, middle, count, conv)
        self.reduce_conv1 = Conv(middle, small, 1)
        self.C3_p3 = _CSP(2 * small, small, count, conv)
        self.bu_conv2 = conv(small, small, 3, 2)
        self.C3_n3 = _CSP(2 * small, middle, count, conv)
        self.bu_conv1 = conv(middle, middle, 3, 2)
        self.C3_n4 = _CSP(2 * middle, large, count, conv)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, 3, h, w), BGR, to levels of strides 8, 16 and 32."""
        return self.fused(*self.backbone(x))

    def fused(self, third: Tensor, fourth: Tensor, fifth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map what the trunk makes at strides 8, 16 and 32 to levels of the same shapes."""
        high = self.lateral_conv0(fifth)
        middle = self.C3_p4(torch.cat([_twice(high), fourth], 1))
        low = self.reduce_conv1(middle)
        first = self.C3_p3(torch.cat([_twice(low), third], 1))
        second = self.C3_n3(torch.cat([self.bu_conv2(first), low], 1))
        return first, second, self.C3_n4(torch.cat([self.bu_conv1(second), high], 1))


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode='nearest')

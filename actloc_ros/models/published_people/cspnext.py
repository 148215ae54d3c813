"""Define CSPNeXt, the trunk of RTMDet and RTMPose, and the units of its relatives.

Architecture: "RTMDet: An Empirical Study of Designing Real-Time Object Detectors" (arXiv
2212.07784). Names of modules are those of OpenMMLab's checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.blocks import Conv, DarkBlock, PyramidPool, Separable

STAGES = ((64, 128, 3), (128, 256, 6), (256, 512, 6), (512, 1024, 3))
"""Of each stage: channels in and out and blocks, at width and depth 1."""
SIZES = {
    'nano': (0.33, 0.25),
    't': (0.167, 0.375),
    'tiny': (0.167, 0.375),
    's': (0.33, 0.5),
    'm': (0.67, 0.75),
    'l': (1.0, 1.0),
}
"""Depth and width."""


class _Attention(nn.Module):
    """Weighs each channel by the mean of all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class NextBlock(nn.Module):
    """A block of CSPNeXt: a large kernel within channels."""

    def __init__(self, channels: int, shortcut: bool, conv: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, 3)
        self.conv2 = Separable(channels, channels, 5)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to the same shape."""
        y = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSPLayer(nn.Module):
    """Blocks beside a plain convolution."""

    def __init__(
        self,
        channels: int,
        out: int,
        count: int,
        conv: type[nn.Module] = Conv,
        block: type[NextBlock | DarkBlock] = NextBlock,
        shortcut: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        half = out // 2
        self.main_conv, self.short_conv = Conv(channels, half, 1), Conv(channels, half, 1)
        self.final_conv = Conv(2 * half, out, 1)
        self.blocks = nn.Sequential(*[block(half, shortcut, conv) for _ in range(count)])
        if attention:
            self.attention = _Attention(2 * half)
        self.attentive = attention

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to (B, out, h, w)."""
        joined = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], 1)
        return self.final_conv(self.attention(joined) if self.attentive else joined)


def three_levels(trunk: nn.Module, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the last three of a trunk's four stages make of images."""
    x = trunk.get_submodule('stage1')(trunk.get_submodule('stem')(images))
    second = trunk.get_submodule('stage2')(x)
    third = trunk.get_submodule('stage3')(second)
    return second, third, trunk.get_submodule('stage4')(third)


class CSPNeXt(nn.Module):
    """The trunk: images (B, 3, h, w) to features at strides 8, 16 and 32."""

    def __init__(self, size: str, conv: type[nn.Module] = Conv) -> None:
        super().__init__()
        depth, width = SIZES[size]
        first = int(STAGES[0][0] * width)
        self.stem = nn.Sequential(
            Conv(3, first // 2, 3, 2), Conv(first // 2, first // 2, 3), Conv(first // 2, first, 3)
        )
        for number, (channels, out, count) in enumerate(STAGES, 1):
            last = number == len(STAGES)
            wide = int(out * width)
            layers: list[nn.Module] = [conv(int(channels * width), wide, 3, 2)]
            if last:
                layers.append(PyramidPool(wide))
            blocks = max(round(count * depth), 1)
            layers.append(CSPLayer(wide, wide, blocks, conv, shortcut=not last, attention=True))
            self.add_module(f'stage{number}', nn.Sequential(*layers))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images, sides multiples of 32, to three levels (B, C, h / stride, w / stride)."""
        return three_levels(self, images)

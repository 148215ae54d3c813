"""Build the 2D half of YOWOv2: backbone, neck, feature pyramid and heads of one image.

The parts are those of FreeYOLO, YOLOv7 (arXiv 2207.02696) and ShuffleNetV2 (arXiv 1807.11164);
attribute names follow the published checkpoints. (B, C, H, W) goes in and comes out everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Act = Callable[[], nn.Module]


def leaky_relu() -> nn.Module:
    """Return the activation of the small models."""
    return nn.LeakyReLU(0.1, inplace=True)


def silu() -> nn.Module:
    """Return the activation of the large models."""
    return nn.SiLU(inplace=True)


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation; if `depthwise`, first by channel, then across."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        act: Act,
        stride: int = 1,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if depthwise:
            layers += _normed(inputs, inputs, kernel, stride, act, groups=inputs)
            kernel, stride = 1, 1
        layers += _normed(inputs, outputs, kernel, stride, act)
        self.convs = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return self.convs(x)


def _normed(
    inputs: int, outputs: int, kernel: int, stride: int, act: Act, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution, its batch norm and its activation."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs), act()]


class BackboneElan(nn.Module):
    """YOLOv7's aggregation block: two branches, one of them through 2 x `depth` convs."""

    def __init__(self, inputs: int, outputs: int, hidden: int, depth: int, act: Act) -> None:
        super().__init__()
        self.cv1 = ConvBlock(inputs, hidden, 1, act)
        self.cv2 = ConvBlock(inputs, hidden, 1, act)
        self.cv3 = nn.Sequential(*[ConvBlock(hidden, hidden, 3, act) for _ in range(depth)])
        self.cv4 = nn.Sequential(*[ConvBlock(hidden, hidden, 3, act) for _ in range(depth)])
        self.out = ConvBlock(4 * hidden, outputs, 1, silu)  # also where the others are leaky

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        second = self.cv2(x)
        third = self.cv3(second)
        return self.out(torch.cat([self.cv1(x), second, third, self.cv4(third)], dim=1))


class PyramidElan(nn.Module):
    """YOLOv7's aggregation block of the pyramid: every conv of a chain counts."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        chain: Sequence[int],
        act: Act,
        depthwise: bool,
    ) -> None:
        super().__init__()
        self.cv1 = ConvBlock(inputs, hidden, 1, act)
        self.cv2 = ConvBlock(inputs, hidden, 1, act)
        widths = [hidden, *chain]
        self.cv3 = nn.ModuleList(
            ConvBlock(a, b, 3, act, depthwise=depthwise) for a, b in pairwise(widths)
        )
        self.out = ConvBlock(2 * hidden + sum(chain), outputs, 1, act)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        parts = [self.cv1(x), self.cv2(x)]
        for conv in self.cv3:
            parts.append(conv(parts[-1]))
        return self.out(torch.cat(parts, dim=1))


class DownSample(nn.Module):
    """Halve the resolution by a pooling and a strided branch of `branch` channels each."""

    def __init__(self, inputs: int, branch: int, act: Act) -> None:
        super().__init__()
        self.mp = nn.MaxPool2d(2)
        self.cv1 = ConvBlock(inputs, branch, 1, act)
        self.cv2 = nn.Sequential(
            ConvBlock(inputs, branch, 1, act), ConvBlock(branch, branch, 3, act, stride=2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, 2 * branch, H / 2, W / 2)."""
        return torch.cat([self.cv1(self.mp(x)), self.cv2(x)], dim=1)


class ElanTiny(nn.Module):
    """YOLOv7-tiny's backbone; gives 128, 256 and 512 channels at strides 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        act = leaky_relu
        self.layer_1 = ConvBlock(3, 32, 3, act, stride=2)
        self.layer_2 = nn.Sequential(
            ConvBlock(32, 64, 3, act, stride=2), BackboneElan(64, 64, 32, 1, act)
        )
        self.layer_3 = nn.Sequential(nn.MaxPool2d(2), BackboneElan(64, 128, 32, 1, act))
        self.layer_4 = nn.Sequential(nn.MaxPool2d(2), BackboneElan(128, 256, 64, 1, act))
        self.layer_5 = nn.Sequential(nn.MaxPool2d(2), BackboneElan(256, 512, 128, 1, act))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, 3, H, W) to maps (B, C, H / S, W / S) at the strides S of 8, 16, 32."""
        c3 = self.layer_3(self.layer_2(self.layer_1(x)))
        c4 = self.layer_4(c3)
        return c3, c4, self.layer_5(c4)


class ElanLarge(nn.Module):
    """YOLOv7's backbone; gives 512, 1024 and 1024 channels at strides 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_1 = nn.Sequential(
            ConvBlock(3, 32, 3, silu),
            ConvBlock(32, 64, 3, silu, stride=2),
            ConvBlock(64, 64, 3, silu),
        )
        self.layer_2 = nn.Sequential(
            ConvBlock(64, 128, 3, silu, stride=2), BackboneElan(128, 256, 64, 2, silu)
        )
        self.layer_3 = nn.Sequential(
            DownSample(256, 128, silu), BackboneElan(256, 512, 128, 2, silu)
        )
        self.layer_4 = nn.Sequential(
            DownSample(512, 256, silu), BackboneElan(512, 1024, 256, 2, silu)
        )
        self.layer_5 = nn.Sequential(
            DownSample(1024, 512, silu), BackboneElan(1024, 1024, 256, 2, silu)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, 3, H, W) to maps (B, C, H / S, W / S) at the strides S of 8, 16, 32."""
        c3 = self.layer_3(self.layer_2(self.layer_1(x)))
        c4 = self.layer_4(c3)
        return c3, c4, self.layer_5(c4)


def shuffled(first: Tensor, second: Tensor) -> Tensor:
    """Return the channels of two maps (B, C, …) by turns, (B, 2 C, …): ShuffleNetV2's shuffle."""
    return torch.stack([first, second], dim=2).flatten(1, 2)


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's unit; with `stride` 2 it halves the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.stride = stride
        self.branch1 = nn.Sequential()
        if stride == 2:
            self.branch1 = nn.Sequential(
                nn.Conv2d(inputs, inputs, 3, 2, 1, groups=inputs, bias=False),
                nn.BatchNorm2d(inputs),
                *_normed(inputs, half, 1, 1, relu),
            )
        self.branch2 = nn.Sequential(
            *_normed(inputs if stride == 2 else half, half, 1, 1, relu),
            nn.Conv2d(half, half, 3, stride, 1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            *_normed(half, half, 1, 1, relu),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        if self.stride == 2:
            kept, changed = self.branch1(x), self.branch2(x)
        else:
            kept, rest = x.chunk(2, dim=1)
            changed = self.branch2(rest)
        return shuffled(kept, changed)


def relu() -> nn.Module:
    """Return the activation of the ShuffleNets."""
    return nn.ReLU(inplace=True)


class ShuffleNet(nn.Module):
    """ShuffleNetV2 1x; gives 116, 232 and 464 channels at strides 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*_normed(3, 24, 3, 2, relu))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stage2 = _shuffle_stage(24, 116, 4)
        self.stage3 = _shuffle_stage(116, 232, 8)
        self.stage4 = _shuffle_stage(232, 464, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map images (B, 3, H, W) to maps (B, C, H / S, W / S) at the strides S of 8, 16, 32."""
        c3 = self.stage2(self.maxpool(self.conv1(x)))
        c4 = self.stage3(c3)
        return c3, c4, self.stage4(c4)


def _shuffle_stage(inputs: int, outputs: int, units: int) -> nn.Sequential:
    """Return `units` units of which the first halves the resolution."""
    rest = [ShuffleUnit(outputs, outputs, 1) for _ in range(units - 1)]
    return nn.Sequential(ShuffleUnit(inputs, outputs, 2), *rest)


class Pooled(nn.Module):
    """An image beside its maxima in windows of 5, 9 and 13 pixels, mixed by `cv1` and `cv2`."""

    def __init__(self, cv1: nn.Module, cv2: nn.Module) -> None:
        super().__init__()
        self.cv1 = cv1
        self.cv2 = cv2

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H, W), with the channels D that `cv2` gives."""
        parts = [self.cv1(x)]
        for _ in range(3):  # twice the window of 5 spans 9, three times 13
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, dim=1))


class BareConv(nn.Module):
    """A 1 x 1 convolution with neither norm nor activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        return self.convs(x)


def bare_neck(inputs: int, outputs: int) -> Pooled:
    """Return the neck of the nano model."""
    hidden = inputs // 2
    return Pooled(BareConv(inputs, hidden), BareConv(4 * hidden, outputs))


class PoolingNeck(nn.Module):
    """The neck of the other models: pooled in one branch, passed by in the other."""

    def __init__(self, inputs: int, outputs: int, act: Act) -> None:
        super().__init__()
        hidden = inputs // 2
        self.cv1 = ConvBlock(inputs, hidden, 1, act)
        self.cv2 = ConvBlock(inputs, hidden, 1, act)
        self.m = nn.Sequential(
            ConvBlock(hidden, hidden, 3, act),
            Pooled(ConvBlock(hidden, hidden, 1, act), ConvBlock(4 * hidden, hidden, 1, act)),
            ConvBlock(hidden, hidden, 3, act),
        )
        self.cv3 = ConvBlock(2 * hidden, outputs, 1, act)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        return self.cv3(torch.cat([self.cv1(x), self.m(self.cv2(x))], dim=1))

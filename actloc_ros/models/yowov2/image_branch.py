"""Build YOWOv2's feature pyramid over one image and the heads that split it in two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.yowov2.blocks import (
    Act,
    ConvBlock,
    DownSample,
    ElanLarge,
    ElanTiny,
    PoolingNeck,
    PyramidElan,
    ShuffleNet,
    bare_neck,
    leaky_relu,
    silu,
)


@dataclass(frozen=True)
class PyramidSize:
    """What sets the 2D halves of the models apart.

    Attributes:
        backbone: Gives three feature maps at strides 8, 16, 32.
        neck: Goes over the coarsest map.
        inputs: Channels of the three maps after the neck.
        width: Channels of the finest merged map; the others have 2 and 4 times as many.
        down: (channels in, channels out) -> module that halves the resolution.
        elan: Channels into a merging block -> its hidden channels and those of its chain.
        outputs: Channels of each map that comes out.
        act: Activation.
        depthwise: Whether 3 x 3 convolutions are depthwise.
    """

    backbone: Callable[[], nn.Module]
    neck: Callable[[], nn.Module]
    inputs: tuple[int, int, int]
    width: int
    down: Callable[[int, int], nn.Module]
    elan: Callable[[int], tuple[int, list[int]]]
    outputs: int
    act: Act
    depthwise: bool = False


def _pooled_down(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.MaxPool2d(2), ConvBlock(inputs, outputs, 1, leaky_relu))


def _strided_down(inputs: int, outputs: int) -> nn.Module:
    return ConvBlock(inputs, outputs, 3, leaky_relu, stride=2)


def _branched_down(inputs: int, outputs: int) -> nn.Module:
    return DownSample(inputs, outputs // 2, silu)


def _short_chain(inputs: int) -> tuple[int, list[int]]:
    return inputs // 4, [inputs // 4] * 2


def _long_chain(inputs: int) -> tuple[int, list[int]]:
    return inputs // 2, [inputs // 4] * 4


NANO = PyramidSize(
    backbone=ShuffleNet,
    neck=lambda: bare_neck(464, 232),
    inputs=(116, 232, 232),
    width=64,
    down=_pooled_down,
    elan=_short_chain,
    outputs=64,
    act=leaky_relu,
    depthwise=True,
)
TINY = PyramidSize(
    backbone=ElanTiny,
    neck=lambda: PoolingNeck(512, 256, leaky_relu),
    inputs=(128, 256, 256),
    width=64,
    down=_strided_down,
    elan=_short_chain,
    outputs=64,
    act=leaky_relu,
)
LARGE = PyramidSize(
    backbone=ElanLarge,
    neck=lambda: PoolingNeck(1024, 512, silu),
    inputs=(512, 1024, 512),
    width=128,
    down=_branched_down,
    elan=_long_chain,
    outputs=256,
    act=silu,
)


class Pyramid(nn.Module):
    """Path aggregation: three maps merged from coarse to fine and back from fine to coarse."""

    def __init__(self, size: PyramidSize) -> None:
        super().__init__()
        fine, middle, coarse = size.inputs
        width, act = size.width, size.act
        self.cv1 = ConvBlock(coarse, 2 * width, 1, act)
        self.cv2 = ConvBlock(middle, 2 * width, 1, act)
        self.head_elan_1 = _merge(size, 4 * width, 2 * width)
        self.cv3 = ConvBlock(2 * width, width, 1, act)
        self.cv4 = ConvBlock(fine, width, 1, act)
        self.head_elan_2 = _merge(size, 2 * width, width)
        self.mp1 = size.down(width, 2 * width)
        self.head_elan_3 = _merge(size, 4 * width, 2 * width)
        self.mp2 = size.down(2 * width, 4 * width)
        self.head_elan_4 = _merge(size, 4 * width + coarse, 4 * width)
        self.head_conv_1 = ConvBlock(width, 2 * width, 3, act, depthwise=size.depthwise)
        self.head_conv_2 = ConvBlock(2 * width, 4 * width, 3, act, depthwise=size.depthwise)
        self.head_conv_3 = ConvBlock(4 * width, 8 * width, 3, act, depthwise=size.depthwise)
        self.out_layers = nn.ModuleList(
            ConvBlock(factor * width, size.outputs, 1, act) for factor in (2, 4, 8)
        )

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> list[Tensor]:
        """Map (B, C, H / S, W / S) at strides S of 8, 16, 32 to `size.outputs` channels each."""
        down4 = self.head_elan_1(torch.cat([_twice(self.cv1(c5)), self.cv2(c4)], dim=1))
        p3 = self.head_elan_2(torch.cat([_twice(self.cv3(down4)), self.cv4(c3)], dim=1))
        p4 = self.head_elan_3(torch.cat([self.mp1(p3), down4], dim=1))
        p5 = self.head_elan_4(torch.cat([self.mp2(p4), c5], dim=1))
        maps = [self.head_conv_1(p3), self.head_conv_2(p4), self.head_conv_3(p5)]
        return [layer(x) for layer, x in zip(self.out_layers, maps, strict=True)]


def _merge(size: PyramidSize, inputs: int, outputs: int) -> PyramidElan:
    """Return the block that merges two maps."""
    hidden, chain = size.elan(inputs)
    return PyramidElan(inputs, outputs, hidden, chain, size.act, size.depthwise)


def _twice(x: Tensor) -> Tensor:
    """Return `x` at twice its resolution."""
    return F.interpolate(x, scale_factor=2.0, mode='nearest')


class ImageHead(nn.Module):
    """Two convs towards what an actor does, and two towards where it is."""

    def __init__(self, channels: int, act: Act, depthwise: bool) -> None:
        super().__init__()
        self.cls_feats = two_convs(channels, act, depthwise)
        self.reg_feats = two_convs(channels, act, depthwise)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, channels, H, W) to the features of classes and of boxes, the same shape each."""
        return self.cls_feats(x), self.reg_feats(x)


def two_convs(channels: int, act: Act, depthwise: bool) -> nn.Sequential:
    """Return two 3 x 3 convolutions that keep the number of channels."""
    return nn.Sequential(*[ConvBlock(channels, channels, 3, act, 1, depthwise) for _ in range(2)])


class ImageNet2d(nn.Module):
    """The whole 2D half: key frame in, features of classes and of boxes at three strides out."""

    def __init__(self, size: PyramidSize) -> None:
        super().__init__()
        self.backbone = size.backbone()
        self.neck = size.neck()
        self.fpn = Pyramid(size)
        self.non_shared_heads = nn.ModuleList(
            ImageHead(size.outputs, size.act, size.depthwise) for _ in range(3)
        )

    def forward(self, image: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Map images (B, 3, H, W) to features of classes and of boxes, level after level.

        They are (B, `size.outputs`, H / S, W / S) each, at the strides S of 8, 16, 32.
        """
        c3, c4, c5 = self.backbone(image)
        maps = self.fpn(c3, c4, self.neck(c5))
        return [head(x) for head, x in zip(self.non_shared_heads, maps, strict=True)]

"""Define YOLOX, nano to x: a detector without anchors.

Architecture: "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430). Names of modules are those
of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.published_people.blocks import (
    Conv,
    DarkBlock,
    FocusStem,
    PyramidPool,
    cells,
    flat,
)

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


class _Head(nn.Module):
    def __init__(self, classes: int, width: int, conv: type[nn.Module]) -> None:
        super().__init__()
        inside, levels = 4 * width, range(len(STRIDES))

        def two() -> nn.Module:
            return nn.Sequential(conv(inside, inside, 3), conv(inside, inside, 3))

        def predictions(out: int) -> nn.ModuleList:
            return nn.ModuleList([nn.Conv2d(inside, out, 1) for _ in levels])

        self.cls_convs = nn.ModuleList([two() for _ in levels])
        self.reg_convs = nn.ModuleList([two() for _ in levels])
        self.cls_preds, self.reg_preds = predictions(classes), predictions(4)
        self.obj_preds = predictions(1)
        self.stems = nn.ModuleList([Conv(inside * 2**level, inside, 1) for level in levels])

    def forward(self, levels: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor, Tensor]]:
        maps = []
        for index, level in enumerate(levels):
            x = self.stems[index](level)
            classes = self.cls_preds[index](self.cls_convs[index](x))
            boxes = self.reg_convs[index](x)
            maps.append((self.reg_preds[index](boxes), self.obj_preds[index](boxes), classes))
        return maps


class YOLOX(nn.Module):
    """YOLOX: images (B, 3, h, w), BGR from 0 to 255, to rows (B, A, 5 + classes).

    A row is the centre relative to its cell in cells, the log of the size in cells, the chance of
    an object and of each class; cells of strides 8, 16 and 32, row by row.
    """

    strides = STRIDES

    def __init__(self, classes: int, size: str) -> None:
        super().__init__()
        depth, width = SIZES[size]
        conv = SeparableConv if size == 'nano' else Conv
        self.backbone = Neck(int(BASE * width), depth, conv)
        self.head = _Head(classes, int(BASE * width), conv)

    def maps(self, images: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return each level's box, object and class maps, before any activation."""
        return self.head(self.backbone(images))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, h, w), sides multiples of 32, to rows (B, A, 5 + classes)."""
        levels = self.maps(images)
        return flat([torch.cat([b, o.sigmoid(), c.sigmoid()], 1) for b, o, c in levels])

    def read(self, rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the boxes (A, 4), x1, y1, x2, y2 in pixels of the input, and scores (A, classes).

        Args:
            rows: (A, 5 + classes), of one image.
            size: Height and width of the input.
        """
        places, strides = cells(size, STRIDES, rows)
        centres = (rows[:, :2] + places) * strides
        half = rows[:, 2:4].exp() * strides / 2
        return torch.cat([centres - half, centres + half], 1), rows[:, 4:5] * rows[:, 5:]

"""Define NanoDet-Plus-m, at width 1 and 1.5.

Architecture: github.com/RangiLyu/nanodet (Apache-2.0), with the trunk of "ShuffleNet V2" (arXiv
1807.11164), modules of "GhostNet" (arXiv 1911.11907) and distances of "Generalized Focal Loss"
(arXiv 2006.04388). Names of modules are those of the published checkpoints; the branch that
training alone uses is left out.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.blocks import Conv, cells, flat

STRIDES = (8, 16, 32, 64)
BINS = 8
SLOPE = 0.1
WIDTHS = {'m': ((24, 116, 232, 464), 96), 'm_1.5x': ((24, 176, 352, 704), 128)}
"""Channels of the trunk's stages, and of the pyramid."""
REPEATS = (4, 8, 4)
KERNEL = 5

_Leaky = partial(nn.LeakyReLU, SLOPE)


def _conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution, within channels where it has a kernel, and its norm."""
    groups = channels if kernel > 1 else 1
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out)]


class _Shuffle(nn.Module):
    """A unit of ShuffleNet V2: half of the channels go through, then all are shuffled."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half = out // 2
        self.stride = stride
        first = (
            [*_conv_norm(channels, channels, 3, stride), *_conv_norm(channels, half, 1), _Leaky()]
            if stride > 1
            else []
        )
        self.branch1 = nn.Sequential(*first)
        self.branch2 = nn.Sequential(
            *_conv_norm(channels if stride > 1 else half, half, 1),
            _Leaky(),
            *_conv_norm(half, half, 3, stride),
            *_conv_norm(half, half, 1),
            _Leaky(),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            both = self.branch1(x), self.branch2(x)
        else:
            kept, other = x.chunk(2, 1)
            both = kept, self.branch2(other)
        return torch.stack(both, 2).flatten(1, 2)


class _Trunk(nn.Module):
    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        first = nn.Conv2d(3, widths[0], 3, 2, 1, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm2d(widths[0]), _Leaky())
        for number, (sizes, count) in enumerate(zip(pairwise(widths), REPEATS, strict=True), 2):
            channels, out = sizes
            units = [_Shuffle(out, out, 1) for _ in range(count - 1)]
            self.add_module(f'stage{number}', nn.Sequential(_Shuffle(channels, out, 2), *units))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        levels = []
        for number in (2, 3, 4):
            x = self.get_submodule(f'stage{number}')(x)
            levels.append(x)
        return levels


class _Separable(nn.Module):
    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.depthwise, norm = _conv_norm(channels, channels, KERNEL, stride)
        self.pointwise, other = _conv_norm(channels, channels, 1)
        self.dwnorm, self.pwnorm = norm, other

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.dwnorm(self.depthwise(x)), SLOPE)
        return F.leaky_relu(self.pwnorm(self.pointwise(x)), SLOPE)


class _Ghost(nn.Module):
    """Half of the channels by a convolution, the other half cheaply from these."""

    def __init__(self, channels: int, out: int, active: bool) -> None:
        super().__init__()
        act = [_Leaky()] if active else []
        half = out // 2
        self.primary_conv = nn.Sequential(*_conv_norm(channels, half, 1), *act)
        self.cheap_operation = nn.Sequential(*_conv_norm(half, half, 3), *act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.primary_conv(x)
        return torch.cat([x, self.cheap_operation(x)], 1)


class _GhostBlock(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.ghost1 = _Ghost(channels, out, active=True)
        self.ghost2 = _Ghost(out, out, active=False)
        self.shortcut = nn.Sequential(
            *_conv_norm(channels, channels, KERNEL), *_conv_norm(channels, out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.ghost2(self.ghost1(x)) + self.shortcut(x)


class _Blocks(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(_GhostBlock(channels, out))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class _Pyramid(nn.Module):
    def __init__(self, widths: tuple[int, ...], out: int) -> None:
        super().__init__()
        self.reduce_layers = nn.ModuleList(
            [Conv(width, out, 1, act=_Leaky) for width in widths]  # type: ignore[arg-type]
        )
        self.top_down_blocks = nn.ModuleList([_Blocks(2 * out, out) for _ in range(2)])
        self.downsamples = nn.ModuleList([_Separable(out, 2) for _ in range(2)])
        self.bottom_up_blocks = nn.ModuleList([_Blocks(2 * out, out) for _ in range(2)])
        self.extra_lvl_in_conv = nn.ModuleList([_Separable(out, 2)])
        self.extra_lvl_out_conv = nn.ModuleList([_Separable(out, 2)])

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        reduced = [reduce(x) for reduce, x in zip(self.reduce_layers, levels, strict=True)]
        inner = [reduced[-1]]
        for block, low in zip(self.top_down_blocks, reduced[-2::-1], strict=True):
            high = F.interpolate(inner[0], scale_factor=2.0, mode='bilinear', align_corners=False)
            inner.insert(0, block(torch.cat([high, low], 1)))
        outs = [inner[0]]
        for shrink, block, high in zip(
            self.downsamples, self.bottom_up_blocks, inner[1:], strict=True
        ):
            outs.append(block(torch.cat([shrink(outs[-1]), high], 1)))
        extra = self.extra_lvl_in_conv[0](reduced[-1]) + self.extra_lvl_out_conv[0](outs[-1])
        return [*outs, extra]


class _Head(nn.Module):
    distribution_project: Any

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.distribution_project = nn.Module()
        self.distribution_project.register_buffer('project', torch.arange(BINS).float())
        self.cls_convs = nn.ModuleList(
            [nn.Sequential(_Separable(width, 1), _Separable(width, 1)) for _ in STRIDES]
        )
        self.gfl_cls = nn.ModuleList([nn.Conv2d(width, classes + 4 * BINS, 1) for _ in STRIDES])

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        parts = zip(self.cls_convs, self.gfl_cls, levels, strict=True)
        return [last(convs(level)) for convs, last, level in parts]


class NanoDetPlus(nn.Module):
    """NanoDet-Plus-m: images (B, 3, h, w), BGR, normalized, to rows (B, A, classes + 32).

    A row is the chance of each class and, for the left, top, right and bottom, 8 bins, whose mean
    after a softmax is a distance in cells; cells of strides 8, 16, 32 and 64, row by row.
    """

    strides = STRIDES

    def __init__(self, classes: int, size: str) -> None:
        super().__init__()
        widths, width = WIDTHS[size]
        self.classes = classes
        self.backbone = _Trunk(widths)
        self.fpn = _Pyramid(widths[1:], width)
        self.head = _Head(classes, width)

    def logits(self, images: Tensor) -> Tensor:
        """Return the rows before any activation."""
        return flat(self.head(self.fpn(self.backbone(images))))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, h, w), sides multiples of 32, to rows (B, A, classes + 32)."""
        rows = self.logits(images)
        return torch.cat([rows[..., : self.classes].sigmoid(), rows[..., self.classes :]], -1)

    def read(self, rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the boxes (A, 4), x1, y1, x2, y2 in pixels of the input, and scores (A, classes).

        Args:
            rows: (A, classes + 32), of one image.
            size: Height and width of the input; boxes end there.
        """
        places, strides = cells(size, STRIDES, rows)
        bins = rows[:, self.classes :].unflatten(1, (4, BINS)).softmax(-1)
        reach = bins @ self.head.distribution_project.project.to(rows) * strides
        points = places * strides  # the corner of a cell, not its middle
        boxes = torch.cat([points - reach[:, :2], points + reach[:, 2:]], 1)
        height, width = size
        limit = boxes.new_tensor([width, height, width, height])
        return boxes.clamp(min=0).minimum(limit), rows[:, : self.classes]

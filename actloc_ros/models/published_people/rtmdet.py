"""Define RTMDet, nano to l.

Architecture: "RTMDet: An Empirical Study of Designing Real-Time Object Detectors" (arXiv
2212.07784). Names of modules are those of OpenMMLab's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.blocks import Conv, Separable, cells, flat
from actloc_ros.models.published_people.cspnext import SIZES, STAGES, CSPLayer, CSPNeXt

STRIDES = (8, 16, 32)
BLOCKS = {'nano': 1, 'tiny': 1, 's': 1, 'm': 2, 'l': 3}
"""Of each layer of the pyramid."""
LOGARITHMIC = ('m', 'l')
"""Whose distances are logarithms."""


class _Neck(nn.Module):
    def __init__(self, widths: Sequence[int], count: int, conv: type[nn.Module]) -> None:
        super().__init__()
        small, middle, large = widths
        self.reduce_layers = nn.ModuleList([Conv(large, middle, 1), Conv(middle, small, 1)])
        self.top_down_blocks = nn.ModuleList(
            [CSPLayer(2 * middle, middle, count, conv), CSPLayer(2 * small, small, count, conv)]
        )
        self.downsamples = nn.ModuleList([conv(small, small, 3, 2), conv(middle, middle, 3, 2)])
        self.bottom_up_blocks = nn.ModuleList(
            [CSPLayer(2 * small, middle, count, conv), CSPLayer(2 * middle, large, count, conv)]
        )
        self.out_convs = nn.ModuleList([conv(width, small, 3) for width in widths])

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        third, fourth, fifth = levels
        high = self.reduce_layers[0](fifth)
        middle = self.top_down_blocks[0](torch.cat([_twice(high), fourth], 1))
        low = self.reduce_layers[1](middle)
        first = self.top_down_blocks[1](torch.cat([_twice(low), third], 1))
        second = self.bottom_up_blocks[0](torch.cat([self.downsamples[0](first), low], 1))
        last = self.bottom_up_blocks[1](torch.cat([self.downsamples[1](second), high], 1))
        outs = first, second, last
        return [conv(out) for conv, out in zip(self.out_convs, outs, strict=True)]


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode='nearest')


class _Head(nn.Module):
    """Two stacks of convolutions a level; their weights are one for all, but for nano."""

    def __init__(self, classes: int, width: int, conv: type[nn.Module]) -> None:
        super().__init__()

        def stacks() -> nn.ModuleList:
            return nn.ModuleList(
                [nn.Sequential(conv(width, width, 3), conv(width, width, 3)) for _ in STRIDES]
            )

        self.cls_convs, self.reg_convs = stacks(), stacks()
        self.rtm_cls = nn.ModuleList([nn.Conv2d(width, classes, 1) for _ in STRIDES])
        self.rtm_reg = nn.ModuleList([nn.Conv2d(width, 4, 1) for _ in STRIDES])
        if conv is Conv:
            _share(self.cls_convs)
            _share(self.reg_convs)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        maps = []
        for index, level in enumerate(levels):
            x, y = self.cls_convs[index](level), self.reg_convs[index](level)
            maps.append(torch.cat([self.rtm_cls[index](x), self.rtm_reg[index](y)], 1))
        return maps


def _share(levels: nn.ModuleList) -> None:
    """Give all levels the convolutions of the first; each keeps its batch norms."""
    for level in list(levels)[1:]:
        for layer in ('0', '1'):
            shared = levels[0].get_submodule(layer).conv
            level.get_submodule(layer).conv = shared


class RTMDet(nn.Module):
    """RTMDet: images (B, 3, h, w), BGR, normalized, to rows (B, A, classes + 4).

    A row is the logit of each class, and the distances in pixels from its point to the left, top,
    right and bottom; points of strides 8, 16 and 32, row by row.
    """

    strides = STRIDES

    def __init__(self, classes: int, size: str) -> None:
        super().__init__()
        self.classes, self.logarithmic = classes, size in LOGARITHMIC
        conv = Separable if size == 'nano' else Conv
        widths = [int(out * SIZES[size][1]) for _, out, _ in STAGES[1:]]
        self.backbone = CSPNeXt(size, conv)
        self.neck = _Neck(widths, BLOCKS[size], conv)
        self.bbox_head = _Head(classes, widths[0], conv)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, h, w), sides multiples of 32, to rows (B, A, classes + 4)."""
        maps = self.bbox_head(self.neck(self.backbone(images)))
        scaled = []
        for stride, level in zip(STRIDES, maps, strict=True):
            logits, reach = level[:, : self.classes], level[:, self.classes :]
            reach = (reach.exp() if self.logarithmic else reach) * stride
            scaled.append(torch.cat([logits, reach], 1))
        return flat(scaled)

    def read(self, rows: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the boxes (A, 4), x1, y1, x2, y2 in pixels of the input, and scores (A, classes).

        Args:
            rows: (A, classes + 4), of one image.
            size: Height and width of the input; boxes end there.
        """
        places, strides = cells(size, STRIDES, rows)
        points, reach = places * strides, rows[:, self.classes :]
        boxes = torch.cat([points - reach[:, :2], points + reach[:, 2:]], 1)
        height, width = size
        limit = boxes.new_tensor([width, height, width, height])
        return boxes.clamp(min=0).minimum(limit), rows[:, : self.classes].sigmoid()

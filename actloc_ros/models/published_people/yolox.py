"""Define YOLOX, nano to x: a detector without anchors.

Architecture: "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430). Names of modules are those
of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actloc_ros.models.ops.blocks import Conv, cells, flat
from actloc_ros.models.ops.yolox_trunk import BASE, SIZES, STRIDES, Neck, SeparableConv


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

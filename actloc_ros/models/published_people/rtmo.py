"""Define RTMO: people and their joints in one pass over an image.

Architecture: "RTMO: Towards High-Performance One-Stage Real-Time Multi-Person Pose Estimation"
(arXiv 2312.07526), with the encoder of "DETRs Beat YOLOs on Real-time Object Detection" (arXiv
2304.08069). Names of modules are those of OpenMMLab's checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.ops.blocks import (
    Conv,
    DarkBlock,
    FocusStem,
    PyramidPool,
    cells,
    flat,
)
from actloc_ros.models.published_people.cspnext import CSPLayer, three_levels
from actloc_ros.models.published_people.rtmpose import GatedAttention
from actloc_ros.models.published_people.select import best_rows

SIZES = {'t': (0.33, 0.375), 's': (0.33, 0.5), 'm': (0.67, 0.75), 'l': (1.0, 1.0)}
"""Depth and width."""
STAGES = ((64, 128, 3), (128, 256, 9), (256, 512, 9), (512, 1024, 3))
STRIDES = (16, 32)
HIDDEN, HEADS, WIDE = 256, 8, 1024
GROUPS, GROUP = 8, 36
KEYS, FEATURES = 128, 128
BINS = 192, 256  # of columns and of rows
MARGIN = 1.25  # size of the bins' range in boxes
LEAST = 1e-8


class _Trunk(nn.Module):
    """Darknet, as OpenMMLab names it."""

    def __init__(self, depth: float, width: float) -> None:
        super().__init__()
        self.stem = FocusStem(int(STAGES[0][0] * width))
        for number, (channels, out, count) in enumerate(STAGES, 1):
            last, wide = number == len(STAGES), int(out * width)
            layers: list[nn.Module] = [Conv(int(channels * width), wide, 3, 2)]
            if last:
                layers.append(PyramidPool(wide))
            blocks = max(round(count * depth), 1)
            layers.append(CSPLayer(wide, wide, blocks, block=DarkBlock, shortcut=not last))
            self.add_module(f'stage{number}', nn.Sequential(*layers))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return three_levels(self, images)


class _Waves(nn.Module):
    """Cosines and sines of a place, of rising length."""

    dim_t: Tensor

    def __init__(self, channels: int, longest: float) -> None:
        super().__init__()
        half = channels // 2
        self.register_buffer('dim_t', longest ** (torch.arange(half).float() / half))

    def forward(self, places: Tensor) -> Tensor:
        angles = places[..., None] / self.dim_t
        return torch.cat([angles.cos(), angles.sin()], -1)


class _SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(HIDDEN, HEADS, batch_first=True)

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        placed = x + position
        return x + self.attn(placed, placed, x, need_weights=False)[0]


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(HIDDEN, WIDE), nn.GELU())
        self.layers = nn.Sequential(first, nn.Linear(WIDE, HIDDEN))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _EncoderLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.ffn = _SelfAttention(), _FeedForward()
        self.norms = nn.ModuleList([nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)])

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        x = self.norms[0](self.self_attn(x, position))
        return self.norms[1](self.ffn(x))


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_EncoderLayer()])

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        return self.layers[0](x, position)


class _Rep(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch_3x3 = Conv(channels, channels, 3, act=nn.Identity)
        self.branch_1x1 = Conv(channels, channels, 1, act=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.branch_3x3(x) + self.branch_1x1(x))


class _RepLayer(nn.Module):
    def __init__(self, depth: float, width: float) -> None:
        super().__init__()
        inside = int(HIDDEN * width)
        self.conv1, self.conv2 = Conv(2 * HIDDEN, inside, 1), Conv(2 * HIDDEN, inside, 1)
        self.bottlenecks = nn.Sequential(*[_Rep(inside) for _ in range(round(3 * depth))])
        self.conv3 = nn.Identity() if inside == HIDDEN else Conv(inside, HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(self.bottlenecks(self.conv1(x)) + self.conv2(x))


class _Projector(nn.Module):
    def __init__(self, out: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([Conv(HIDDEN, out, 1, act=nn.Identity) for _ in STRIDES])


class _Neck(nn.Module):
    """The encoder: attention over the coarsest level, then a pyramid down and up."""

    def __init__(self, depth: float, width: float, out: int) -> None:
        super().__init__()
        widths = [int(stage[1] * width) for stage in STAGES[1:]]
        self.input_proj = nn.ModuleList([Conv(w, HIDDEN, 1, act=nn.Identity) for w in widths])
        self.encoder = nn.ModuleList([_Encoder()])
        self.sincos_pos_enc = _Waves(HIDDEN // 2, 10000.0)
        self.lateral_convs = nn.ModuleList([Conv(HIDDEN, HIDDEN, 1) for _ in range(2)])
        self.fpn_blocks = nn.ModuleList([_RepLayer(depth, width) for _ in range(2)])
        self.downsample_convs = nn.ModuleList([Conv(HIDDEN, HIDDEN, 3, 2) for _ in range(2)])
        self.pan_blocks = nn.ModuleList([_RepLayer(depth, width) for _ in range(2)])
        self.projector = _Projector(out)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        third, fourth, fifth = (
            project(level) for project, level in zip(self.input_proj, levels, strict=True)
        )
        high = self.lateral_convs[0](self._attended(fifth))
        middle = self.fpn_blocks[0](torch.cat([_twice(high), fourth], 1))
        middle = self.lateral_convs[1](middle)
        low = self.fpn_blocks[1](torch.cat([_twice(middle), third], 1))
        second = self.pan_blocks[0](torch.cat([self.downsample_convs[0](low), middle], 1))
        last = self.pan_blocks[1](torch.cat([self.downsample_convs[1](second), high], 1))
        outs = second, last
        return [conv(x) for conv, x in zip(self.projector.convs, outs, strict=True)]

    def _attended(self, x: Tensor) -> Tensor:
        places, _ = cells((x.shape[2], x.shape[3]), (1,), x)
        waves = [self.sincos_pos_enc(places[:, axis]) for axis in (1, 0)]
        rows = self.encoder[0](x.flatten(2).transpose(1, 2), torch.cat(waves, -1))
        return rows.transpose(1, 2).reshape(x.shape)


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode='nearest')


class _Maps(nn.Module):
    def __init__(self, joints: int, width: float, out: int) -> None:
        super().__init__()
        wide, posed = int(256 * width), GROUPS * int(GROUP * width)

        def each(channels: int, count: int) -> nn.ModuleList:
            return nn.ModuleList([nn.Conv2d(channels, count, 1) for _ in STRIDES])

        self.conv_cls = nn.ModuleList(
            [nn.Sequential(Conv(wide, wide, 3), Conv(wide, wide, 3)) for _ in STRIDES]
        )
        self.out_cls = each(wide, 1)
        self.conv_pose = nn.ModuleList(
            [
                nn.Sequential(
                    Conv(wide, posed, 3), *[Conv(posed, posed, 3, groups=GROUPS) for _ in range(3)]
                )
                for _ in STRIDES
            ]
        )
        self.out_bbox = each(posed, 4)
        self.out_kpt_reg = each(posed, 2 * joints)  # for training
        self.out_kpt_vis = each(posed, joints)
        self.out_pose = each(posed, out)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        outputs: list[list[Tensor]] = [[], [], [], []]
        for index, level in enumerate(levels):
            scored, posed = level.chunk(2, 1)
            x = self.conv_pose[index](posed)
            maps = self.out_bbox, self.out_kpt_vis, self.out_pose
            values = [self.out_cls[index](self.conv_cls[index](scored))]
            values += [layers[index](x) for layers in maps]
            for output, value in zip(outputs, values, strict=True):
                output.append(value)
        return tuple(flat(output) for output in outputs)


class _Factor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class _Coordinates(nn.Module):
    """Joints of a person's features, as weighted means of bins around its box."""

    x_bins: Tensor
    y_bins: Tensor

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        self.joints = joints
        self.pos_enc = nn.Parameter(torch.zeros(joints, KEYS))
        self.register_buffer('y_bins', torch.linspace(-0.5, 0.5, BINS[1]))
        self.register_buffer('x_bins', torch.linspace(-0.5, 0.5, BINS[0]))
        self.spe = _Waves(KEYS, 300.0)
        self.gau = GatedAttention(FEATURES)
        self.pose_to_kpts = nn.Sequential(
            nn.Linear(channels, FEATURES * joints), nn.BatchNorm1d(FEATURES * joints)
        )
        self.x_fc, self.y_fc = nn.Linear(KEYS, FEATURES), nn.Linear(KEYS, FEATURES)
        # For training.
        self.sigma_fc = nn.Sequential(nn.Linear(channels, joints), nn.Sigmoid(), _Factor())

    def forward(self, vectors: Tensor, boxes: Tensor, points: Tensor) -> Tensor:
        """Return the joints (N, K, 2) of people, in pixels of the input.

        Args:
            vectors: (N, channels).
            boxes: (N, 4), x1, y1, x2, y2.
            points: (N, 2): of the cells that report them.
        """
        joints = self.pose_to_kpts(vectors).unflatten(1, (self.joints, FEATURES))
        joints = self.gau(joints, self.pos_enc)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        sizes = (boxes[:, 2:] - boxes[:, :2]) * MARGIN
        places = []
        for axis, (bins, encode) in enumerate(((self.x_bins, self.x_fc), (self.y_bins, self.y_fc))):
            offsets = bins * sizes[:, axis : axis + 1]
            near = offsets + (centres - points)[:, axis : axis + 1]
            heat = joints @ encode(self.spe(near)).transpose(1, 2)
            heat = (heat - heat.max(-1, keepdim=True).values).exp()
            heat = heat / (heat.sum(-1, keepdim=True) + LEAST)
            places.append((heat * (offsets + centres[:, axis : axis + 1])[:, None]).sum(-1))
        return torch.stack(places, -1)


class _Head(nn.Module):
    loss_oks: Any

    def __init__(self, joints: int, width: float, out: int) -> None:
        super().__init__()
        self.loss_oks = nn.Module()
        self.loss_oks.register_buffer('sigmas', torch.ones(joints))  # for training
        self.head_module = _Maps(joints, width, out)
        self.dcc = _Coordinates(joints, out)


class RTMO(nn.Module):
    """RTMO: images (B, 3, h, w), BGR from 0 to 255, to four outputs over A cells.

    These are the logit of a person (B, A, 1), the box (B, A, 4) as YOLOX has it, the logit of each
    joint's presence (B, A, K) and a vector (B, A, D) of which `joints` makes the joints; cells of
    strides 16 and 32, row by row.
    """

    strides = STRIDES

    def __init__(self, joints: int, size: str) -> None:
        super().__init__()
        depth, width = SIZES[size]
        out = int(512 * width)
        self.backbone = _Trunk(depth, width)
        self.neck = _Neck(depth, width, out)
        self.head = _Head(joints, width, out)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images, sides multiples of 32, to logits, boxes, presence and vectors."""
        maps: tuple[Tensor, ...] = self.head.head_module(self.neck(self.backbone(images)))
        return maps

    def read(self, boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the boxes (A, 4), x1, y1, x2, y2, and the points (A, 2) in pixels of the input.

        Args:
            boxes: (A, 4), of one image.
            size: Height and width of the input.
        """
        places, strides = cells(size, STRIDES, boxes)
        points = places * strides + (strides - 1) / 2
        centres, half = points + boxes[:, :2] * strides, boxes[:, 2:].exp() * strides / 2
        return torch.cat([centres - half, centres + half], 1), points

    def joints(self, vectors: Tensor, boxes: Tensor, points: Tensor) -> Tensor:
        """Return the joints (N, K, 2) of N people in pixels of the input; see `read`."""
        found: Tensor = self.head.dcc(vectors, boxes, points)
        return found

    def people(
        self, outputs: Sequence[Tensor], size: tuple[int, int], least: float, overlap: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, 4), scores (N,) and joints (N, K, 3) in pixels of the input.

        Args:
            outputs: Of `forward`, of one image.
            size: Height and width of the input.
            least: Score from which a person is reported.
            overlap: IoU above which the weaker of two is dropped.
        """
        logits, boxes, presence, vectors = (output[0].float() for output in outputs)
        corners, points = self.read(boxes, size)
        scores = logits[:, 0].sigmoid()
        rows = best_rows(corners, scores, least, overlap)
        places = self.joints(vectors[rows], corners[rows], points[rows])
        joints = torch.cat([places, presence[rows].sigmoid()[..., None]], -1)
        return corners[rows], scores[rows], joints

"""The `people_n` network: people, each with an actor score, a box and 17 joints, in one image.

Trunk, pyramid and the towers for people and boxes are those of YOLOX-nano ("YOLOX: Exceeding YOLO
Series in 2021", arXiv 2107.08430), with its norms folded into the convolutions, so that training
starts from published weights. Three levels (strides 8, 16 and 32) report one person a cell: that it
is an object and a person, the middle and the size of the box, the offsets of the joints and the
presence of each. A field at stride 8 reports, near each joint, the offset to it; decoding refines
joints by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from actloc_ros.models.ops.blocks import Conv
from actloc_ros.models.ops.yolox_trunk import SIZES, STRIDES, Neck, SeparableConv

JOINTS = 17
OFFSET_STRIDES = 4.0  # unit of joint offsets, in strides of the level
FIELD_STRIDE = STRIDES[0]
DEPTH = SIZES['nano'][0]


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a `people_n` network.

    Attributes:
        width: Channels of the stem; all others are multiples of it. YOLOX-nano has 16.
    """

    width: int = 16


class RawPeople(NamedTuple):
    """What the network reports of B images, over the A cells of all levels.

    Attributes:
        scores: (B, A), logits: the score that a cell reports a person.
        boxes: (B, A, 4), x1, y1, x2, y2 in pixels of the input.
        joints: (B, A, 17, 2), x, y in pixels of the input.
        presence: (B, A, 17), logits: the joint is inside the image and can be located.
        field: (B, 17, 2, H / 8, W / 8), offset in pixels from a cell's centre to the nearest such
            joint; it means nothing far from joints.
    """

    scores: Tensor
    boxes: Tensor
    joints: Tensor
    presence: Tensor
    field: Tensor


class Trunk(nn.Module):
    """The trunk of YOLOX and its pyramid.

    Args:
        width: Channels of the stem.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.neck = Neck(width, DEPTH, SeparableConv)

    def start(self, images: Tensor) -> Tensor:
        """Float (B, 3, H, W), RGB from 0 to 255 -> (B, C, H / 8, W / 8)."""
        for part in self._start():
            images = part(images)
        return images

    def rest(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What `start` returns -> (B, C, H / stride, W / stride), all levels."""
        trunk = self.neck.backbone
        fourth = trunk.get_submodule('dark4')(level)
        return self.neck.fused(level, fourth, trunk.get_submodule('dark5')(fourth))

    def start_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that `start` uses."""
        for part in self._start():
            yield from part.parameters()

    def _start(self) -> list[nn.Module]:
        return [self.neck.backbone.get_submodule(name) for name in ('stem', 'dark2', 'dark3')]


class Head(nn.Module):
    """What the cells of one level report.

    Args:
        channels: Of the level.
        inside: Of the towers.
        stride: Of the level.
    """

    def __init__(self, channels: int, inside: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.stem = Conv(channels, inside, 1)
        self.person_tower, self.box_tower, self.joint_tower = (_tower(inside) for _ in range(3))
        self.person, self.object = nn.Conv2d(inside, 1, 1), nn.Conv2d(inside, 1, 1)
        self.box = nn.Conv2d(inside, 4, 1)
        self.joint = nn.Conv2d(inside, JOINTS * 3, 1)
        for part in (self.person, self.object, self.box, self.joint):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.object.bias, -4.6)  # type: ignore[arg-type]

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, C, h, w) -> score (B, 1, h, w), box (B, 4, h, w), joint (B, 51, h, w), features."""
        x = self.stem(level)
        boxed = self.box_tower(x)
        posed = self.joint_tower(boxed)
        person, object_ = self.person(self.person_tower(x)), self.object(boxed)
        return both(person, object_), self.box(boxed), self.joint(posed), posed


def _tower(channels: int) -> nn.Module:
    return nn.Sequential(SeparableConv(channels, channels, 3), SeparableConv(channels, channels, 3))


def both(first: Tensor, second: Tensor) -> Tensor:
    """Return the logit of the product of the chances of two logits."""
    return -torch.stack([-first, -second, -first - second]).logsumexp(0)


class PeopleNetwork(nn.Module):
    """People with boxes and joints; any height and width that are multiples of 32."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        config = config or NetworkConfig()
        self.config = config
        self.trunk = Trunk(config.width)
        inside = 4 * config.width
        self.heads = nn.ModuleList(
            Head(inside * 2**i, inside, stride) for i, stride in enumerate(STRIDES)
        )
        self.field = nn.Conv2d(inside, JOINTS * 2, 1)
        fold_norms(self)

    def forward(self, images: Tensor) -> RawPeople:
        """Float (B, 3, H, W), RGB from 0 to 255 -> `RawPeople`."""
        return self.from_start(self.trunk.start(images))

    def from_start(self, level: Tensor) -> RawPeople:
        """Finest level of the trunk (B, C, H / 8, W / 8) -> `RawPeople`."""
        levels = self.trunk.rest(level)
        reports = [
            self._report(head, level) for head, level in zip(self.heads, levels, strict=True)
        ]
        scores, boxes, joints, presence = (
            torch.cat([report[i] for report in reports], 1) for i in range(4)
        )
        field = self.field(reports[0][4]).unflatten(1, (JOINTS, 2)) * FIELD_STRIDE
        return RawPeople(scores, boxes, joints, presence, field)

    @staticmethod
    def _report(head: nn.Module, level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        score, box, joint, posed = head(level)
        stride = float(head.stride)  # type: ignore[arg-type]
        centres = cell_centres(level, stride)
        box = box.flatten(2).transpose(1, 2)
        middles = (centres - stride / 2) + box[..., :2] * stride
        # exp() bounded: a wild weight must not make an infinite box, also not in half precision.
        halves = box[..., 2:].clamp(max=6).exp() * (stride / 2)
        boxes = torch.cat([middles - halves, middles + halves], -1)
        joint = joint.flatten(2).transpose(1, 2)
        offsets = joint[..., : JOINTS * 2].unflatten(-1, (JOINTS, 2))
        joints = centres[:, None] + offsets * (OFFSET_STRIDES * stride)
        return score.flatten(1), boxes, joints, joint[..., JOINTS * 2 :], posed


def fold_norms(network: nn.Module) -> None:
    """Give the convolutions biases instead of norms, as published weights have them folded in."""
    for module in network.modules():
        if isinstance(module, Conv):
            module.conv.bias = nn.Parameter(torch.zeros(module.conv.out_channels))
            module.bn = nn.Identity()  # type: ignore[assignment]


def cell_centres(level: Tensor, stride: float) -> Tensor:
    """Return the centres of a level's (B, C, h, w) cells in pixels: float (h * w, 2), x and y."""
    height, width = level.shape[-2:]
    ys = (torch.arange(height, device=level.device) + 0.5) * stride
    xs = (torch.arange(width, device=level.device) + 0.5) * stride
    return torch.stack(torch.meshgrid(ys, xs, indexing='ij')[::-1], -1).reshape(-1, 2)

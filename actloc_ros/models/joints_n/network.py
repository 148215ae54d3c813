"""The network of `joints_n`: a trunk, four levels fused, and a map of places for each joint.

Trunk, fused levels and maps are those of MoveNet Lightning (Apache-2.0), whose norms are part of
its convolutions; see `training.joints_n.start`. A second way to the maps, with more channels, adds
to them: bodies that are turned by any angle look more different than those that stand.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.joints_n.crops import JOINTS

# expansion, channels out, stride: the 17 blocks of MobileNetV2
BLOCKS = (
    (1, 16, 1),
    *((6, 24, 2), (6, 24, 1)),
    *((6, 32, 2), (6, 32, 1), (6, 32, 1)),
    *((6, 64, 2), (6, 64, 1), (6, 64, 1), (6, 64, 1)),
    *((6, 96, 1), (6, 96, 1), (6, 96, 1)),
    *((6, 160, 2), (6, 160, 1), (6, 160, 1)),
    (6, 320, 1),
)
LEVEL_ENDS = (2, 5, 9)  # blocks whose output is the level of stride 4, 8 and 16
MIDDLE = 12  # the last block of stride 16
STEM, TOP = 32, 1280  # channels of the first and of the last convolution
FUSED = (64, 32, 24, 24)  # channels of the levels from coarse to fine, and of the fused one
SEEN = 96  # channels of which maps are made
BODY, WIDE = 128, 96  # channels of the second way, at stride 16 and 8
SPLIT = 2  # cells of a map, to each side, in a cell of stride 8
PIXEL = 127.5  # half of the range of a pixel's values


class RawJoints(NamedTuple):
    """What the network reports of B crops.

    Attributes:
        maps: (B, 17, H / 4, W / 4), logits: a softmax over a map says where the joint is.
        presence: (B, 17), logits: the joint is in the crop and can be located.
    """

    maps: Tensor
    presence: Tensor


class Levels(NamedTuple):
    """What the trunk makes of B crops.

    Attributes:
        middle: (B, 96, H / 16, W / 16).
        coarse: (B, 320, H / 32, W / 32).
        top: (B, 1280, H / 32, W / 32).
        fused: (B, 24, H / 4, W / 4).
    """

    middle: Tensor
    coarse: Tensor
    top: Tensor
    fused: Tensor


class SameConv(nn.Conv2d):
    """A convolution of 3x3 with TensorFlow's SAME padding, for even sides where it has a stride."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int, bias: bool) -> None:
        super().__init__(inputs, outputs, 3, stride, 2 - stride, 1, groups, bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of nn.Conv2d
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        padded = input if self.stride[0] == 1 else F.pad(input, (0, 1, 0, 1))
        return super().forward(padded)


class Block(nn.Module):
    """An inverted bottleneck of MobileNetV2: expand, depthwise, project; ReLU6."""

    def __init__(self, inputs: int, expansion: int, outputs: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = nn.Conv2d(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConv(inner, inner, stride, inner, bias=True)
        self.project = nn.Conv2d(inner, outputs, 1)
        self._expanded = expansion > 1
        self._residual = stride == 1 and inputs == outputs

    def forward(self, level: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        inner = F.relu6(self.expand(level)) if self._expanded else level
        made = self.project(F.relu6(self.depthwise(inner)))
        return level + made if self._residual else made


class Separable(nn.Module):
    """A depthwise convolution and a pointwise one with ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = SameConv(inputs, inputs, 1, inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, level: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        return F.relu(self.pointwise(self.depthwise(level)))


class Trunk(nn.Module):
    """MobileNetV2, and its levels fused from coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 2, 1, bias=True)
        channels = (STEM, *(outputs for _, outputs, _ in BLOCKS))
        self.blocks = nn.ModuleList(
            Block(inputs, *shape) for inputs, shape in zip(channels[:-1], BLOCKS, strict=True)
        )
        self.top = nn.Conv2d(channels[-1], TOP, 1)
        self.narrow = nn.Conv2d(TOP, FUSED[0], 1)
        self.sides = nn.ModuleList(
            nn.Conv2d(BLOCKS[end][1], outputs, 1)
            for end, outputs in zip(reversed(LEVEL_ENDS), FUSED[:-1], strict=True)
        )
        self.fusions = nn.ModuleList(
            Separable(inputs, outputs) for inputs, outputs in pairwise(FUSED)
        )

    def fine(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Float (B, 3, H, W), RGB from 0 to 255 -> (B, 24, H / 4, W / 4), (B, 32, H / 8, W / 8)."""
        level = F.relu6(self.stem(crops / PIXEL - 1))
        quarter = self._through(level, 0, LEVEL_ENDS[0])
        return quarter, self._through(quarter, LEVEL_ENDS[0] + 1, LEVEL_ENDS[1])

    def start(self, crops: Tensor) -> Tensor:
        """Return both levels of `fine` as one, (B, 128, H / 8, W / 8)."""
        quarter, eighth = self.fine(crops)
        return torch.cat([F.pixel_unshuffle(quarter, 2), eighth], 1)

    @staticmethod
    def parts(start: Tensor) -> tuple[Tensor, Tensor]:
        """Return the levels of which `start` made one."""
        eighth = BLOCKS[LEVEL_ENDS[1]][1]
        packed, last = start.split([start.shape[1] - eighth, eighth], 1)
        return F.pixel_shuffle(packed, 2), last

    def start_parameters(self) -> list[nn.Parameter]:
        """Return the weights of `start`."""
        modules = (self.stem, *self.blocks[: LEVEL_ENDS[1] + 1])
        return [parameter for module in modules for parameter in module.parameters()]

    def rest(self, quarter: Tensor, eighth: Tensor) -> Levels:
        """Levels of `fine` -> the others."""
        sixteenth = self._through(eighth, LEVEL_ENDS[1] + 1, LEVEL_ENDS[2])
        middle = self._through(sixteenth, LEVEL_ENDS[2] + 1, MIDDLE)
        coarse = self._through(middle, MIDDLE + 1, len(BLOCKS) - 1)
        top = F.relu6(self.top(coarse))
        fused = self.narrow(top)
        levels = (sixteenth, eighth, quarter)
        for level, side, fuse in zip(levels, self.sides, self.fusions, strict=True):
            larger = F.interpolate(fused, scale_factor=2.0, mode='bilinear')
            fused = fuse(larger + side(level))
        return Levels(middle, coarse, top, fused)

    def _through(self, level: Tensor, first: int, last: int) -> Tensor:
        for block in self.blocks[first : last + 1]:
            level = block(level)
        return level


class NormedSeparable(nn.Module):
    """A depthwise convolution of 5x5 and a pointwise one with a norm and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 5, 1, 2, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)

    def forward(self, level: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same."""
        return F.relu(self.norm(self.pointwise(self.depthwise(level))))


class WideMaps(nn.Module):
    """A second way to the maps, which adds nothing at first."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = (BLOCKS[i][1] for i in (LEVEL_ENDS[1], MIDDLE, len(BLOCKS) - 1))
        self.coarse = nn.Conv2d(coarse, BODY, 1)
        self.middle = nn.Conv2d(middle, BODY, 1)
        self.body = nn.Sequential(*(NormedSeparable(BODY) for _ in range(2)))
        self.up = nn.Conv2d(BODY, WIDE, 1)
        self.side = nn.Conv2d(fine, WIDE, 1)
        self.fused = nn.Sequential(*(NormedSeparable(WIDE) for _ in range(2)))
        self.maps = nn.Conv2d(WIDE, JOINTS * SPLIT**2, 1)
        nn.init.zeros_(self.maps.weight)

    def forward(self, eighth: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """(B, 32, H / 8, W / 8), and two of `Levels` -> (B, 17, H / 4, W / 4)."""
        body = self.body(F.relu(self.middle(middle) + _doubled(self.coarse(coarse))))
        fused = self.fused(F.relu(self.side(eighth) + _doubled(self.up(body))))
        return F.pixel_shuffle(self.maps(fused), SPLIT)


def _doubled(level: Tensor) -> Tensor:
    return F.interpolate(level, scale_factor=2.0, mode='nearest')


class JointsNetwork(nn.Module):
    """Where the joints of the person in the middle of a crop are."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.seen = Separable(FUSED[-1], SEEN)
        self.maps = nn.Conv2d(SEEN, JOINTS, 1)
        self.wide = WideMaps()
        self.pooled = nn.Linear(TOP, JOINTS)
        self.local = nn.Parameter(torch.zeros(JOINTS, SEEN))

    def forward(self, crops: Tensor) -> RawJoints:
        """Float (B, 3, H, W), RGB from 0 to 255 -> `RawJoints`; sides are multiples of 32."""
        return self._from_levels(*self.trunk.fine(crops))

    def from_start(self, start: Tensor) -> RawJoints:
        """What `Trunk.start` returns -> `RawJoints`."""
        return self._from_levels(*self.trunk.parts(start))

    def _from_levels(self, quarter: Tensor, eighth: Tensor) -> RawJoints:
        levels = self.trunk.rest(quarter, eighth)
        seen = self.seen(levels.fused)
        maps = self.maps(seen) + self.wide(eighth, levels.middle, levels.coarse)
        presence = self.pooled(levels.top.mean((2, 3))) + self._presence(maps.detach(), seen)
        return RawJoints(maps, presence)

    def _presence(self, maps: Tensor, seen: Tensor) -> Tensor:
        """Judge by what is where each joint seems to be: -> (B, 17)."""
        found = maps.flatten(2).softmax(-1) @ seen.flatten(2).transpose(1, 2)
        return (found * self.local).sum(-1)

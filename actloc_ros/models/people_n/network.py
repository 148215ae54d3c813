"""The `people_n` network: people, each with an actor score, a box and 17 joints, in one image.

The trunk is EfficientNet-Lite0 (Apache-2.0) to its block 12. Three levels of its features
(strides 8, 16 and 32) are fused from coarse to fine. Each cell of each level reports one person: a
score, the distances to the four sides of the box, the offsets of the joints and the presence of
each. A field at stride 8 reports, near each joint, the offset to it; decoding refines joints by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

JOINTS = 17
STRIDES = (8, 16, 32)
OFFSET_STRIDES = 4.0  # unit of joint offsets, in strides of the level
FIELD_STRIDE = STRIDES[0]

# kernel, stride, expansion, channels out; blocks 0 to 12 of EfficientNet-Lite0
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (5, 1, 6, 192),
)
STEM_CHANNELS = 32
LEVEL_ENDS = (4, 10, 12)  # blocks whose output is the level of stride 8, 16 and 32


@dataclass(frozen=True)
class NetworkConfig:
    """Size of a `people_n` network.

    Attributes:
        channels: Of each fused level and each tower.
        skipped: Blocks of the trunk that are left out; only those that keep channels and stride.
    """

    channels: int = 64
    skipped: tuple[int, ...] = ()


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


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's SAME padding before and after, for sizes that the stride divides."""
    total = max(kernel - stride, 0) if size % stride == 0 else max(kernel - size % stride, 0)
    return total // 2, total - total // 2


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, for inputs whose sides the stride divides."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0, groups=groups, bias=False)
        before, after = same_padding(0, kernel, stride)
        self._pad = (before, after, before, after)
        if before == after:
            self.padding = (before, before)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of nn.Conv2d
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        if self._pad[0] != self._pad[1]:
            input = F.pad(input, self._pad)  # noqa: A001
        return super().forward(input)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)


class Block(nn.Module):
    """An inverted bottleneck of EfficientNet-Lite: expand, depthwise, project; ReLU6."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion != 1:
            self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, inner)
        self._bn1 = _norm(inner)
        self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self._residual = stride == 1 and inputs == outputs
        self._expanded = expansion != 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self._expanded else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self._residual else y


class Trunk(nn.Module):
    """EfficientNet-Lite0 to one of its blocks; parameters bear the names of its weights file.

    Args:
        skipped: Blocks that are left out; only those that keep channels and stride.
        ends: Blocks whose outputs are its levels, finest first; it stops behind the last one.
    """

    def __init__(self, skipped: tuple[int, ...], ends: tuple[int, ...] = LEVEL_ENDS) -> None:
        super().__init__()
        self._ends = ends
        self._conv_stem = SameConv(3, STEM_CHANNELS, 3, 2)
        self._bn0 = _norm(STEM_CHANNELS)
        self._blocks = nn.ModuleDict()
        channels = STEM_CHANNELS
        for number, (kernel, stride, expansion, outputs) in enumerate(BLOCKS[: ends[-1] + 1]):
            if number in skipped:
                if stride != 1 or channels != outputs or number in ends:
                    raise ValueError(f'block {number} cannot be skipped: it changes the shape')
                continue
            self._blocks[str(number)] = Block(channels, kernel, stride, expansion, outputs)
            channels = outputs

    def start(self, images: Tensor) -> Tensor:
        """Float (B, 3, H, W), RGB from 0 to 255 -> (B, C, H / stride, W / stride), finest level."""
        x = F.relu6(self._bn0(self._conv_stem((images - 127) / 128)))
        for number, block in self._blocks.items():
            if int(number) <= self._ends[0]:
                x = block(x)
        return x

    def rest(self, level: Tensor) -> list[Tensor]:
        """Finest level -> (B, C, H / stride, W / stride), all levels."""
        levels = [level]
        for number, block in self._blocks.items():
            if int(number) > self._ends[0]:
                level = block(level)
                if int(number) in self._ends:
                    levels.append(level)
        return levels

    def start_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that `start` uses."""
        yield from self._conv_stem.parameters()
        yield from self._bn0.parameters()
        for number, block in self._blocks.items():
            if int(number) <= self._ends[0]:
                yield from block.parameters()


class Separable(nn.Module):
    """A 5x5 depthwise convolution, then one that mixes channels; each with batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 5, padding=2, groups=inputs, bias=False)
        self.norm = _norm(inputs)
        self.mix = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.mix_norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        return F.relu(self.mix_norm(self.mix(self.norm(self.depthwise(x)))))


class Head(nn.Module):
    """What the cells of one level report."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.person_tower = Separable(channels, channels)
        self.joint_tower = nn.Sequential(
            Separable(channels, channels), Separable(channels, channels)
        )
        self.person = nn.Conv2d(channels, 5, 1)
        self.joint = nn.Conv2d(channels, JOINTS * 3, 1)
        nn.init.normal_(self.person.weight, std=0.01)
        nn.init.normal_(self.joint.weight, std=0.01)
        self.person.bias = nn.Parameter(torch.tensor([-4.6, 0.5, 0.5, 0.5, 0.5]))
        self.joint.bias = nn.Parameter(torch.zeros(JOINTS * 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, h, w) -> (B, 5, h, w), (B, 51, h, w), joint features (B, C, h, w)."""
        posed = self.joint_tower(x)
        return self.person(self.person_tower(x)), self.joint(posed), posed


class PeopleNetwork(nn.Module):
    """People with boxes and joints; any height and width that are multiples of 32."""

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        config = config or NetworkConfig()
        self.config = config
        self.trunk = Trunk(config.skipped)
        widths = [BLOCKS[end][3] for end in LEVEL_ENDS]
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, config.channels, 1, bias=False), _norm(config.channels))
            for width in widths
        )
        self.fuse = nn.ModuleList(Separable(config.channels, config.channels) for _ in widths[1:])
        self.heads = nn.ModuleList(Head(config.channels, stride) for stride in STRIDES)
        self.field = nn.Conv2d(config.channels, JOINTS * 2, 1)

    def forward(self, images: Tensor) -> RawPeople:
        """Float (B, 3, H, W), RGB from 0 to 255 -> `RawPeople`."""
        return self.from_start(self.trunk.start(images))

    def from_start(self, level: Tensor) -> RawPeople:
        """Finest level of the trunk (B, 40, H / 8, W / 8) -> `RawPeople`."""
        levels = self._fused(self.trunk.rest(level))
        reports = [
            self._report(head, level) for head, level in zip(self.heads, levels, strict=True)
        ]
        scores, boxes, joints, presence = (
            torch.cat([report[i] for report in reports], 1) for i in range(4)
        )
        field = self.field(reports[0][4]).unflatten(1, (JOINTS, 2)) * FIELD_STRIDE
        return RawPeople(scores, boxes, joints, presence, field)

    def _fused(self, levels: list[Tensor]) -> list[Tensor]:
        sides = [F.relu(side(level)) for side, level in zip(self.lateral, levels, strict=True)]
        fused = [sides[-1]]
        for side, fuse in zip(sides[-2::-1], self.fuse, strict=True):
            larger = F.interpolate(fused[0], scale_factor=2.0, mode='nearest')
            fused.insert(0, fuse(side + larger))
        return fused

    @staticmethod
    def _report(head: nn.Module, level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        person, joint, posed = head(level)
        stride = float(head.stride)  # type: ignore[arg-type]
        centres = cell_centres(level, stride)
        person = person.flatten(2).transpose(1, 2)
        # exp() bounded: a wild weight must not make an infinite box, also not in half precision.
        sides = person[..., 1:].clamp(max=6).exp() * (1.5 * stride)
        boxes = torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], -1)
        joint = joint.flatten(2).transpose(1, 2)
        offsets = joint[..., : JOINTS * 2].unflatten(-1, (JOINTS, 2))
        joints = centres[:, None] + offsets * (OFFSET_STRIDES * stride)
        return person[..., 0], boxes, joints, joint[..., JOINTS * 2 :], posed


def cell_centres(level: Tensor, stride: float) -> Tensor:
    """Return the centres of a level's (B, C, h, w) cells in pixels: float (h * w, 2), x and y."""
    height, width = level.shape[-2:]
    ys = (torch.arange(height, device=level.device) + 0.5) * stride
    xs = (torch.arange(width, device=level.device) + 0.5) * stride
    return torch.stack(torch.meshgrid(ys, xs, indexing='ij')[::-1], -1).reshape(-1, 2)

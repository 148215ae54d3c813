"""ActionFormer (Zhang, Wu, Li, arXiv 2202.07925): actions in time from a recording's features.

Names and shapes are those of happyharrycn/actionformer_release. All sequences are (B, C, T) with a
mask (B, 1, T) of what is there; T is a multiple of the layout's `divisor`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STEMS = 2
MASKED = -1e4  # added to what is not there, as the published code does
SPREAD = 4  # times as wide a hidden layer
KERNEL = 3
DROPPED = 0.1  # share of residual paths that training leaves out
FIRST_SCALE, FIRST_SCORE = 1e-4, 0.01  # of residual paths and of classes, before training


@dataclass(frozen=True)
class Layout:
    """What differs between configurations.

    Attributes:
        features: Channels of the input.
        width: Channels inside.
        windows: Places that attention reaches, for each level; 0 for all.
        longest: Places that sequences have in training: shorter ones are padded to as many.
        positions: Whether the position is added to features.
    """

    features: int
    width: int
    windows: tuple[int, ...]
    longest: int
    positions: bool = False

    @property
    def levels(self) -> int:
        """How many sequences there are, each half as long as the one before."""
        return len(self.windows)

    @property
    def divisor(self) -> int:
        """What the length of a padded sequence is a multiple of."""
        return int(2 ** (self.levels - 1))

    def padded(self, length: int) -> int:
        """Return the length to which `length` places are padded.

        The published code pads to `longest`, or what its windows divide. Norms make more than
        zeros of what is padded, and convolutions see the first place of it, so that this matters;
        more than a few places do not, and are spared.
        """
        divisor = max(
            2**level * max(1, window // 2 * 2) for level, window in enumerate(self.windows)
        )
        published = self.longest if length <= self.longest else -(-length // divisor) * divisor
        return min(published, (-(-length // self.divisor) + 1) * self.divisor)


class MaskedConv(nn.Module):
    """A convolution over time; what is not there stays 0."""

    def __init__(
        self, channels: int, out: int, stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self._stride = stride
        self.conv = nn.Conv1d(channels, out, KERNEL, stride, KERNEL // 2, groups=groups, bias=bias)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, T) and its mask to (B, out, T / stride) and its mask."""
        mask = mask[:, :, :: self._stride]
        return self.conv(x) * mask, mask


class ChannelNorm(nn.Module):
    """A layer norm over channels; gains and offsets are (1, C, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, channels, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T) to the same shape."""
        rest = x - x.mean(1, keepdim=True)
        spread = (rest**2).mean(1, keepdim=True)
        return rest / torch.sqrt(spread + 1e-5) * self.weight + self.bias


class Scale(nn.Module):
    """A learned factor: of a level's distances, or of the channels of a residual path."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x."""
        return x * self.scale


class ResidualScale(Scale):
    """A learned factor of a residual path, which training leaves out by chance."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x (B, C, T)."""
        scaled = super().forward(x)
        if not self.training:
            return scaled
        kept = torch.rand(len(x), 1, 1, device=x.device) >= DROPPED
        return scaled * kept / (1 - DROPPED)


class Attention(nn.Module):
    """Attention of four heads with convolved queries, keys and values, within a window."""

    def __init__(self, width: int, window: int, stride: int, heads: int = 4) -> None:
        super().__init__()
        self._heads, self._window = heads, window
        for name in ('query', 'key', 'value'):
            conv = MaskedConv(width, width, stride, groups=width, bias=False)
            self.add_module(f'{name}_conv', conv)
            self.add_module(f'{name}_norm', ChannelNorm(width))
        for name in ('key', 'query', 'value', 'proj'):
            self.add_module(name, nn.Conv1d(width, width, 1))

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, T) and its mask to (B, C, T / stride) and its mask."""
        (query, mask_), (key, _), (value, _) = (
            self._part(name, x, mask) for name in ('query', 'key', 'value')
        )
        attend = self._near if self._window else self._all
        out = attend(query / math.sqrt(query.shape[2]), key, value, mask_)
        proj: nn.Module = self.get_submodule('proj')
        return proj(out.flatten(1, 2)) * mask_, mask_

    def _part(self, name: str, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return queries, keys or values, (B, heads, C / heads, T), and their mask."""
        x, mask = self.get_submodule(f'{name}_conv')(x, mask)
        x = self.get_submodule(name)(self.get_submodule(f'{name}_norm')(x))
        return x.unflatten(1, (self._heads, -1)), mask

    def _all(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        scores = query.transpose(2, 3) @ key
        scores = scores.masked_fill(mask[:, :, None] == 0, -math.inf)
        return ((value * mask[:, :, None]) @ scores.softmax(-1).transpose(2, 3)).contiguous()

    def _near(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        reach = self._window // 2

        def windows(x: Tensor, fill: float = 0.0) -> Tensor:
            """Return (..., T, window) of (..., T)."""
            return functional.pad(x, (reach, reach), value=fill).unfold(-1, 2 * reach + 1, 1)

        outside = torch.where(mask > 0, 0.0, MASKED).to(query.dtype)
        scores = (query[..., None] * windows(key)).sum(2)
        scores = scores + windows(outside, -math.inf)
        weights = scores.softmax(-1)[:, :, None]
        return (weights * windows(value)).sum(-1)


class Block(nn.Module):
    """A transformer's block, which may halve the sequence."""

    def __init__(self, width: int, window: int, stride: int = 1) -> None:
        super().__init__()
        self.ln1, self.ln2 = ChannelNorm(width), ChannelNorm(width)
        self.attn = Attention(width, window, stride)
        # Place 2 is a dropout of the published code, which its configurations leave at 0.
        self.mlp = nn.Sequential(
            nn.Conv1d(width, SPREAD * width, 1),
            nn.GELU(),
            nn.Identity(),
            nn.Conv1d(SPREAD * width, width, 1),
        )
        self.drop_path_attn = ResidualScale(1, width, 1)
        self.drop_path_mlp = ResidualScale(1, width, 1)
        self._pool = nn.MaxPool1d(3, 2, 1) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, T) and its mask to (B, C, T / stride) and its mask."""
        change, mask_ = self.attn(self.ln1(x), mask)
        x = self._pool(x) * mask_ + self.drop_path_attn(change)
        return x + self.drop_path_mlp(self.mlp(self.ln2(x)) * mask_), mask_


class Backbone(nn.Module):
    """Features become a pyramid of sequences, each half as long as the one before."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        width, windows = layout.width, layout.windows
        self._positions = layout.longest if layout.positions else 0
        self.embd = nn.ModuleList(
            MaskedConv(channels, width, bias=False) for channels in (layout.features, width)
        )
        self.embd_norm = nn.ModuleList(ChannelNorm(width) for _ in self.embd)
        self.stem = nn.ModuleList(Block(width, windows[0]) for _ in range(STEMS))
        self.branch = nn.ModuleList(Block(width, window, 2) for window in windows[1:])

    def forward(self, x: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Map features (B, C, T) and a mask to sequences and masks, longest first."""
        for conv, norm in zip(self.embd, self.embd_norm, strict=True):
            x, mask = conv(x, mask)
            x = norm(x).relu()
        if self._positions:
            x = x + self._code(x) * mask
        for block in self.stem:
            x, mask = block(x, mask)
        levels = [(x, mask)]
        for block in self.branch:
            levels.append(block(*levels[-1]))
        return levels

    def _code(self, x: Tensor) -> Tensor:
        """Return sines of positions, (1, C, T), stretched where T is longer than was trained."""
        width, length = x.shape[1], x.shape[2]
        place = torch.arange(self._positions, dtype=torch.float64, device=x.device)
        channel = torch.arange(width, device=x.device)
        angle = place / 10000 ** (2 * (channel[:, None] // 2) / width).double()
        code = torch.where(channel[:, None] % 2 == 0, angle.sin(), angle.cos())
        # Rounded as the published code stores it.
        code = (code.float() / math.sqrt(width)).to(x.dtype)[None]
        if length > self._positions:
            code = functional.interpolate(code, length, mode='linear', align_corners=False)
        return code[:, :, :length]


class Neck(nn.Module):
    """A norm a level."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.fpn_norms = nn.ModuleList(ChannelNorm(width) for _ in range(levels))


class Head(nn.Module):
    """Two convolutions, shared by all levels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.ModuleList(MaskedConv(width, width, bias=False) for _ in range(2))
        self.norm = nn.ModuleList(ChannelNorm(width) for _ in range(2))

    def hidden(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, C, T) to the same shape."""
        for conv, norm in zip(self.head, self.norm, strict=True):
            x = norm(conv(x, mask)[0]).relu()
        return x


class ClassHead(Head):
    """What happens at each place."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width)
        self.cls_head = MaskedConv(width, classes)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, C, T) to logits (B, T, classes)."""
        logits: Tensor = self.cls_head(self.hidden(x, mask), mask)[0]
        return logits.transpose(1, 2)


class DistanceHead(Head):
    """How far start and end are from each place."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__(width)
        self.scale = nn.ModuleList(Scale() for _ in range(levels))
        self.offset_head = MaskedConv(width, 2)

    def forward(self, x: Tensor, mask: Tensor, level: int) -> Tensor:
        """Map (B, C, T) to distances (B, T, 2) in places of the level, 0 or more."""
        distances = self.offset_head(self.hidden(x, mask), mask)[0]
        scaled: Tensor = self.scale[level](distances)
        return scaled.relu().transpose(1, 2)


class ActionFormer(nn.Module):
    """The whole network.

    Args:
        classes: Number of classes.
        layout: Which configuration.
    """

    def __init__(self, classes: int, layout: Layout) -> None:
        super().__init__()
        self._layout = layout
        self.backbone, self.neck = Backbone(layout), Neck(layout.width, layout.levels)
        self.cls_head = ClassHead(layout.width, classes)
        self.reg_head = DistanceHead(layout.width, layout.levels)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Map features (B, C, T) of whole recordings, all of T places, to outputs of each level.

        Returns:
            For each of the levels, longest first: logits (B, T', classes) and distances
            (B, T', 2) of start and end in places of the level, T' = ceil(T / 2**level).
        """
        length = features.shape[2]
        padded = functional.pad(features, (0, self._layout.padded(length) - length))
        there = torch.arange(padded.shape[2], device=features.device) < length
        mask = there.to(features.dtype).expand(len(features), 1, -1)
        outputs: list[Tensor] = []
        for level, (logits, distances, _) in enumerate(self.levels(padded, mask)):
            places = -(-length // 2**level)
            outputs += [logits[:, :places], distances[:, :places]]
        return tuple(outputs)

    def levels(self, features: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Map padded features (B, C, T) and their mask (B, 1, T) to outputs of each level.

        Returns:
            For each level logits and distances as above, for all T' = T / 2**level, and the mask
            (B, 1, T').
        """
        outputs = []
        for level, (x, mask_) in enumerate(self.backbone(features, mask)):
            x = self.neck.fpn_norms[level](x)
            outputs.append((self.cls_head(x, mask_), self.reg_head(x, mask_, level), mask_))
        return outputs

    @torch.no_grad()
    def initialize(self) -> None:
        """Set weights, in place, to those that a training begins with."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d) and module.bias is not None:
                module.bias.zero_()
            if isinstance(module, ResidualScale):
                module.scale.fill_(FIRST_SCALE)
        # Almost all places show no action: the focal loss would be of these at first.
        first = -math.log((1 - FIRST_SCORE) / FIRST_SCORE)
        nn.init.constant_(self.cls_head.cls_head.get_parameter('conv.bias'), first)

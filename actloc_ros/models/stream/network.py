"""Build the streaming network: one frame's cost a frame, the past in a state of fixed size.

A 2D trunk takes each frame by itself. At strides 8, 16 and 32, causal factorized convolutions
(R(2+1)D, Tran et al. 2018, with the past only) say what has been moving, channel attention (CFAM of
YOWO, Köpüklü et al. 2019, with cosines for products) fuses that with what is there, and anchor-free
heads give boxes, actor scores and multi-label actions. Since no layer uses later frames, `forward`
over a whole clip and `forward_step` frame by frame are the same function of the same weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation, FeaturePyramidNetwork

from actloc_ros.models.stream.heads import Head, StreamOutput, separable
from actloc_ros.models.stream.state import (
    TAPS,
    ClipContext,
    StateContext,
    StreamState,
    TemporalContext,
)
from actloc_ros.models.stream.trunk import SIZES, make_trunk

STRIDES = (8, 16, 32)
DILATIONS = (1, 3, 5)


class CausalBlock(nn.Module):
    """Convolves in space, then in time over the past, around a residual."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.space = Conv2dNormActivation(width, width, groups=width, activation_layer=nn.SiLU)
        self.time = Conv2dNormActivation(TAPS * width, width, 1, activation_layer=None)

    def forward(self, x: Tensor, past: TemporalContext) -> Tensor:
        """Map (F, C, H, W) to the same shape."""
        return functional.silu(x + self.time(past.taps(self.space(x), self.dilation)))


class Motion(nn.Module):
    """Describes what has been moving at one level, up to the newest frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(CausalBlock(width, d) for d in DILATIONS)

    def forward(self, x: Tensor, past: TemporalContext) -> Tensor:
        """Map (F, C, H, W) to the same shape."""
        for block in self.blocks:
            x = block(x, past)
        return x


class ChannelFusion(nn.Module):
    """Fuses appearance and motion by attention among channels (CFAM)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = Conv2dNormActivation(2 * width, width, 1, activation_layer=nn.SiLU)
        self.sharpness = nn.Parameter(torch.full((1,), 4.0))
        self.gamma = nn.Parameter(torch.zeros(1))
        self.out = separable(width)

    def forward(self, appearance: Tensor, motion: Tensor) -> Tensor:
        """Map appearance and motion, (F, C, H, W) each, to (F, C, H, W)."""
        mixed = self.mix(torch.cat([appearance, motion], dim=1))
        flat = mixed.flatten(2)
        # Cosines, where CFAM has products, and no cosines of channels that are as good as silent:
        # both would amplify rounding.
        unit = functional.normalize(flat, dim=2, eps=1e-2)
        gram = self.sharpness * unit @ unit.transpose(1, 2)
        attended = (gram.softmax(dim=-1) @ flat).unflatten(2, mixed.shape[2:])
        return self.out(mixed + self.gamma * attended)


class StreamNet(nn.Module):
    """The streaming network. Height and width of its input are multiples of 32.

    Args:
        size: `n`, `s` or `m`.
        classes: Number of actions C.

    Attributes:
        receptive_field: Frames, the newest among them, that a result depends on.
    """

    receptive_field = 1 + (TAPS - 1) * sum(DILATIONS)

    def __init__(self, size: str, classes: int) -> None:
        super().__init__()
        spec = SIZES[size]
        self.width = spec.width
        self.trunk = make_trunk(spec)
        self.pyramid = FeaturePyramidNetwork(list(spec.channels), spec.width)
        self.motion = nn.ModuleList(Motion(spec.width) for _ in STRIDES)
        self.fusion = nn.ModuleList(ChannelFusion(spec.width) for _ in STRIDES)
        self.heads = nn.ModuleList(Head(spec.width, classes, s) for s in STRIDES)

    def forward(self, clip: Tensor) -> StreamOutput:
        """Map clips (B, 3, T, H, W), normalised, to predictions (B, T, A, …) for all frames.

        Those for a frame depend on it and the frames of its clip before it.
        """
        check_input(clip, 5)
        frames = clip.transpose(1, 2)
        output = self.predict(frames.flatten(0, 1), ClipContext(frames.shape[1]))
        return StreamOutput(*(x.unflatten(0, frames.shape[:2]) for x in output))

    def forward_step(
        self, frames: Tensor, state: StreamState, cameras: Tensor, keep: Tensor | None = None
    ) -> StreamOutput:
        """Map the newest frames of B cameras, (B, 3, H, W), normalised, to predictions (B, A, …).

        Args:
            frames: One frame each of B different cameras.
            state: Their past; changed in place.
            cameras: int64 (B,): which of the state's cameras the frames are of.
            keep: bool (B,): whether a frame enters the past; None for all. Predictions are
                returned for all frames.
        """
        check_input(frames, 4)
        if keep is None:
            keep = torch.ones_like(cameras, dtype=torch.bool)
        output = self.predict(frames, StateContext(state, cameras, keep))
        state.clock[cameras] += keep
        return output

    def predict(self, frames: Tensor, past: TemporalContext) -> StreamOutput:
        """Map frames (F, 3, H, W) to predictions (F, A, …), with the past from `past`."""
        return joined([head(x) for x, head in self.levels(frames, past)])

    def levels(self, frames: Tensor, past: TemporalContext) -> list[tuple[Tensor, Head]]:
        """Return the features (F, C, H, W) that each head takes, and the head, finest level first.

        Args:
            frames: (F, 3, H, W), normalised.
            past: Of these frames.
        """
        maps = {}
        for level, stage in enumerate(self.trunk):
            frames = maps[str(level)] = stage(frames)
        maps = self.pyramid(maps)
        found: list[tuple[Tensor, Head]] = []
        for x, move, fuse, head in zip(
            maps.values(), self.motion, self.fusion, self.heads, strict=True
        ):
            assert isinstance(head, Head)
            found.append((fuse(x, move(x, past)), head))
        return found

    def initial_state(self, cameras: int, height: int, width: int) -> StreamState:
        """Return the state of cameras without a past, on the network's device."""
        like = next(self.parameters())
        rings = [
            like.new_zeros(cameras, (TAPS - 1) * d, height // stride, width // stride, self.width)
            for stride in STRIDES
            for d in DILATIONS
        ]
        return StreamState(torch.zeros(cameras, dtype=torch.int64, device=like.device), rings)


def joined(levels: list[StreamOutput]) -> StreamOutput:
    """Return the predictions (F, A, …) of all levels as one, finest first."""
    return StreamOutput(*(torch.cat(parts, dim=1) for parts in zip(*levels, strict=True)))


def check_input(x: Tensor, dimensions: int) -> None:
    """Raise ValueError unless `x` has this many dimensions and sides that are multiples of 32."""
    if x.dim() != dimensions or x.shape[-2] % STRIDES[-1] or x.shape[-1] % STRIDES[-1]:
        raise ValueError(
            f'got an input of shape {tuple(x.shape)}; want {dimensions} dimensions, the last two '
            f'(height, width) multiples of {STRIDES[-1]}'
        )

"""Keep the past of cameras for a streaming network, and give it to the temporal layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional

TAPS = 3


class StreamState:
    """The past of N cameras: for each temporal layer a ring of its own past inputs.

    Attributes:
        clock: int64 (N,): frames that each camera has given since its reset.
        rings: One tensor (N, L, ...) a temporal layer; L is how many frames back it reaches, then
            one frame's input follows, (H, W, C) or (C, H, W) as suits what runs the network.
    """

    def __init__(self, clock: Tensor, rings: list[Tensor]) -> None:
        self.clock = clock
        self.rings = rings

    @property
    def nbytes(self) -> int:
        """The state's size in bytes: the same at every time."""
        return sum(t.numel() * t.element_size() for t in (self.clock, *self.rings))

    def add_camera(self) -> None:
        """Make room for one more camera, which has no past."""
        self.clock = torch.cat([self.clock, self.clock.new_zeros(1)])
        self.rings = [torch.cat([r, r.new_zeros(1, *r.shape[1:])]) for r in self.rings]

    def reset(self, camera: int) -> None:
        """Forget the past of the camera at this index."""
        self.clock[camera] = 0
        for ring in self.rings:
            ring[camera] = 0


class TemporalContext:
    """Gives a temporal layer its input's past; one a pass, asked by the layers in order."""

    def taps(self, x: Tensor, dilation: int) -> Tensor:
        """Return (F, TAPS * C, H, W): `x` (F, C, H, W) behind its own past, oldest first."""
        raise NotImplementedError


class ClipContext(TemporalContext):
    """Takes the past from a clip of T frames, before which there was nothing (zeros)."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def taps(self, x: Tensor, dilation: int) -> Tensor:
        """Return each frame's taps from the same clip."""
        # Channels last: shifting in time then moves whole cells, in the layout convolutions want.
        clip = x.permute(0, 2, 3, 1).unflatten(0, (-1, self.frames))
        reach = (TAPS - 1) * dilation
        padded = functional.pad(clip, (0, 0, 0, 0, 0, 0, reach, 0))
        shifted = [padded[:, k * dilation : k * dilation + self.frames] for k in range(TAPS)]
        return torch.cat(shifted, dim=-1).flatten(0, 1).permute(0, 3, 1, 2)


class StateContext(TemporalContext):
    """Takes the past from the rings of a state, and writes the newest input to them where asked.

    All shapes are fixed, so that a GPU never waits, and a CUDA graph can hold a step.
    """

    def __init__(self, state: StreamState, cameras: Tensor, keep: Tensor) -> None:
        self.keep = keep[:, None, None, None]
        self.rings: Iterator[Tensor] = iter(state.rings)
        self.clock = state.clock[cameras]
        self.cameras = cameras

    def taps(self, x: Tensor, dilation: int) -> Tensor:
        """Return each camera's taps; its oldest makes room for `x`."""
        ring = next(self.rings)
        length = ring.shape[1]
        now = x.permute(0, 2, 3, 1)
        past = [ring[self.cameras, (self.clock + k * dilation) % length] for k in range(TAPS - 1)]
        ring[self.cameras, self.clock % length] = torch.where(self.keep, now, past[0])
        return torch.cat([*past, now], dim=-1).permute(0, 3, 1, 2)


class ExplicitContext(TemporalContext):
    """Takes the past that it is given, and keeps each layer's newest input.

    Args:
        past: The past inputs (F, C, H, W) of the first layer, oldest first, then of the next.
    """

    def __init__(self, past: Iterable[Tensor]) -> None:
        self.past = iter(past)
        self.newest: list[Tensor] = []

    def taps(self, x: Tensor, dilation: int) -> Tensor:
        """Return each frame's taps."""
        self.newest.append(x)
        return torch.cat([*islice(self.past, TAPS - 1), x], dim=1)

"""The network of skeleton_n: a small recurrent net that reads what `features` makes of a track."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from actloc_ros.models.skeleton_n.features import FEATURES, JOINTS, SLICES

STEP = 0.1  # seconds: how long one step of the recurrence is as learned
LONGEST = 1.0  # seconds: after a longer gap memory fades no further


class SkeletonNet(nn.Module):
    """Actions of tracks from their features, frame by frame.

    Each frame goes through two dense layers, with a graph convolution over the joints beside them;
    then recurrent layers, whose memory fades by the time that has passed, not by the number of
    frames. Gates depend on a layer's input alone, so that whole clips take a few large products.

    Args:
        classes: C.
        width: Channels of the recurrent layers.
        layers: How many of them.
        graph: Channels of each joint in the graph convolution; 0 leaves it out.
    """

    def __init__(self, classes: int, width: int = 128, layers: int = 3, graph: int = 0) -> None:
        super().__init__()
        self.width = width
        self.layers = layers
        self.graph = JointGraph(graph) if graph else None
        self.encode_1 = nn.Linear(FEATURES + JOINTS * graph, width)
        self.encode_2 = nn.Linear(width, width)
        self.cells = nn.ModuleList(TimedCell(width) for _ in range(layers))
        self.head_1 = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, classes)

    def initial_state(self, tracks: int) -> Tensor:
        """Return the state of N new tracks, (layers, N, width)."""
        return torch.zeros(self.layers, tracks, self.width)

    def step(self, features: Tensor, elapsed: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take the newest frame of N tracks.

        Args:
            features: float (N, FEATURES).
            elapsed: float (N,), seconds since each track's last frame.
            state: float (layers, N, width).

        Returns:
            Logits (N, C) and the next state.
        """
        encoded = self._encode(features)
        current, states = encoded, []
        for index, cell in enumerate(self._layers()):
            keep, fresh = cell.gates(current, elapsed)
            states.append(keep * state[index] + fresh)
            current = cell.output(states[-1], current)
        return self._classify(current, encoded), torch.stack(states)

    def forward(
        self, features: Tensor, elapsed: Tensor, present: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take T frames of N tracks at once; the same as T steps.

        Args:
            features: float (N, T, FEATURES).
            elapsed: float (N, T), seconds.
            present: bool (N, T): a track that is not in a frame keeps its state.
            state: float (layers, N, width).

        Returns:
            Logits (N, T, C), of no meaning where a track is not present, and the last state.
        """
        encoded = self._encode(features)
        current, states = encoded, []
        here = present[..., None].to(features.dtype)
        for index, cell in enumerate(self._layers()):
            keep, fresh = cell.gates(current, elapsed)
            hidden = recur(1 - here * (1 - keep), here * fresh, state[index])
            states.append(hidden[:, -1])
            current = cell.output(hidden, current)
        return self._classify(current, encoded), torch.stack(states)

    def _layers(self) -> list[TimedCell]:
        return [cell for cell in self.cells if isinstance(cell, TimedCell)]

    def _encode(self, features: Tensor) -> Tensor:
        """Return (..., width) of features (..., FEATURES)."""
        if self.graph is not None:
            features = torch.cat([features, self.graph(features)], dim=-1)
        return functional.relu(self.encode_2(functional.relu(self.encode_1(features))))

    def _classify(self, current: Tensor, encoded: Tensor) -> Tensor:
        """Return logits (..., C) of the last layer's output and the frame's own code."""
        return self.head(functional.relu(self.head_1(torch.cat([current, encoded], dim=-1))))


class TimedCell(nn.Module):
    """A recurrent layer whose state fades by seconds: twice the time keeps the square.

    Args:
        width: Channels of input, state and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(width, 2 * width)
        self.mix = nn.Linear(width, width)
        # Memories of 0.1 to 5 seconds to begin with.
        with torch.no_grad():
            spans = torch.logspace(-1, 0.7, width)
            self.input.bias[:width] = torch.log(torch.expm1(STEP / spans))

    def gates(self, current: Tensor, elapsed: Tensor) -> tuple[Tensor, Tensor]:
        """Return what share of the state is kept and what is added, both (..., width).

        Args:
            current: (..., width).
            elapsed: (...), seconds.
        """
        # Long memories need more digits than bfloat16 has, in which training multiplies.
        fading, candidate = self.input(current).float().chunk(2, dim=-1)
        # A track's first frame, after 0 seconds, counts as one step.
        steps = torch.where(elapsed > 0, elapsed.clamp(max=LONGEST) / STEP, 1.0)[..., None]
        keep = torch.exp(-functional.softplus(fading) * steps)
        return keep, (1 - keep) * candidate

    def output(self, state: Tensor, current: Tensor) -> Tensor:
        """Return the layer's output (..., width) of its next state and its input."""
        return current + functional.relu(self.mix(state))


def recur(keep: Tensor, fresh: Tensor, state: Tensor) -> Tensor:
    """Return all states (N, T, W) of state[t] = keep[t] · state[t-1] + fresh[t]."""
    result: Tensor = _Recurrence.apply(keep, fresh, state)
    return result


class _Recurrence(torch.autograd.Function):
    """`recur` with a backward pass by hand: PyTorch's own takes ten times as long."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, fresh: Tensor, state: Tensor) -> Tensor:
        """Map `keep` and `fresh` (N, T, W) and `state` (N, W) to all states (N, T, W)."""
        hidden, states = state, torch.empty_like(fresh)
        for moment in range(fresh.shape[1]):
            hidden = torch.addcmul(fresh[:, moment], keep[:, moment], hidden)
            states[:, moment] = hidden
        ctx.save_for_backward(keep, states, state)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run back over the moments."""
        keep, states, state = ctx.saved_tensors
        (wanted,) = gradients
        passed, total = torch.zeros_like(state), torch.empty_like(wanted)
        for moment in range(wanted.shape[1] - 1, -1, -1):
            passed = wanted[:, moment] + passed
            total[:, moment] = passed
            passed = passed * keep[:, moment]
        before = torch.cat([state[:, None], states[:, :-1]], dim=1)
        return total * before, total, passed


class JointGraph(nn.Module):
    """Two graph convolutions over a track's own joints, with a learned adjacency each.

    Args:
        channels: Of each joint, in and after the middle.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.adjacency = nn.Parameter(0.2 * torch.eye(JOINTS).repeat(2, 1, 1) + 0.02)
        self.first = nn.Linear(5, channels)
        self.second = nn.Linear(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return (..., 17 · channels) of features (..., FEATURES)."""
        shape = features.shape[:-1]
        place = features[..., SLICES['joints']].reshape(*shape, JOINTS, 3)
        speed = features[..., SLICES['joint_velocities']].reshape(*shape, JOINTS, 2)
        joints = torch.cat([place, speed], dim=-1)
        joints = functional.relu(self.first(self.adjacency[0] @ joints))
        joints = functional.relu(self.second(self.adjacency[1] @ joints) + joints)
        return joints.flatten(-2)

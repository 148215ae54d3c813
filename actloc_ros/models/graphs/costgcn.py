"""Define the continual ST-GCN: over a clip at once, or frame by frame with the same result.

Architecture: "Continual Spatio-Temporal Graph Convolutional Networks" (arXiv 2203.11009). CoST-GCN
keeps the padding and the strides of ST-GCN and so answers every fourth frame; CoST-GCN* (`mod`)
has neither and answers each frame. Names of modules are those of the published checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actloc_ros.models.graphs.blocks import block_sizes, normalize
from actloc_ros.models.graphs.layouts import Layout, by_direction

PERSONS = 2  # that the first batch norm is made for
PARTS = 3
KERNEL = 9
HALF = KERNEL // 2
WIDTH = 256
FRAMES = 300


@dataclass(eq=False)
class ContinualState:
    """The past of several recordings, of fixed size for each.

    Attributes:
        inputs: For each block (R, M, C, 8, V): the last frames after its graph convolution.
        delayed: For each block (R, M, C, 4, V): the last frames before it.
        received: int64 (R, blocks): frames that each block was given.
        pooled: (R, P, 256): the last outputs of the blocks, oldest first.
        answers: int64 (R,): outputs of the last block.
    """

    inputs: list[Tensor]
    delayed: list[Tensor]
    received: Tensor
    pooled: Tensor
    answers: Tensor

    def reset(self, recording: int) -> None:
        """Forget the past of one recording."""
        for part in self._parts():
            part[recording] = 0

    def grow(self, recordings: int) -> None:
        """Make room for more recordings, which have no past."""
        self.inputs = [_longer(part, recordings) for part in self.inputs]
        self.delayed = [_longer(part, recordings) for part in self.delayed]
        self.received = _longer(self.received, recordings)
        self.pooled = _longer(self.pooled, recordings)
        self.answers = _longer(self.answers, recordings)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(part.nbytes for part in self._parts())

    def _parts(self) -> tuple[Tensor, ...]:
        return (*self.inputs, *self.delayed, self.received, self.pooled, self.answers)


def _longer(part: Tensor, length: int) -> Tensor:
    return torch.cat([part, part.new_zeros(length - len(part), *part.shape[1:])])


class _Graph(nn.Module):
    """The graph convolution of single frames: learned weights times a fixed graph."""

    A: Tensor

    def __init__(self, channels: int, out: int, graph: Tensor) -> None:
        super().__init__()
        self.graph_attn = nn.Parameter(torch.ones(graph.shape))
        self.register_buffer('A', graph.clone())
        self.g_conv = nn.ModuleList([nn.Conv2d(channels, out, 1) for _ in range(PARTS)])
        self.gcn_residual: nn.Module = nn.Identity()
        if channels != out:
            self.gcn_residual = nn.Sequential(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out))
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        graph = self.A * self.graph_attn
        parts = [conv(x @ part) for conv, part in zip(self.g_conv, graph, strict=True)]
        return (self.bn(torch.stack(parts).sum(0)) + self.gcn_residual(x)).relu()


class _Temporal(nn.Module):
    """A convolution over time without padding, and its batch norm."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.t_conv = nn.Conv2d(channels, out, (kernel, 1), (stride, 1))
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.t_conv(x))


class _Block(nn.Module):
    """A block: over a clip, or for the newest frame from the last ones.

    Args:
        channels: Of the input.
        out: Of the output.
        stride: In frames.
        graph: (3, V, V).
        first: Whether it has no residual.
        padding: Zeros at the ends of the temporal convolution's input.
    """

    def __init__(
        self, channels: int, out: int, stride: int, graph: Tensor, first: bool, padding: int
    ) -> None:
        super().__init__()
        self.channels, self.out, self.stride, self.padding = channels, out, stride, padding
        self.gcn = _Graph(channels, out, graph)
        self.tcn = _Temporal(out, out, KERNEL, stride)
        self.residual: nn.Module | None = None
        if not first:
            same = channels == out and stride == 1
            self.residual = nn.Identity() if same else _Temporal(channels, out, 1, stride)

    @property
    def patience(self) -> int:
        """Frames until the first output."""
        return KERNEL - self.padding

    def forward(self, x: Tensor, at_end: bool = False) -> Tensor:
        """Map (B, C, T, V) to the outputs (B, out, T', V) that T frames give one after the other.

        Args:
            x: Of T frames.
            at_end: Whether zeros follow the last frame too, as in ST-GCN.
        """
        padded = F.pad(self.gcn(x), (0, 0, self.padding, self.padding if at_end else 0))
        y = self.tcn(padded)
        if self.residual is not None:
            kept = self.residual(x[:, :, HALF - self.padding :])
            y = y + kept[:, :, : y.shape[2]]
        return y.relu()

    def step(self, window: Tensor, middle: Tensor) -> Tensor:
        """Return the output (B, out, 1, V) for the newest frame.

        Args:
            window: (B, out, 9, V): the last frames after the graph convolution, the newest last.
            middle: (B, C, 1, V): the frame in the middle of these, before the block.
        """
        y = self.tcn(window)
        if self.residual is not None:
            y = y + self.residual(middle)
        return y.relu()


class CoSTGCN(nn.Module):
    """CoST-GCN: clips (N, 3, T, V, 2), or frames (N, 3, V, 2), to logits (N, classes).

    Attributes:
        pool: Outputs of the last block that are averaged.
        ready: Of these, that must be there for an answer; zeros count for the others.
        stride: Frames an answer.

    Args:
        classes: Number of actions.
        layout: Of the skeleton.
        mod: Whether it is CoST-GCN*, without padding and strides.
    """

    def __init__(self, classes: int, layout: Layout, mod: bool) -> None:
        super().__init__()
        self.joints = len(layout.joints)
        graph = torch.from_numpy(by_direction(layout))
        self.data_bn = nn.BatchNorm1d(PERSONS * 3 * self.joints)
        self.layers = nn.Module()
        for index, (channels, out, stride) in enumerate(block_sizes()):
            size = channels, out, 1 if mod else stride
            block = _Block(*size, graph, first=index == 0, padding=0 if mod else HALF)
            self.layers.add_module(f'layer{index + 1}', block)
        self.fc = nn.Linear(WIDTH, classes)
        self.stride = 1 if mod else 4
        self.set_frames(FRAMES)

    def set_frames(self, frames: int) -> None:
        """Set T, the frames of the clips that it was trained on: a step answers after as many."""
        self.ready = self._outputs(frames)
        self.pool = self.ready if self.stride == 1 else -(-frames // self.stride)

    @property
    def blocks(self) -> list[_Block]:
        """The blocks, in order."""
        return list(self.layers.children())  # type: ignore[arg-type]

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (N, 3, T, V, 2) to logits (N, classes): the last answer that T frames give.

        The mean is over the last outputs; where they are fewer than the pool's, zeros are counted.
        """
        x = normalize(clip, self.data_bn, together=True)
        for block in self.blocks:
            x = block(x)
        means = x.mean(3).unflatten(0, (-1, PERSONS)).mean(1)[..., -self.pool :]
        return self.fc(means.sum(-1) / self.pool)

    def regular(self, clip: Tensor) -> Tensor:
        """Map clips to logits as ST-GCN does: padded at both ends, the mean of all outputs."""
        x = normalize(clip, self.data_bn, together=True)
        for block in self.blocks:
            x = block(x, at_end=True)
        return self.fc(x.mean((2, 3)).unflatten(0, (-1, PERSONS)).mean(1))

    def initial_state(self, recordings: int) -> ContinualState:
        """Return the state of recordings without a past, on the device of the weights."""
        like = self.fc.weight
        shape = recordings, PERSONS

        def zeros(channels: int, length: int) -> Tensor:
            return like.new_zeros(*shape, channels, length, self.joints)

        blocks = self.blocks
        counts = torch.zeros(recordings, len(blocks), dtype=torch.int64, device=like.device)
        return ContinualState(
            inputs=[zeros(block.out, KERNEL - 1) for block in blocks],
            delayed=[zeros(block.channels, HALF) for block in blocks],
            received=counts,
            pooled=like.new_zeros(recordings, self.pool, WIDTH),
            answers=counts[:, 0].clone(),
        )

    def forward_step(
        self, frames: Tensor, state: ContinualState, recordings: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take the newest frame of B different recordings, at the cost of one frame.

        Args:
            frames: (B, 3, V, 2).
            state: Of `initial_state`; changed in place.
            recordings: int64 (B,): which of the state's recordings the frames are of.

        Returns:
            logits (B, classes), equal to `forward` over all frames so far; and bool (B,): whether
            a frame gave a new answer. Rows without one are the last answer, or mean nothing.
        """
        x = normalize(frames[:, :, None], self.data_bn, together=True)
        rows = recordings
        for index, block in enumerate(self.blocks):
            x, gave = self._step_block(index, block, x, state, rows)
            rows = rows[gave]
            if not len(rows):
                break
        if len(rows):
            newest = x[:, :, 0].mean(2).unflatten(0, (-1, PERSONS)).mean(1)
            state.pooled[rows] = torch.cat([state.pooled[rows, 1:], newest[:, None]], 1)
            state.answers[rows] += 1
        given = torch.isin(recordings, rows) & (state.answers[recordings] >= self.ready)
        return self.fc(state.pooled[recordings].mean(1)), given

    def _step_block(
        self, index: int, block: _Block, x: Tensor, state: ContinualState, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of one block for those rows that get one, and which: bool (B,)."""
        inputs, delayed = state.inputs[index], state.delayed[index]
        before = x.unflatten(0, (-1, PERSONS))
        after = block.gcn(x).unflatten(0, (-1, PERSONS))
        window = torch.cat([inputs[rows], after], 3)
        middle = delayed[rows][:, :, :, :1]
        inputs[rows] = window[:, :, :, 1:]
        delayed[rows] = torch.cat([delayed[rows][:, :, :, 1:], before], 3)
        state.received[rows, index] += 1
        late = state.received[rows, index] - block.patience
        gave = (late >= 0) & (late % block.stride == 0)
        output = block.step(window[gave].flatten(0, 1), middle[gave].flatten(0, 1))
        return output, gave

    def _outputs(self, frames: int) -> int:
        """Return how many outputs of the last block so many frames give."""
        for block in self.blocks:
            frames = max(0, (frames - block.patience) // block.stride + 1)
        return frames

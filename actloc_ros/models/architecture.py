"""Describe a network that checkpoints fit and what it is capable of, and load one strictly.

All that is done with a network (opening, strict loading, training, export, `actloc models`, parity
checks) follows from its `Architecture` and `Entry`; nothing asks which family it is of. An
architecture has at least one entry, whose values hold also for a user's own checkpoint of that
architecture, except for its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from actloc_ros.models.entry import Entry, Task
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.state_dicts import Shapes, differences


@dataclass(frozen=True, eq=False)
class ActorPredictions:
    """What a localization network predicts at one clip's key frame: N actors, C classes.

    Attributes:
        boxes: float (N, 4): x1, y1, x2, y2 in pixels of the network's input, not clipped.
        scores: float (N,) in [0, 1]: that the box holds an actor.
        actions: float (N, C) in [0, 1].
    """

    boxes: Tensor
    scores: Tensor
    actions: Tensor


def clip_shape(entry: Entry) -> tuple[int, ...]:
    """Return the shape (3, K, H, W) of one clip of images."""
    how = entry.preprocessing
    return 3, entry.frames, how.height, how.width


@dataclass(frozen=True)
class Finish:
    """What an ONNX file for one image gives in place of a network's raw outputs.

    Attributes:
        outputs: Their names, in order.
        wrap: Network and entry -> a network whose outputs are these, and then those of the network
            itself.
    """

    outputs: tuple[str, ...]
    wrap: Callable[[nn.Module, Entry], nn.Module]


@dataclass(frozen=True)
class Architecture:
    """A network that checkpoints fit.

    Attributes:
        name: As in an entry's `architecture`.
        task: What it does.
        build: Number of classes -> network. Its state dict has the published names and shapes, and
            all its tensors are in it. `forward` takes (B, *shape), (B, 3, K, H, W) for clips of
            images, and returns a tensor, or a tuple of tensors, before any activation.
        classes: Shapes of a state dict -> its number of classes, or None if it is certainly not
            one of this architecture.
        outputs: Names of what `forward` returns, in order.
        decode: Outputs of `forward` and the entry -> the actors of each clip of the batch. None
            for a classifier.
        rename: Key as published -> key as here; None for a key to leave out.
        published: Outputs of `forward` and the entry -> what the authors' own code reports of the
            first clip, in its units and under the names of the parity references.
        localizer: `MODULE:CLASS` of the `Localizer` that runs it: made of an `OpenedNetwork` and
            `LocalizerOptions`. Empty for a classifier.
        trainable: `MODULE:CLASS` of the `TrainableAdapter` by which `actloc train` trains it.
            Empty where it cannot.
        foldable: Whether `torch.fx` can trace it, which folds its batch norms.
        streaming: Whether it is a `StreamingNetwork`.
        shape: Entry -> shape of one item of `forward`'s input, without the batch.
        adjust: Sets what an entry says of the network beside its weights.
        finish: Of a network whose ONNX file does more than `forward`.
        people: What the description of its ONNX file says, as `models.people.description` has it,
            and its entry does not; empty where an ONNX file alone is no people network.
    """

    name: str
    task: Task
    build: Callable[[int], nn.Module]
    classes: Callable[[Shapes], int | None]
    outputs: tuple[str, ...]
    decode: Callable[[Sequence[Tensor], Entry], list[ActorPredictions]] | None = None
    rename: Callable[[str], str | None] = str
    published: Callable[[Sequence[Tensor], Entry], dict[str, Tensor]] | None = None
    localizer: str = 'actloc_ros.models.clip_localizer:ClipLocalizer'
    trainable: str = ''
    foldable: bool = True
    streaming: bool = False
    shape: Callable[[Entry], tuple[int, ...]] = clip_shape
    adjust: Callable[[nn.Module, Entry], None] | None = None
    finish: Finish | None = None
    people: Mapping[str, Any] = field(default_factory=dict)


class StreamingState(Protocol):
    """The past of several cameras, of fixed size for each."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""

    def add_camera(self) -> None:
        """Make room for one more camera, which has no past."""

    def reset(self, camera: int) -> None:
        """Forget the past of the camera at this index."""


class StreamingNetwork(Protocol):
    """A network that takes a clip at once or frame by frame, with the same result to 1e-5.

    Attributes:
        receptive_field: Frames, the newest among them, that a result depends on.
    """

    receptive_field: int

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Map clips (B, 3, T, H, W), preprocessed, to outputs (B, T, ...) for every frame."""

    def forward_step(
        self, frames: Tensor, state: Any, cameras: Tensor, keep: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Map the newest frame (B, 3, H, W) of B different cameras to outputs (B, ...).

        Args:
            frames: Preprocessed.
            state: Of `initial_state`; changed in place.
            cameras: int64 (B,): which of the state's cameras the frames are of.
            keep: bool (B,): whether a frame enters the past; None for all.
        """

    def initial_state(self, cameras: int, height: int, width: int) -> StreamingState:
        """Return the state of cameras without a past, for frames of this size."""


def build_network(architecture: Architecture, entry: Entry) -> nn.Module:
    """Return the entry's network in evaluation mode, with random weights."""
    network = architecture.build(len(entry.labels))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = entry.bn_eps_2d
        elif isinstance(module, nn.BatchNorm3d):
            module.eps = entry.bn_eps_3d
    if architecture.adjust is not None:
        architecture.adjust(network, entry)
    return network.eval().requires_grad_(False)


def skeleton(architecture: Architecture, entry: Entry) -> nn.Module:
    """Return the entry's network without memory for its weights: for names, shapes and types."""
    with _WeightsWithoutMemory():
        return build_network(architecture, entry)


class _WeightsWithoutMemory(TorchFunctionMode):
    """Makes what weights are made of on the `meta` device, where it costs nothing.

    All other tensors stay real, since some networks are laid out by arithmetic on tensors.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function of PyTorch."""
        kwargs = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones) and kwargs.get('device') is None:
            kwargs['device'] = 'meta'
        return func(*args, **kwargs)


def load_network(
    architecture: Architecture, entry: Entry, state: Mapping[str, Tensor]
) -> nn.Module:
    """Return the entry's network in evaluation mode with the weights of a published state dict.

    Raises:
        WeightsError: Names, shapes or types differ; the text shows the first ones, both ways.
    """
    network = skeleton(architecture, entry)
    state = adapt(architecture, state)
    found = differences(network.state_dict(), state)
    if found:
        raise WeightsError('\n'.join(found))
    network.load_state_dict(state, strict=True, assign=True)
    return network.requires_grad_(False)


def adapt(architecture: Architecture, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `state` under the architecture's own names.

    Files older than PyTorch 0.4.1 lack the batch norms' counters, which inference does not use;
    as PyTorch itself does, these start at zero.
    """
    renamed = {architecture.rename(key): value for key, value in state.items()}
    adapted = {key: value for key, value in renamed.items() if key is not None}
    if not any(key.endswith('num_batches_tracked') for key in adapted):
        for key in [key for key in adapted if key.endswith('running_var')]:
            counter = key.replace('running_var', 'num_batches_tracked')
            adapted[counter] = torch.zeros((), dtype=torch.int64)
    return adapted

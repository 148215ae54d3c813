"""Say what a checkpoint is, in types, and load one strictly.

A family of architectures is one file in this folder, named in `catalog.FAMILIES`, with two tuples:

    ARCHITECTURES: tuple[Architecture, ...]    networks: how to build and read one
    ENTRIES: tuple[Entry, ...]                 checkpoints: all it takes to use each right

Everything else (opening, strict loading, `actloc models | download | convert | export`, parity
checks) follows from these. An architecture has at least one entry, whose values hold also for a
user's own checkpoint of that architecture, except for its labels.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Shapes = Mapping[str, tuple[int, ...]]
SHOWN_DIFFERENCES = 3


class WeightsError(ValueError):
    """A checkpoint that cannot be used; the text says which, why, and what to do."""


class Task(str, Enum):
    """What a network says about a clip: boxes with actions, or the action of the whole clip."""

    LOCALIZATION = 'localization'
    CLASSIFICATION = 'classification'


class Colour(str, Enum):
    """The order of the colour channels."""

    RGB = 'rgb'
    BGR = 'bgr'


class Resize(str, Enum):
    """The filter of a resize; those of OpenCV do not blur before they shrink, those of PIL do."""

    NEAREST = 'nearest'
    BILINEAR = 'bilinear'
    BILINEAR_ANTIALIASED = 'bilinear antialiased'
    BICUBIC = 'bicubic'
    BICUBIC_ANTIALIASED = 'bicubic antialiased'


class Activation(str, Enum):
    """What turns class logits into scores."""

    SOFTMAX = 'softmax'
    SIGMOID = 'sigmoid'
    # AVA's first 14 classes are poses, of which a person has exactly one.
    POSE_SOFTMAX = 'softmax over 14 poses, sigmoid over the rest'


@dataclass(frozen=True)
class Preprocessing:
    """How an RGB uint8 image becomes a network's input, in this order.

    Attributes:
        height: In pixels.
        width: In pixels; the image's sides are scaled each for itself.
        resize: Filter, applied to uint8 with rounding.
        colour: Channel order of the input.
        maximum: What the value 255 becomes: 255 or 1.
        mean: Subtracted after that, a value a channel in the input's order.
        std: Divided by after that.
    """

    height: int
    width: int
    resize: Resize = Resize.BILINEAR_ANTIALIASED
    colour: Colour = Colour.RGB
    maximum: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Entry:
    """Everything about one checkpoint.

    Attributes:
        name: What users call it: ARCHITECTURE_DATASET, as in `yowov2_nano_ucf24`.
        architecture: Name of the network.
        labels: Action names, in the order of the network's classes.
        preprocessing: From image to input.
        frames: Frames of a clip, 1 or more.
        rate: Frames in Hz at which it was trained.
        activation: From class logits to scores.
        multi_label: Whether an actor may do several of the actions at once.
        threshold: Score in [0, 1] from which an action counts as seen.
        min_score: Actors that score less are dropped at once.
        nms_iou: Overlap above which the lesser of two boxes is dropped.
        top_k: Candidates kept (of each level, where there are levels) before suppression.
        anchors: Widths and heights in cells, one after the other, of an anchor-based head.
        bn_eps_2d: Epsilon of the 2D batch norms.
        bn_eps_3d: Epsilon of the 3D batch norms.
        url: Where the file is published; empty where it has no address to download from.
        sha256: Of the published file, in hexadecimal, or its first digits; empty if not known.
        licence: Of the weights, as its authors say.
        source: The repository or paper that it comes from.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    frames: int
    rate: float
    activation: Activation
    multi_label: bool = False
    threshold: float = 0.5
    min_score: float = 0.05
    nms_iou: float = 0.5
    top_k: int = 40
    anchors: tuple[float, ...] = ()
    bn_eps_2d: float = 1e-5
    bn_eps_3d: float = 1e-5
    url: str = ''
    sha256: str = ''
    licence: str = 'unknown'
    source: str = ''

    def to_json(self) -> str:
        """Return the entry as JSON text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """Return the entry that `to_json` wrote.

        Raises:
            WeightsError: The text is no entry.
        """
        try:
            values = json.loads(text)
            values['preprocessing'] = _parse(Preprocessing, values['preprocessing'])
            return _parse(cls, values)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f'the embedded entry cannot be read: {error}') from error


def _parse(cls: type, values: dict[str, Any]) -> Any:
    """Make the data class `cls` of what JSON left of it: lists for tuples, text for enums."""
    enums = {'resize': Resize, 'colour': Colour, 'activation': Activation}
    parsed = {
        key: enums[key](value)
        if key in enums
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
    return cls(**parsed)


@dataclass(frozen=True, eq=False)
class Actors:
    """What a localization network sees at one clip's key frame: N actors, C classes.

    Attributes:
        boxes: float (N, 4): x1, y1, x2, y2 in pixels of the network's input, not clipped.
        scores: float (N,) in [0, 1]: that the box holds an actor.
        actions: float (N, C) in [0, 1].
    """

    boxes: Tensor
    scores: Tensor
    actions: Tensor


@dataclass(frozen=True)
class Architecture:
    """A network that checkpoints fit.

    Attributes:
        name: As in an entry's `architecture`.
        task: What it does.
        build: Number of classes -> network. Its state dict has the published names and shapes, and
            all its tensors are in it. `forward` takes (B, 3, K, H, W) and returns a tensor, or a
            tuple of tensors, before any activation.
        classes: Shapes of a state dict -> its number of classes, or None if it is surely not one
            of this architecture.
        outputs: Names of what `forward` returns, in order.
        decode: Outputs of `forward` and the entry -> the actors of each clip of the batch. None
            for a classifier.
        rename: Key as published -> key as here; None for a key to leave out.
        published: Outputs of `forward` and the entry -> what the authors' own code reports of the
            first clip, in its units and under the names of the parity references.
    """

    name: str
    task: Task
    build: Callable[[int], nn.Module]
    classes: Callable[[Shapes], int | None]
    outputs: tuple[str, ...]
    decode: Callable[[Sequence[Tensor], Entry], list[Actors]] | None = None
    rename: Callable[[str], str | None] = str
    published: Callable[[Sequence[Tensor], Entry], dict[str, Tensor]] | None = None


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a state dict."""
    return {key: tuple(value.shape) for key, value in state.items()}


def build_network(architecture: Architecture, entry: Entry) -> nn.Module:
    """Return the entry's network in evaluation mode, with random weights."""
    network = architecture.build(len(entry.labels))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = entry.bn_eps_2d
        elif isinstance(module, nn.BatchNorm3d):
            module.eps = entry.bn_eps_3d
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


def differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """Return lines that tell how the state dict `given` differs from `wanted`; none if it fits."""
    common = [key for key in wanted if key in given]
    return [
        *_line('missing in the file', [key for key in wanted if key not in given]),
        *_line('unknown to the model', [key for key in given if key not in wanted]),
        *_line(
            'of another shape',
            [
                f'{key}: file {tuple(given[key].shape)}, model {tuple(wanted[key].shape)}'
                for key in common
                if given[key].shape != wanted[key].shape
            ],
        ),
        *_line(
            'of another type',
            [
                f'{key}: file {given[key].dtype}, model {wanted[key].dtype}'
                for key in common
                if given[key].dtype != wanted[key].dtype
            ],
        ),
    ]


def _line(what: str, items: list[str]) -> list[str]:
    """Return one line that shows the first of `items`, or none if there are none."""
    if not items:
        return []
    more = ', …' if len(items) > SHOWN_DIFFERENCES else ''
    return [f'  {len(items)} {what}: {", ".join(items[:SHOWN_DIFFERENCES])}{more}']

"""Describe a checkpoint: all it takes to use it correctly, as the file itself carries it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from actloc_ros.models.errors import WeightsError


class Task(str, Enum):
    """What a network predicts for a clip: boxes with actions, or the action of the whole clip."""

    LOCALIZATION = 'localization'
    CLASSIFICATION = 'classification'
    SOUND = 'classification of sound'
    SKELETONS = 'classification of skeletons'
    DETECTION = 'detection'
    POSES = 'detection with joints'
    CROPS = 'joints in crops'
    FLOW = 'classification of optical flow'
    SEGMENTS = 'segments in time'
    WORDS = 'classification by words'


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


class Normalize(str, Enum):
    """How a skeleton network's joints become numbers about 1; see `models.graphs.streams`."""

    IMAGE = 'image'  # pixels to -1 … 1
    UNIT = 'unit'  # pixels to -0.5 … 0.5
    BODY = 'body'  # metres, as seen by the first person in the first frame
    MOVING_BODY = 'moving body'  # likewise, with the origin of each frame
    START = 'start'  # metres, relative to the first person in the first frame
    NONE = 'none'


class Sampling(str, Enum):
    """Which frames of a recording of joints make a clip."""

    SPREAD = 'spread'  # one by chance of each equal part
    MIDDLE = 'middle'  # the middle 95 %, resized
    ALL = 'all'  # as they come


@dataclass(frozen=True)
class SkeletonInput:
    """How joints become the input of a skeleton network.

    Attributes:
        layout: Name of the joints' layout, see `models.graphs.layouts`.
        stream: One of `models.graphs.streams.STREAMS`.
        normalize: From pixels or metres to numbers.
        sampling: From a recording to a clip.
        fuse_logits: Whether scores of several streams are added before the softmax.
        persons: People in a clip; who lacks is zeros.
        stream_first: Whether bones and motion are made before frames are chosen.
    """

    layout: str
    stream: str = 'j'
    normalize: Normalize = Normalize.IMAGE
    sampling: Sampling = Sampling.SPREAD
    fuse_logits: bool = False
    persons: int = 2
    stream_first: bool = True


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
        threshold: Score in [0, 1] from which an action counts as detected.
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
        skeleton: How joints go in, of a network that takes no images.
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
    skeleton: SkeletonInput | None = None

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
            if values.get('skeleton') is not None:
                values['skeleton'] = _parse(SkeletonInput, values['skeleton'])
            return _parse(cls, values)
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f'the embedded entry cannot be read: {error}') from error


@dataclass(frozen=True)
class LocalizerEntry:
    """A localizer without a network of its own: how to open it, and what `actloc models` shows.

    Attributes:
        name: What users call it, or the form of what they call it: `DETECTOR+CLASSIFIER`.
        factory: `MODULE:NAME` of what makes it of `LocalizerOptions`; where there is a pattern, of
            the model's name and `LocalizerOptions`, or as `wraps` says.
        pattern: Of the names that it opens, as `fnmatch` reads it; empty for `name` alone.
        needs_pytorch: Whether `factory` imports PyTorch.
        wraps: Whether what stands before the last `+` of the name is a model of its own, and
            `factory` takes that localizer and `LocalizerOptions`.
        side_inputs: What the host must provide by stamp: `boxes`, `joints`, `sound`.
        classes: Number of its classes, as `actloc models` shows it.
        clip: Frames that it takes, likewise.
        local: Whether it can run now, likewise.
        composite: Whether it is made of other models: `factory` also takes `open_model`.
    """

    name: str
    factory: str
    pattern: str = ''
    needs_pytorch: bool = False
    wraps: bool = False
    side_inputs: frozenset[str] = frozenset()
    classes: str = 'own'
    clip: str = 'own'
    local: str = 'built in'
    composite: bool = False

    def opens(self, model: str) -> bool:
        """Return whether users mean this one by `model`."""
        return fnmatchcase(model, self.pattern) if self.pattern else model == self.name


def _parse(cls: type, values: dict[str, Any]) -> Any:
    """Make the data class `cls` of what JSON left of it: lists for tuples, text for enums."""
    enums = {
        'resize': Resize,
        'colour': Colour,
        'activation': Activation,
        'normalize': Normalize,
        'sampling': Sampling,
    }
    parsed = {
        key: enums[key](value)
        if key in enums
        else tuple(value)
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
    return cls(**parsed)

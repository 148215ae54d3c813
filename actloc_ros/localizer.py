"""Define what a localizer is: frames in, detections out.

A third party adds a localizer in one file: subclass `Localizer` with a constructor that takes
`LocalizerOptions`, and give `MODULE:CLASS` where a model's name is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from actloc_ros.frames import Frame

SOUND_RATE = 32_000
"""Samples a second, in Hz, of all sound within this package."""


@dataclass(frozen=True)
class ClipInfo:
    """The clip behind a result.

    Attributes:
        start: Stamp of its oldest frame in ns.
        end: Stamp of its newest frame, the key frame, in ns.
        frames: Frames that the model asked for, 1 or more.
        missing: Of these, slots that no received frame filled.
    """

    start: int
    end: int
    frames: int = 1
    missing: int = 0


@dataclass(frozen=True, eq=False)
class Detections:
    """What a localizer detects at one key frame of one camera: N actors, C classes.

    Attributes:
        boxes: float32 (N, 4): x1, y1, x2, y2 in pixels of the original image, half-open.
        scores: float32 (N,) in [0, 1]: that the box holds an actor.
        actions: float32 (N, C) in [0, 1]: that the actor does each action; rows need not sum to 1.
        clip: The clip behind the result.
        track_ids: int64 (N,), from 1, where the localizer follows actors by itself; None leaves
            that to the track linker.
        joints: float32 (N, K, 3): x, y in pixels of the original image and a confidence in [0, 1]
            of each of the localizer's `joint_names`. They may lie outside the image; all are
            finite, and confidence 0 says that nothing is known of a joint. None: no joints at
            this key frame.
        features: float32 (N, D) of any scale: what the localizer itself knows of each actor's looks
            or motion, alike where those are alike; D is always the same. None: it offers none.
        whole_view: bool (N,): which rows speak of no one in a box but of all that the camera and
            its microphone take in, such as what is heard. Their boxes become the whole image, and
            may be anything here; `track_ids` must be given then. None: no row does.
        appearance: float32 (N, E) of any scale: what each actor looks like, where `features` are of
            motion alone; rows of NaN where that is not known. E is always the same. Actions are
            taught on both; all else takes `features` alone. None: it offers none.
    """

    boxes: np.ndarray
    scores: np.ndarray
    actions: np.ndarray
    clip: ClipInfo
    track_ids: np.ndarray | None = None
    joints: np.ndarray | None = None
    features: np.ndarray | None = None
    whole_view: np.ndarray | None = None
    appearance: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of actors."""
        return len(self.boxes)


def no_detections(clip: ClipInfo, classes: int) -> Detections:
    """Return an empty result for `clip` with `classes` classes."""
    return Detections(
        boxes=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        actions=np.zeros((0, classes), np.float32),
        clip=clip,
    )


PersonBoxes = tuple[np.ndarray, np.ndarray]
"""Boxes (N, 4) in pixels of the original image and scores (N,) in [0, 1], found elsewhere."""


@dataclass(frozen=True, eq=False)
class PersonJoints:
    """People whose joints were found elsewhere.

    Attributes:
        joints: (N, 17, 3): x, y and confidence in [0, 1] of COCO's joints, in its order; of those
            with confidence 0 nothing is known.
        scores: (N,) in [0, 1].
        boxes: (N, 4) in pixels of the original image; None where joints alone say where they are.
        relative: Whether x and y, of boxes too, are shares of the image's width and height, not
            pixels.
        places: (N, 25, 3): x, y, z of the joints of NTU RGB+D in m, in the camera's optical frame;
            0, 0, 0 where unknown. None where joints in space are not known.
    """

    joints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray | None = None
    relative: bool = False
    places: np.ndarray | None = None


class SideInputs(Protocol):
    """What a host can give beside the frames, by camera and stamp."""

    def boxes(self, camera: str, stamp: int) -> PersonBoxes | None:
        """Return the people that another program found in a frame.

        It may wait for them.

        Args:
            camera: The frame's camera.
            stamp: The frame's stamp in ns.

        Returns:
            float64 (N, 4) in pixels of the original image and (N,) in [0, 1]; None where nothing
            came for this frame.
        """
        ...

    def joints(self, camera: str, stamp: int) -> PersonJoints | None:
        """Return the people whose joints another program found in a frame, as `boxes` does."""
        ...

    def sound(self, camera: str, start: int, end: int) -> np.ndarray | None:
        """Return what was heard beside a camera from one time to another.

        It may wait for it.

        Args:
            camera: The camera's name.
            start: When to begin, in ns, by the clock of the frames' stamps.
            end: When to stop, in ns, after `start`.

        Returns:
            float32 mono in [-1, 1] at `SOUND_RATE`, (end - start) long to half a sample, with
            zeros where nothing was recorded; None where nothing at all was.
        """
        ...


@dataclass(frozen=True)
class LocalizerOptions:
    """What a user chooses about any localizer.

    Attributes:
        weights: Path of a checkpoint, or the name of a downloaded one; empty for the model's
            own default.
        random_weights: Run with random weights where there is no checkpoint: for benchmarks alone.
        device: `cpu`, `cuda`, `cuda:N`, or `auto` for the GPU where there is one; what ONNX Runtime
            runs without PyTorch also knows others, see `models.onnx_runtime`.
        precision: `float32`, `float16`, `bfloat16`, or `auto` for what the device gains from.
        threads: Threads of ONNX Runtime in a step, 1 or more, for models that run by it.
        bridge_gap: Longest time in s without frames that a clip bridges by its nearest frames.
        restart_gap: Time in s without frames after which a camera's past is forgotten; at least
            `bridge_gap`.
        labels: What may happen, in words, for models that take any; empty for all others.
        extra: Parameters that one family of models reads, by name, e.g. `{'classify_rate': 2.0}`
            for `models.two_stage`; the family checks its own, others ignore them.
        side_inputs: What the host gives beside the frames; None where it gives nothing.
    """

    weights: str = ''
    random_weights: bool = False
    device: str = 'auto'
    precision: str = 'auto'
    threads: int = 1
    bridge_gap: float = 0.5
    restart_gap: float = 2.0
    labels: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    side_inputs: SideInputs | None = None


class Localizer(ABC):
    """Turns each camera's frames, in order of stamp, into detections.

    It keeps what it needs of the past (a clip, a state) per camera. Stamps of a camera's frames
    rise strictly: the pipeline drops repeated stamps and calls `reset` before time jumps back.

    Attributes:
        name: What messages call this model.
        labels: Action names; the index of a label is its class id.
        threshold: Score in [0, 1] from which an action counts as detected, unless the user says
            otherwise.
        joint_names: Names of the joints that its detections hold, in order; those of
            `joints.COCO_JOINTS` where they fit. Empty: it reports no joints.
        weight_files: Files that its weights were read from; empty where it has none.
    """

    name: str
    labels: tuple[str, ...]
    threshold: float = 0.5
    joint_names: tuple[str, ...] = ()
    weight_files: tuple[Path, ...] = ()

    @abstractmethod
    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the detections in the newest frame of each camera.

        Args:
            frames: Of one or more different cameras.

        Returns:
            Detections for each frame, in the same order.
        """

    @abstractmethod
    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""

    def close(self) -> None:  # noqa: B027 - many localizers have nothing to free
        """Free the model and all device memory; the localizer cannot be used any more."""


@runtime_checkable
class ReportsTiming(Protocol):
    """A localizer that measures its own preprocessing.

    Attributes:
        preprocess_time: Time in s that the last step took from images to the model's input.
    """

    preprocess_time: float

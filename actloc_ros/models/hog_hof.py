"""Localize the actions that a trained linear classifier of HOG and HOF descriptors tells apart."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.hog_hof_descriptor import (
    Moment,
    Pace,
    Settings,
    coverage,
    describe_clip,
    describe_moment,
)
from actloc_ros.models.motion import MotionCamera
from actloc_ros.zoo import ModelError

FORMAT = 'actloc-hog-hof'
VERSION = 1
LEAST_COVERAGE = 0.5  # share of a clip that must have been seen before its action is told


@dataclass(frozen=True, eq=False)
class Classifier:
    """Linear classifiers of clips, one a label, with calibrated scores.

    A score is 1 / (1 + exp(slope * margin + offset)) (Platt 1999) of the margin of a linear
    support vector machine.

    Attributes:
        labels: Action names.
        settings: How clips are described.
        weight: float32 (C, D).
        bias: float32 (C,).
        slope: float32 (C,).
        offset: float32 (C,).
    """

    labels: tuple[str, ...]
    settings: Settings
    weight: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    offset: np.ndarray

    def scores(self, descriptors: np.ndarray) -> np.ndarray:
        """Return the probability of each label, float32 (N, C), for descriptors (N, D)."""
        margin = descriptors.astype(np.float32) @ self.weight.T + self.bias
        place = np.clip(self.slope * margin + self.offset, -50, 50)
        return (1 / (1 + np.exp(place))).astype(np.float32)

    def save(self, path: Path | str) -> None:
        """Write a safetensors file that says all it takes to use it."""
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in TENSORS}
        about = {'labels': list(self.labels), 'settings': asdict(self.settings)}
        # One entry: the order of several is left to chance, and equal models make equal files.
        save_file(tensors, str(path), {FORMAT: json.dumps({'version': VERSION, **about})})


TENSORS = ('weight', 'bias', 'slope', 'offset')


def load_classifier(path: Path | str) -> Classifier:
    """Read a file that `Classifier.save` wrote.

    Raises:
        ModelError: There is no such file, it is something else, or its parts do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f'there is no file {path}; `actloc train --model hog-hof DATA --out FILE` makes one'
        )
    try:
        with safe_open(str(path), framework='numpy') as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ModelError(f'{path} is not a safetensors file: {error}') from error
    labels, settings = _read_about(path, metadata)
    _check_tensors(path, tensors, len(labels), settings)
    return Classifier(labels, settings, **tensors)


def _read_about(path: Path, metadata: dict[str, str]) -> tuple[tuple[str, ...], Settings]:
    if FORMAT not in metadata:
        raise ModelError(
            f'{path} is no model of hog_hof: `actloc train --model hog-hof` says {FORMAT!r} in its '
            f'metadata, this file says {sorted(metadata)}'
        )
    try:
        about = json.loads(metadata[FORMAT])
        if about['version'] != VERSION:
            raise ModelError(f'{path} is of version {about["version"]}; expected {VERSION}')
        return tuple(str(label) for label in about['labels']), Settings(**about['settings'])
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f'{path} has unusable labels or settings: {error!r}') from error


def _check_tensors(
    path: Path, tensors: dict[str, np.ndarray], classes: int, settings: Settings
) -> None:
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(TENSORS, (classes,))
    wanted['weight'] = (classes, settings.length)
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if not classes or found != wanted:
        raise ModelError(f'{path} has tensors {found}; for {classes} labels it must have {wanted}')
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ModelError(f'{path}: {name} is {tensor.dtype}; expected finite float32 numbers')


class HogHofLocalizer(Localizer):
    """Actors as `motion` finds them; their actions by a classifier that the user trained.

    An action's score is the product of the actor's score and the classifier's, 0 until the actor
    was seen for half a clip.
    """

    name = 'hog_hof'
    threshold = 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        """Load `options.weights`.

        Raises:
            ModelError: There are no weights or they do not fit.
        """
        if not options.weights:
            raise ModelError(
                'hog_hof needs weights: the file that `actloc train --model hog-hof` wrote'
            )
        self._options = options
        self._classifier = load_classifier(options.weights)
        self.labels = self._classifier.labels
        self._cameras: dict[str, _Camera] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        return [self._step(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._cameras.pop(name, None)

    def _step(self, frame: Frame) -> Detections:
        camera = self._cameras.get(frame.camera)
        if camera is None:
            camera = self._cameras[frame.camera] = _Camera(self._options, self._classifier)
        return camera.step(frame)


class Watcher:
    """Follows the actors of one camera, and describes each at every moment.

    Attributes:
        motion: The camera and its actors.
    """

    def __init__(self, options: LocalizerOptions, settings: Settings) -> None:
        self.motion = MotionCamera(options)
        self._settings, self._pace = settings, Pace(settings)

    def step(self, frame: Frame) -> tuple[Detections, dict[int, Moment]]:
        """Return who is seen, and their moments by track id where the frame is a moment."""
        found = self.motion.step(frame)
        view = self.motion.view
        if view.flow is None or found.track_ids is None or not self._pace.due(frame.stamp):
            return found, {}
        return found, {
            track_id: describe_moment(
                frame.stamp,
                view.grey,
                view.flow.velocity,
                self.motion.actors[track_id].box,
                self._settings,
            )
            for track_id in found.track_ids.tolist()
        }


@dataclass
class _Track:
    moments: deque[Moment] = field(default_factory=deque)
    scores: np.ndarray | None = None


class _Camera:
    """One camera: the actors in its view, and what each looked like lately."""

    def __init__(self, options: LocalizerOptions, classifier: Classifier) -> None:
        self._watcher = Watcher(options, classifier.settings)
        self._classifier = classifier
        self._settings = classifier.settings
        self._tracks: dict[int, _Track] = {}

    def step(self, frame: Frame) -> Detections:
        found, moments = self._watcher.step(frame)
        followed = self._watcher.motion.actors
        self._tracks = {key: each for key, each in self._tracks.items() if key in followed}
        for track_id, moment in moments.items():
            self._take(self._tracks.setdefault(track_id, _Track()), moment)
        ids = [] if found.track_ids is None else found.track_ids.tolist()
        classes = len(self._classifier.labels)
        actions = np.array([self._scores(track_id) for track_id in ids], np.float32)
        return Detections(
            boxes=found.boxes,
            scores=found.scores,
            actions=actions.reshape(len(ids), classes) * found.scores[:, None],
            clip=self._clip(frame.stamp),
            track_ids=found.track_ids,
        )

    def _take(self, track: _Track, moment: Moment) -> None:
        """Remember an actor's newest moment, and classify the clip that ends in it."""
        settings = self._settings
        track.moments.append(moment)
        while seconds(moment.stamp - track.moments[0].stamp) > settings.duration + 1e-3:
            track.moments.popleft()
        if coverage(track.moments, moment.stamp, settings) >= LEAST_COVERAGE:
            clip = describe_clip(track.moments, moment.stamp, settings)
            track.scores = self._classifier.scores(clip[None])[0]

    def _scores(self, track_id: int) -> np.ndarray:
        track = self._tracks.get(track_id)
        if track is None or track.scores is None:
            return np.zeros(len(self._classifier.labels), np.float32)
        return track.scores

    def _clip(self, stamp: int) -> ClipInfo:
        """Return the clip of the actor who was followed longest."""
        longest = max((each.moments for each in self._tracks.values()), key=len, default=deque())
        start = longest[0].stamp if longest else stamp
        wanted = self._settings.moments
        return ClipInfo(start, stamp, wanted, max(0, wanted - len(longest)))

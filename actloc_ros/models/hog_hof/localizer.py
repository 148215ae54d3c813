"""Localize the actions that a trained linear classifier of HOG and HOF descriptors tells apart."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.hog_hof.descriptor import Follower, Pace, Settings, Tracks
from actloc_ros.models.hog_hof.fisher import Codebook, Moment, codebook_of
from actloc_ros.models.open import ModelError
from actloc_ros.models.vision.actor_finder import MotionCamera

FORMAT = 'actloc-hog-hof'
VERSION = 2
LEAST_COVERAGE = 0.5  # share of a clip that must have been seen before its action is told


@dataclass(frozen=True, eq=False)
class Classifier:
    """Linear classifiers of clips, one a label, with calibrated scores.

    A score is 1 / (1 + exp(slope * margin + offset)) (Platt 1999) of the margin of a linear
    support vector machine.

    Attributes:
        labels: Action names.
        settings: How clips are described.
        codebook: What they are described by.
        weight: float32 (C, D).
        bias: float32 (C,).
        slope: float32 (C,).
        offset: float32 (C,).
    """

    labels: tuple[str, ...]
    settings: Settings
    codebook: Codebook
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
        tensors = {name: getattr(self, name) for name in TENSORS} | self.codebook.tensors()
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        about = {'labels': list(self.labels), 'settings': asdict(self.settings)}
        # One entry: the order of several is left to chance, and equal models make equal files.
        content = save(tensors, {FORMAT: json.dumps({'version': VERSION, **about})})
        Path(path).write_bytes(content)


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
    _check_numbers(path, tensors)
    try:
        codebook = codebook_of(tensors, settings.words)
    except ValueError as error:
        raise ModelError(f'{path} has an unusable code book: {error}') from error
    own = {name: tensors[name] for name in TENSORS if name in tensors}
    _check_shapes(path, own, len(labels), codebook.length)
    return Classifier(labels, settings, codebook, **own)


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


def _check_numbers(path: Path, tensors: dict[str, np.ndarray]) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ModelError(f'{path}: {name} is {tensor.dtype}; expected finite float32 numbers')


def _check_shapes(path: Path, own: dict[str, np.ndarray], classes: int, length: int) -> None:
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(TENSORS, (classes,))
    wanted['weight'] = (classes, length)
    found = {name: tensor.shape for name, tensor in own.items()}
    if not classes or found != wanted:
        raise ModelError(f'{path} has tensors {found}; for {classes} labels it must have {wanted}')


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
    """Follows the actors of one camera, and looks at the points that move on each.

    Attributes:
        motion: The camera and its actors.
    """

    def __init__(self, options: LocalizerOptions, settings: Settings) -> None:
        self.motion = MotionCamera(options)
        self._follower = Follower(settings)
        self._moments, self._looks = Pace(settings.rate), Pace(settings.looks)

    def step(self, frame: Frame) -> tuple[Detections, dict[int, Tracks]]:
        """Return who is seen, and what moves by track id where the frame is looked at."""
        found = self.motion.step(frame)
        if not self.motion.view.large_enough or not self._moments.due(frame.stamp):
            return found, {}
        actors = self.motion.actors
        boxes = np.array([actor.box for actor in actors.values()]).reshape(-1, 4)
        self._follower.update(frame.stamp, self.motion.view.grey, boxes)
        if found.track_ids is None or not self._looks.due(frame.stamp):
            return found, {}
        seen = {
            track_id: self._follower.tracks(actors[track_id].box)
            for track_id in found.track_ids.tolist()
        }
        return found, {key: tracks for key, tracks in seen.items() if tracks is not None}


@dataclass
class _Track:
    """What one actor looked like lately, and since when it has been looked at."""

    since: int
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
        found, looks = self._watcher.step(frame)
        followed = self._watcher.motion.actors
        self._tracks = {key: each for key, each in self._tracks.items() if key in followed}
        for track_id, tracks in looks.items():
            self._take(self._tracks.setdefault(track_id, _Track(tracks.stamp)), tracks)
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

    def _take(self, track: _Track, tracks: Tracks) -> None:
        """Remember what an actor looks like now, and classify the clip that ends in it."""
        stamp, length = tracks.stamp, nanoseconds(self._settings.duration)
        track.moments.extend(self._classifier.codebook.pool([tracks]))
        while track.moments[0].stamp < stamp - length:
            track.moments.popleft()
        start = max(track.since, stamp - length)
        if stamp - start >= LEAST_COVERAGE * length:
            clip = self._classifier.codebook.describe(track.moments, start, stamp)
            track.scores = self._classifier.scores(clip[None])[0]

    def _scores(self, track_id: int) -> np.ndarray:
        track = self._tracks.get(track_id)
        if track is None or track.scores is None:
            return np.zeros(len(self._classifier.labels), np.float32)
        return track.scores

    def _clip(self, stamp: int) -> ClipInfo:
        """Return the clip of the actor who was followed longest."""
        settings = self._settings
        wanted = round(settings.duration * settings.looks) + 1
        longest = max((each.moments for each in self._tracks.values()), key=len, default=deque())
        start = longest[0].stamp if longest else stamp
        return ClipInfo(start, stamp, wanted, max(0, wanted - len(longest)))

"""Localize actions by a trained linear classifier of HOG and HOF descriptors."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.hog_hof.classifier import Classifier, load_classifier
from actloc_ros.models.hog_hof.descriptor import (
    DescriptorSettings,
    FrameSampler,
    PointTracker,
    PointTracks,
)
from actloc_ros.models.hog_hof.fisher import PooledFrame
from actloc_ros.models.vision.actor_finder import ActorFinder

LEAST_COVERAGE = 0.5  # share of a clip that must be known before its action is reported


class HogHofLocalizer(Localizer):
    """Actors as `motion` finds them; their actions by a classifier that the user trained.

    An action's score is the product of the actor's score and the classifier's, 0 until the actor
    was followed for half a clip.
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


class ActorPointTracker:
    """Follows the actors of one camera, and the points that move on each.

    Attributes:
        motion: The camera and its actors.
    """

    def __init__(self, options: LocalizerOptions, settings: DescriptorSettings) -> None:
        self.motion = ActorFinder(options)
        self._follower = PointTracker(settings)
        self._flow_frames, self._frames = FrameSampler(settings.rate), FrameSampler(settings.looks)

    def step(self, frame: Frame) -> tuple[Detections, dict[int, PointTracks]]:
        """Return the actors, and what moves on each by track id where the frame is sampled."""
        found = self.motion.step(frame)
        if not self.motion.view.large_enough or not self._flow_frames.due(frame.stamp):
            return found, {}
        actors = self.motion.actors
        boxes = np.array([actor.box for actor in actors.values()]).reshape(-1, 4)
        self._follower.update(frame.stamp, self.motion.view.grey, boxes)
        if found.track_ids is None or not self._frames.due(frame.stamp):
            return found, {}
        tracks = {
            track_id: self._follower.tracks(actors[track_id].box)
            for track_id in found.track_ids.tolist()
        }
        return found, {key: each for key, each in tracks.items() if each is not None}


@dataclass
class _Track:
    """The last sampled frames of one actor, and the stamp in ns of the first."""

    since: int
    frames: deque[PooledFrame] = field(default_factory=deque)
    scores: np.ndarray | None = None


class _Camera:
    """One camera: the actors in its view, and the last sampled frames of each."""

    def __init__(self, options: LocalizerOptions, classifier: Classifier) -> None:
        self._watcher = ActorPointTracker(options, classifier.settings)
        self._classifier = classifier
        self._settings = classifier.settings
        self._tracks: dict[int, _Track] = {}

    def step(self, frame: Frame) -> Detections:
        found, sampled = self._watcher.step(frame)
        followed = self._watcher.motion.actors
        self._tracks = {key: each for key, each in self._tracks.items() if key in followed}
        for track_id, tracks in sampled.items():
            self._add(self._tracks.setdefault(track_id, _Track(tracks.stamp)), tracks)
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

    def _add(self, track: _Track, tracks: PointTracks) -> None:
        """Add an actor's newest sampled frame, and classify the clip that ends in it."""
        stamp, length = tracks.stamp, nanoseconds(self._settings.duration)
        track.frames.extend(self._classifier.codebook.pool([tracks]))
        while track.frames[0].stamp < stamp - length:
            track.frames.popleft()
        start = max(track.since, stamp - length)
        if stamp - start >= LEAST_COVERAGE * length:
            clip = self._classifier.codebook.describe(track.frames, start, stamp)
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
        longest = max((each.frames for each in self._tracks.values()), key=len, default=deque())
        start = longest[0].stamp if longest else stamp
        return ClipInfo(start, stamp, wanted, max(0, wanted - len(longest)))

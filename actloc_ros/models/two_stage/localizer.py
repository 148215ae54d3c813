"""Localize actions in two stages: find and follow people, then classify each one's own clip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import Detections, Localizer, LocalizerOptions, no_detections
from actloc_ros.models.clips import ClipBuffer
from actloc_ros.models.detectors.base import DeviceImage, PersonDetector
from actloc_ros.models.ops.preprocessing import upload
from actloc_ros.models.ops.runtime import free_memory
from actloc_ros.models.ops.squares import central_square, cut
from actloc_ros.models.two_stage.classifier import ClipClassifier
from actloc_ros.models.two_stage.crops import TrackBoxes
from actloc_ros.models.two_stage.options import TwoStageOptions
from actloc_ros.models.words.classifier import WordsClassifier
from actloc_ros.tracks import TrackLinker, TrackOptions

LONGEST_SIDE = 960  # px of the images that are kept: people are cut out and shrunk anyway


class TwoStageLocalizer(Localizer):
    """People, followed over time, each with the actions that a clip classifier detects.

    All actors of all cameras that are due are classified in one batch: each when first detected,
    and then `TwoStageOptions.classify_rate` times a second, by stamps. In between, an actor keeps
    its scores. Tracks are this localizer's own, and end after 1 s without detections.
    """

    def __init__(
        self,
        name: str,
        detector: PersonDetector,
        classifier: ClipClassifier | WordsClassifier,
        options: LocalizerOptions,
    ) -> None:
        self.name, self.labels = name, classifier.labels
        self.threshold = classifier.threshold
        self._detector, self._classifier, self._options = detector, classifier, options
        self._period = nanoseconds(1 / TwoStageOptions.of(options.extra).classify_rate)
        self._cameras: dict[str, _Camera] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        began = time.perf_counter()
        views = [self._view(frame) for frame in frames]
        self.preprocess_time = time.perf_counter() - began
        found = self._detector.detect(views)
        cameras = [self._camera(frame.camera) for frame in frames]
        for camera, view, people in zip(cameras, views, found, strict=True):
            camera.update(view, people)
        self._classify(cameras)
        return [camera.detections() for camera in cameras]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._cameras.pop(name, None)
            self._detector.reset(name)

    def close(self) -> None:
        """Free both networks and all images."""
        device = self._classifier.device
        self.reset()
        del self._detector, self._classifier
        free_memory(device)

    def _view(self, frame: Frame) -> DeviceImage:
        zoom = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
        size = max(1, round(frame.width * zoom)), max(1, round(frame.height * zoom))
        image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        return DeviceImage(frame, upload(image, self._classifier.device))

    def _camera(self, name: str) -> _Camera:
        if name not in self._cameras:
            spec, options = self._classifier.spec, self._options
            buffer = ClipBuffer(spec, options.bridge_gap, options.restart_gap)
            tubes = TrackOptions(min_score=self._detector.sure_score)
            linker, whole = TrackLinker(tubes), self._detector.whole_view
            self._cameras[name] = _Camera(buffer, linker, len(self.labels), whole)
        return self._cameras[name]

    def _classify(self, cameras: Sequence[_Camera]) -> None:
        """Classify all actors of `cameras` that are due, in one batch."""
        due = [(camera, person) for camera in cameras for person in camera.due()]
        if not due:
            return
        began = time.perf_counter()
        clips = [self._classifier.prepare(camera.cut(person)) for camera, person in due]
        self.preprocess_time += time.perf_counter() - began
        scores = self._classifier.classify(clips)
        for (camera, person), row in zip(due, scores, strict=True):
            person.scores, person.due = row, camera.stamp + self._period


@dataclass
class _Person:
    """Someone who is followed.

    Attributes:
        tube: The boxes, in pixels of the kept images.
        scores: float32 (C,): as last classified.
        due: When to classify next, in ns.
    """

    tube: TrackBoxes
    scores: np.ndarray
    due: int


class _Camera:
    """What is kept of one camera: images, tracks and people.

    Attributes:
        stamp: Of the newest frame, in ns.
    """

    def __init__(
        self, buffer: ClipBuffer, linker: TrackLinker, classes: int, whole_view: bool
    ) -> None:
        self.stamp = 0
        self._whole_view = whole_view
        self._buffer, self._linker, self._classes = buffer, linker, classes
        self._length = buffer.spec.frames * buffer.spec.period
        self._people: dict[int, _Person] = {}
        self._ids: list[int] = []  # of the tracks at the newest frame, rising, as are the next two
        self._boxes = np.zeros((0, 4), np.float32)
        self._scores = np.zeros(0, np.float32)

    def update(self, view: DeviceImage, found: Detections) -> None:
        """Add the newest frame and the people in it."""
        self.stamp = view.frame.stamp
        self._buffer.push(self.stamp, view.image)
        tracks = self._linker.update(self.stamp, found.boxes, found.scores)
        for track_id in tracks.lost:
            del self._people[track_id]
        rows = [row for _, row in tracks.rows()]
        self._ids = [track_id for track_id, _ in tracks.rows()]
        self._boxes, self._scores = found.boxes[rows], found.scores[rows]
        for track_id, box in zip(self._ids, self._boxes, strict=True):
            if track_id not in self._people:
                unknown = np.zeros(self._classes, np.float32)
                self._people[track_id] = _Person(TrackBoxes(self._length), unknown, self.stamp)
            self._people[track_id].tube.add(self.stamp, box / view.scale)

    def due(self) -> list[_Person]:
        """Return the people of the newest frame that are to be classified."""
        people = [self._people[track_id] for track_id in self._ids]
        return [person for person in people if self.stamp >= person.due]

    def cut(self, person: _Person) -> list[Tensor]:
        """Return the images of a person's clip: uint8 (3, s, s), oldest first."""
        frames, _ = self._buffer.frames()
        if self._whole_view:
            return [cut(image, central_square(image)) for _, image in frames]
        squares = person.tube.squares([stamp for stamp, _ in frames])
        return [cut(image, square) for (_, image), square in zip(frames, squares, strict=True)]

    def detections(self) -> Detections:
        """Return the people of the newest frame, with their last scores."""
        _, clip = self._buffer.frames()
        if not self._ids:
            return no_detections(clip, self._classes)
        return Detections(
            boxes=self._boxes,
            scores=self._scores,
            actions=np.stack([self._people[track_id].scores for track_id in self._ids]),
            clip=clip,
            track_ids=np.array(self._ids, np.int64),
        )

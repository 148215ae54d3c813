"""Read what a bag of detections says of its video in time: segments, starts, scores of frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.io.bags import read_detections, read_label_info
from actloc_ros.messages import stamp_of
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.segments import Segment, SegmentTruth, TruthVideos

STARTED = 1  # ActionDetection.STARTED


@dataclass(frozen=True, eq=False)
class DetectedBag:
    """What a bag says of its video; times count from its first message.

    Attributes:
        video: The ground truth's name of it.
        labels: What the model knows.
        times: float64 (N,): of the messages, in s.
        scores: float64 (N, L): the highest of any actor, for each label.
        segments: The actions' instances, with the mean of their scores.
        starts: When instances were first reported, with the score that they had then.
    """

    video: str
    labels: tuple[str, ...]
    times: np.ndarray
    scores: np.ndarray
    segments: list[Segment]
    starts: list[Segment]


@dataclass
class _Open:
    """An instance so far: its label, from when to when in ns, and its scores."""

    label: str
    start: int
    end: int
    scores: list[float] = field(default_factory=list)


def read_detected_bag(path: Path, truth: SegmentTruth) -> DetectedBag:
    """Read a bag of one video, whose name is the video's where the ground truth has several.

    Raises:
        EvaluationError: It has several cameras or no labels, or the ground truth has no such video.
        SourceError: It cannot be read.
    """
    info = read_label_info(path)
    if info is None:
        raise EvaluationError(
            f'{path}: no labels are latched in it; record ~/label_info with the detections'
        )
    if len(truth.videos) == 1:
        video = truth.videos[0]
    else:
        video = TruthVideos(truth).measured(path.stem if path.is_file() else path.name, str(path))
    reader = _Reader(path, video, tuple(info.labels))
    for message in read_detections(path):
        reader.add(message)
    if len(reader.cameras) > 1:
        raise EvaluationError(
            f'{path}: it holds the cameras {sorted(reader.cameras)}; record each in its own bag'
        )
    return reader.bag()


class _Reader:
    """Collects a bag's messages."""

    def __init__(self, path: Path, video: str, labels: tuple[str, ...]) -> None:
        self.cameras: set[str] = set()
        self._path, self._video, self._labels = path, video, labels
        self._times: list[float] = []
        self._scores: list[np.ndarray] = []
        self._instances: dict[int, _Open] = {}
        self._starts: list[Segment] = []
        self._first: int | None = None

    def add(self, message: Any) -> None:
        """Add the next message."""
        stamp = stamp_of(message.header.stamp)
        self._first = stamp if self._first is None else self._first
        self.cameras.add(message.camera)
        time = self._seconds(stamp)
        scores = np.zeros(len(self._labels))
        for detection in message.detections:
            for result in detection.results:
                if not 0 <= result.class_id < len(scores):
                    raise EvaluationError(
                        f'{self._path}: class {result.class_id} is not among the {len(scores)} '
                        'labels that are latched in it; record each localizer in its own bag'
                    )
                scores[result.class_id] = max(scores[result.class_id], result.score)
            if detection.instance_id:
                self._add_instance(detection, time)
        if self._times and time == self._times[-1]:  # what ends with a video has a message more
            self._scores[-1] = np.maximum(self._scores[-1], scores)
            return
        self._times.append(time)
        self._scores.append(scores)

    def bag(self) -> DetectedBag:
        """Return all that the messages said."""
        segments = [
            Segment(
                self._video,
                each.label,
                self._seconds(each.start),
                self._seconds(each.end),
                float(np.mean(each.scores)) if each.scores else 0.0,
            )
            for each in self._instances.values()
        ]
        return DetectedBag(
            self._video,
            self._labels,
            np.array(self._times),
            np.array(self._scores).reshape(-1, len(self._labels)),
            segments,
            self._starts,
        )

    def _add_instance(self, detection: Any, time: float) -> None:
        start, end = stamp_of(detection.start_time), stamp_of(detection.end_time)
        one = self._instances.setdefault(detection.instance_id, _Open(detection.label, start, end))
        one.start, one.end = min(one.start, start), max(one.end, end)
        mine = [r.score for r in detection.results if r.class_id == detection.class_id]
        one.scores += mine
        if detection.state == STARTED:
            score = mine[0] if mine else 0.0
            self._starts.append(Segment(self._video, detection.label, time, time, score))

    def _seconds(self, stamp: int) -> float:
        return (stamp - (self._first or 0)) / NANOSECONDS

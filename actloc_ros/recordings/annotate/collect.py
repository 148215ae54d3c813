"""Collect what the pipeline reports frame by frame, and make an annotation of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.source import Source
from actloc_ros.io.source_folder import FolderSource, image_files
from actloc_ros.recordings.annotate.annotation import AnnotatedActor, RecordingAnnotation, Span
from actloc_ros.sinks import EventSink, Report

BRIDGED = 500_000_000  # ns: an actor who is not detected for no longer is visible meanwhile


@dataclass
class _Track:
    """One actor so far: a row for each frame in which it was detected."""

    frames: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)


class AnnotationCollector(EventSink):
    """Takes the reports of one recording; `annotation` returns what they amount to.

    A frame's number is its place in the recording: in a folder of images that of the image, also
    where others are broken; else that among the frames that can be decoded, which is how
    annotation tools count them too.
    """

    def __init__(self, source: Source) -> None:
        """Begin.

        Args:
            source: The recording that the reports are of.
        """
        self._source = source
        self._stamps: list[int] = []
        self._size = (0, 0)
        self._tracks: dict[int, _Track] = defaultdict(_Track)
        self._instances: dict[int, InstanceUpdate] = {}

    def add_frame(self, stamp: int, width: int, height: int) -> None:
        """Count a frame that was read, whether the pipeline uses it or not."""
        self._stamps.append(stamp)
        self._size = max(self._size, (width, height))

    def write(self, report: Report) -> None:
        """Take the report of the newest frame, or of what has ended before it."""
        frame = self._number(len(self._stamps) - 1)
        for action in report.step.actions:
            if action.state is not InstanceState.UNKNOWN:
                self._instances[action.instance_id] = action
            if action.detected and report.frame is not None:
                self._add(self._tracks[action.track_id], action, frame, report.step.stamp)

    @property
    def frames(self) -> int:
        """How many frames were read."""
        return len(self._stamps)

    @property
    def stamps(self) -> Sequence[int]:
        """The stamps of the frames that were read, in ns, in order."""
        return self._stamps

    def annotation(self, labels: Sequence[str], model: str, media: Path) -> RecordingAnnotation:
        """Return what was collected; actors in the order in which they come.

        Args:
            labels: The model's actions.
            model: Its name.
            media: What annotation tools show.
        """
        times = self._times()
        instances: dict[int, list[InstanceUpdate]] = defaultdict(list)
        for instance in self._instances.values():
            instances[instance.track_id].append(instance)
        actors = [
            _actor(number, track, instances[number], tuple(labels), times)
            for number, track in sorted(self._tracks.items(), key=lambda item: item[1].frames[0])
        ]
        images = (
            tuple(path.name for path in image_files(self._source.path))
            if isinstance(self._source, FolderSource)
            else ()
        )
        width, height = self._size
        if media != self._source.path:  # a video made of it, whose sides are even
            width, height = width + width % 2, height + height % 2
        return RecordingAnnotation(
            self._source.path,
            media,
            times,
            width,
            height,
            tuple(labels),
            tuple(actors),
            model,
            images,
        )

    def _number(self, index: int) -> int:
        if isinstance(self._source, FolderSource):
            return round(self._stamps[index] * self._source.rate / NANOSECONDS)
        return index

    def _times(self) -> np.ndarray:
        """Return int64 (F,): when each frame is shown, in ns from the first one on."""
        if isinstance(self._source, FolderSource):
            count = self._source.length or len(self._stamps)
            return _even(count, self._source.rate)
        stamps = np.array(self._stamps, np.int64)
        if (np.diff(stamps) > 0).all():
            return stamps - stamps[:1]
        # A recording whose time jumps back: no tool can show that, so frames follow evenly.
        return _even(len(stamps), self._source.rate or 30.0)

    def _add(self, track: _Track, action: InstanceUpdate, frame: int, stamp: int) -> None:
        if track.frames and track.frames[-1] == frame:
            return  # another action of the same actor
        track.frames.append(frame)
        track.stamps.append(stamp)
        track.boxes.append(action.box)
        track.scores.append(action.box_score)
        track.actions.append(np.asarray(action.scores, np.float16))


def _even(count: int, rate: float) -> np.ndarray:
    return np.rint(np.arange(count) * (NANOSECONDS / rate)).astype(np.int64)


def _actor(
    number: int,
    track: _Track,
    instances: Sequence[InstanceUpdate],
    labels: tuple[str, ...],
    times: np.ndarray,
) -> AnnotatedActor:
    known = np.array(track.frames, np.int64)
    actions = np.array(track.actions, np.float64).reshape(len(known), -1)
    spans = [_span(track, known, actions, each, labels) for each in instances]
    frames = _without_short_gaps(known, times)
    best = actions.max(axis=1) if actions.size else np.zeros(len(known))
    boxes = np.array(track.boxes, np.float64)
    return AnnotatedActor(
        number,
        frames,
        np.stack([np.interp(frames, known, column) for column in boxes.T], axis=1),
        np.interp(frames, known, np.array(track.scores)),
        np.interp(frames, known, best),
        tuple(sorted(spans, key=lambda span: (span.first, span.last, span.label))),
    )


def _span(
    track: _Track,
    frames: np.ndarray,
    actions: np.ndarray,
    instance: InstanceUpdate,
    labels: tuple[str, ...],
) -> Span:
    stamps = np.array(track.stamps, np.int64)
    first = min(int(np.searchsorted(stamps, instance.start)), len(frames) - 1)
    last = max(first, int(np.searchsorted(stamps, instance.end, 'right')) - 1)
    score = float(actions[first : last + 1, instance.class_id].mean())
    label = labels[instance.class_id]
    return Span(label, int(frames[first]), int(frames[last]), min(max(score, 0.0), 1.0))


def _without_short_gaps(frames: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the frames, and those between two of them that are no more than `BRIDGED` apart."""
    gaps = np.flatnonzero(np.diff(frames) > 1)
    short = [gap for gap in gaps if times[frames[gap + 1]] - times[frames[gap]] <= BRIDGED]
    between = [np.arange(frames[gap] + 1, frames[gap + 1]) for gap in short]
    return np.sort(np.concatenate([frames, *between])).astype(np.int64)

"""Localize actions in a recording without ROS: what the node does with `process_all`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import find_type
from actloc_ros.io.source import Source
from actloc_ros.localizer import ClipInfo, Localizer
from actloc_ros.messages import label_info_message
from actloc_ros.models.open import open_localizer
from actloc_ros.models.segments import Segments
from actloc_ros.pipeline import FrameResult, Pipeline
from actloc_ros.settings import Settings
from actloc_ros.sinks import Report, make_report


def open_pipeline(settings: Settings) -> Pipeline:
    """Return the pipeline that the node would run with these settings.

    Raises:
        ModelError: The model or its weights cannot be used.
        ValueError: The instance options do not fit its labels.
    """
    localizer = open_localizer(settings.model, settings.localizer)
    try:
        return new_pipeline(localizer, settings)
    except ValueError:
        localizer.close()
        raise


def new_pipeline(localizer: Localizer, settings: Settings) -> Pipeline:
    """Return a pipeline that knows nothing yet, of a localizer that is open.

    Raises:
        ValueError: The instance options do not fit its labels.
    """
    return Pipeline(
        localizer,
        settings.tracks,
        settings.instances,
        settings.localizer.restart_gap,
        settings.max_lateness,
    )


def localize(source: Source, pipeline: Pipeline) -> Iterator[Report]:
    """Yield the report of each frame, and last what ends with the recording.

    Messages are made of the classes of `io.bags.find_type`.
    """
    for frame in source:
        yield from localize_frame(frame, source, pipeline)
    yield from end(source, pipeline)


def localize_frame(frame: Frame, source: Source, pipeline: Pipeline) -> Iterator[Report]:
    """Yield the report of a frame of `source`, after what ends before it."""
    for step in pipeline.step([frame]):
        yield _report(step, pipeline, source, None if step.restart else frame)


def end(source: Source, pipeline: Pipeline) -> Iterator[Report]:
    """Yield what ends with the last frame."""
    for step in pipeline.reset():
        yield _report(step, pipeline, source, None)


class FindsSegments(Protocol):
    """What finds segments in whole recordings, as `models.actionformer` does."""

    name: str
    labels: tuple[str, ...]

    def push(self, frame: Frame) -> None:
        """Add the next frame."""

    def finish(self) -> Segments:
        """Return the segments in s from the first frame, best first."""


def report_segments(
    source: Source, segmenter: FindsSegments, segments: Segments
) -> Iterator[Report]:
    """Yield the report of each frame, read again, with segments as actions of the whole view.

    Args:
        source: The recording.
        segmenter: What found the segments, for names.
        segments: Those to report.
    """
    found = _SegmentActions(segments, len(segmenter.labels))
    newest: FrameResult | None = None
    for frame in source:
        newest = FrameResult(
            *(frame.camera, frame.stamp, frame.frame_id, frame.width, frame.height),
            clip=ClipInfo(frame.stamp, frame.stamp),
            actions=found.at(frame),
        )
        yield _segment_report(newest, segmenter, frame)
    if newest is not None and (ended := found.end()):
        yield _segment_report(replace(newest, actions=ended, restart=True), segmenter, None)


def _segment_report(step: FrameResult, segmenter: FindsSegments, frame: Frame | None) -> Report:
    return make_report(step, find_type, model=segmenter.name, labels=segmenter.labels, frame=frame)


class _SegmentActions:
    """Makes instances of segments, frame by frame."""

    def __init__(self, segments: Segments, classes: int) -> None:
        self._segments, self._classes = segments, classes
        self._first: int | None = None
        self._open: dict[int, InstanceUpdate] = {}

    def at(self, frame: Frame) -> tuple[InstanceUpdate, ...]:
        """Return the instances at a frame, those that have ended first."""
        if self._first is None:
            self._first = frame.stamp
        spans = self._segments.spans
        time = seconds(frame.stamp - self._first)
        inside = np.flatnonzero((spans[:, 0] <= time) & (time <= spans[:, 1])).tolist()
        gone = [index for index in self._open if index not in inside]
        ended = tuple(_ended(self._open.pop(index)) for index in gone)
        for index in inside:
            state = InstanceState.ONGOING if index in self._open else InstanceState.STARTED
            self._open[index] = self._update(index, state, frame)
        return ended + tuple(self._open[index] for index in sorted(self._open))

    def end(self) -> tuple[InstanceUpdate, ...]:
        """Return the instances that the recording's end ends."""
        return tuple(_ended(update) for update in self._open.values())

    def _update(self, index: int, state: InstanceState, frame: Frame) -> InstanceUpdate:
        label = int(self._segments.labels[index])
        scores = np.zeros(self._classes, np.float32)
        scores[label] = self._segments.scores[index]
        start = frame.stamp if index not in self._open else self._open[index].start
        return InstanceUpdate(
            track_id=1,
            instance_id=index + 1,
            state=state,
            class_id=label,
            box=(0.0, 0.0, float(frame.width), float(frame.height)),
            box_score=1.0,
            start=start,
            end=frame.stamp,
            scores=scores,
        )


def _ended(update: InstanceUpdate) -> InstanceUpdate:
    return replace(update, state=InstanceState.ENDED, detected=False)


def segments_label_info(segmenter: FindsSegments, threshold: float) -> Any:
    """Return the `LabelInfo` that belongs to the reports of segments."""
    return label_info_message(
        find_type,
        stamp=0,
        model=segmenter.name,
        labels=segmenter.labels,
        threshold=threshold,
        joint_names=(),
    )


def pipeline_label_info(pipeline: Pipeline) -> Any:
    """Return the `LabelInfo` that belongs to the reports of `pipeline`.

    Its stamp is 0, as no node is activated.
    """
    return label_info_message(
        find_type,
        stamp=0,
        model=pipeline.name,
        labels=pipeline.labels,
        threshold=pipeline.threshold,
        joint_names=pipeline.joint_names,
    )


def _report(step: FrameResult, pipeline: Pipeline, source: Source, frame: Frame | None) -> Report:
    counters = (pipeline.repeated, pipeline.unstamped, pipeline.late)
    unused = (counts.get(step.camera, 0) for counts in counters)
    return make_report(
        step,
        find_type,
        model=pipeline.name,
        labels=pipeline.labels,
        frame=frame,
        joint_names=pipeline.joint_names,
        dropped=source.broken + source.dropped + sum(unused),
    )

"""Run the pipeline over real footage, and keep what it reports frame by frame."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from actloc_ros.evaluation.pipeline_tubes import PipelineTubes
from actloc_ros.frames import Frame
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.source import Source
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Localizer
from actloc_ros.pipeline import FrameResult, Pipeline
from benchmark.results.common import ResultsError
from benchmark.results.instances import Span

MOST_RATE = 16.0  # Hz: of faster footage every second frame is taken, as a robot does
WHOLE = ((0.0, math.inf),)
GOING_ON = (InstanceState.STARTED, InstanceState.ONGOING)


@dataclass(frozen=True, eq=False)
class FrameReport:
    """What is reported at one frame.

    Attributes:
        number: Of the frame in its video, from 0.
        boxes: float (N, 4), of the actors that have a track, in pixels.
        actions: The label and score of each action that goes on.
    """

    number: int
    boxes: np.ndarray
    actions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class ClipReport:
    """What is reported in one clip.

    Attributes:
        frames: By frame that was taken.
        spans: The action instances.
        seconds: How long the clip is.
        size: Width and height in pixels.
    """

    frames: tuple[FrameReport, ...]
    spans: tuple[Span, ...]
    seconds: float
    size: tuple[int, int]

    @property
    def boxes_a_frame(self) -> float:
        """Mean number of boxes in a frame."""
        return float(np.mean([len(frame.boxes) for frame in self.frames]))


class Runner:
    """Runs a localizer over clips, each from its start with nothing remembered.

    Attributes:
        clips: All reports so far.
        steps: Processor time in s of each frame.

    Args:
        localizer: What runs.
        most: Only as many frames of each clip.
    """

    def __init__(self, localizer: Localizer, most: int | None) -> None:
        self.clips: list[ClipReport] = []
        self.steps: list[float] = []
        self._localizer, self._most = localizer, most

    def run(self, video: Path, parts: Sequence[tuple[float, float]] = WHOLE) -> ClipReport:
        """Return what is reported in parts of a video, with default settings.

        Args:
            video: The file.
            parts: From when to when in s, rising; more than 2 s apart, so that the pipeline starts
                again at each.

        Raises:
            ResultsError: Frames cannot be decoded.
        """
        self._localizer.reset()
        pipeline = Pipeline(self._localizer)
        tubes = PipelineTubes(np.arange(len(pipeline.labels)))
        source = open_source(video)
        stride = max(1, math.ceil(source.rate / MOST_RATE))
        reports: list[FrameReport] = []
        size = (0, 0)
        for number, frame in islice(_frames(source, stride, parts), self._most):
            steps, size = self._step(pipeline, frame), (frame.width, frame.height)
            _gather(tubes, steps, number)
            reports.append(_frame_report(steps[-1].actions, number, pipeline.labels))
        _gather(tubes, pipeline.reset(), reports[-1].number + 1 if reports else 0)
        if source.broken or not reports:
            raise ResultsError(f'{video}: frames cannot be decoded; repair the video')
        lasted = len(reports) * stride / source.rate
        clip = ClipReport(tuple(reports), _spans(tubes, pipeline.labels), lasted, size)
        self.clips.append(clip)
        return clip

    @property
    def step_time(self) -> float:
        """Median processor time of a frame in ms."""
        return 1000 * float(np.median(self.steps))

    def _step(self, pipeline: Pipeline, frame: Frame) -> list[FrameResult]:
        began = time.process_time()
        steps = pipeline.step([frame])
        self.steps.append(time.process_time() - began)
        return steps


def _frames(
    source: Source, stride: int, parts: Sequence[tuple[float, float]]
) -> Iterator[tuple[int, Frame]]:
    """Yield the number and the image of every `stride`-th frame in the parts."""
    for number, frame in enumerate(source):
        time = number / source.rate
        if time >= parts[-1][1]:
            return
        if number % stride == 0 and any(start <= time < end for start, end in parts):
            yield number, frame


def _gather(tubes: PipelineTubes, steps: Sequence[FrameResult], number: int) -> None:
    for step in steps:
        tubes.add(step.actions, 0, step.stamp, number, np.ones(4))


def _frame_report(
    actions: Sequence[InstanceUpdate], number: int, labels: Sequence[str]
) -> FrameReport:
    boxes = {action.track_id: action.box for action in actions if action.detected}
    going_on = tuple(
        (labels[action.class_id], float(action.scores[action.class_id]))
        for action in actions
        if action.state in GOING_ON
    )
    return FrameReport(number, np.array(list(boxes.values())).reshape(-1, 4), going_on)


def _spans(tubes: PipelineTubes, labels: Sequence[str]) -> tuple[Span, ...]:
    return tuple(
        Span(labels[each.class_id], each.start, each.end, tube, each.at, each.actor[1])
        for each, tube in tubes.instances()
    )

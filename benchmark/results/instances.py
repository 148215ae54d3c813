"""Run the pipeline on kept detections, and match its instances with the true ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.evaluation.pipeline_tubes import PipelineTubes
from actloc_ros.frames import Frame, seconds
from actloc_ros.instances import InstanceOptions
from actloc_ros.localizer import Detections, Localizer
from actloc_ros.pipeline import Pipeline
from actloc_ros.tracks import TrackOptions
from actloc_ros.truth.annotations import Annotations, Instance, Video
from actloc_ros.truth.boxes import Tube
from benchmark.results.common import TimedDetections, TimedLocalizer

LEAST_OVERLAP = 0.2  # spatio-temporal, of an instance with the true one that it matches


@dataclass(frozen=True, eq=False)
class Span:
    """One action of one actor, true or reported.

    Attributes:
        label: The action.
        start: Stamp of its beginning in ns.
        end: Stamp of its end in ns.
        tube: The actor's boxes meanwhile, by number of the frame.
        reported: Stamp of the key frame that first reports it, in ns; its start where it is true.
        track: The actor's number.
    """

    label: str
    start: int
    end: int
    tube: Tube
    reported: int
    track: int


@dataclass
class StartErrors:
    """How well the starts of instances are reported.

    Attributes:
        errors: Reported start less true start in s, of each instance found.
        delays: Time in s from the true start to the frame that first reports it.
        missed: True instances that no reported one matches.
        false: Reported instances that match no true one.
    """

    errors: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    missed: int = 0
    false: int = 0

    @property
    def count(self) -> int:
        """Number of true instances."""
        return len(self.errors) + self.missed

    def join(self, other: StartErrors) -> None:
        """Add what was counted elsewhere."""
        self.errors += other.errors
        self.delays += other.delays
        self.missed += other.missed
        self.false += other.false


class ReplayLocalizer(Localizer):
    """Returns a clip's kept detections, one frame after the other."""

    def __init__(self, model: TimedLocalizer, detections: Iterable[Detections]) -> None:
        self.name, self.labels = model.name, model.labels
        self.threshold, self.joint_names = model.threshold, model.joint_names
        self._detections = iter(detections)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the detections of the next frame; see `Localizer`."""
        return [next(self._detections) for _ in frames]

    def reset(self, camera: str | None = None) -> None:
        """Do nothing: the detections are fixed."""


def reported_spans(
    model: TimedLocalizer,
    clip: Sequence[TimedDetections],
    options: InstanceOptions | None = None,
    tracks: TrackOptions | None = None,
) -> list[Span]:
    """Return the instances that the pipeline reports in a clip.

    Args:
        model: Gives labels and threshold.
        clip: Its detections by frame.
        options: When an action counts as an instance; the node's own if None.
        tracks: When boxes make a track; the node's own if None.
    """
    pipeline = Pipeline(ReplayLocalizer(model, (each.detections for each in clip)), tracks, options)
    labels = pipeline.labels
    gathered = PipelineTubes(np.arange(len(labels)))
    for number, each in enumerate(clip):
        image = np.broadcast_to(np.uint8(0), (each.height, each.width, 3))
        for step in pipeline.step([Frame('', each.stamp, image)]):
            gathered.add(step.actions, 0, step.stamp, number, np.ones(4))
    for step in pipeline.reset():
        gathered.add(step.actions, 0, step.stamp, len(clip), np.ones(4))
    return [
        Span(labels[each.class_id], each.start, each.end, tube, each.at, each.actor[1])
        for each, tube in gathered.instances()
    ]


def true_spans(annotations: Annotations, index: int) -> list[Span]:
    """Return the true instances of a video in which their actor has boxes."""
    video = annotations.videos[index]
    spans = [_true_span(video, instance) for instance in video.instances]
    return [span for span in spans if len(span.tube.frames)]


def _true_span(video: Video, instance: Instance) -> Span:
    tubes = {tube.actor: tube for tube in video.tracks}
    tube = tubes.get(instance.actor)
    frames = np.zeros(0, np.int64) if tube is None else tube.frames
    stamps = np.array([video.stamp(int(frame)) for frame in frames], np.int64)
    during = (stamps >= instance.start) & (stamps < instance.end)
    rows = np.zeros((0, 4)) if tube is None else tube.boxes[during]
    shown = Tube(0, 0, frames[during], rows)
    start, end = instance.start, instance.end
    return Span(instance.label, start, end, shown, start, instance.actor)


def match_starts(true: Sequence[Span], reported: Sequence[Span]) -> dict[str, StartErrors]:
    """Return how well starts are reported, by label.

    An instance matches a true one of the same label where their tubes overlap by
    `LEAST_OVERLAP` or more, each for one at most, so that overlaps are largest together.
    """
    labels = {span.label for span in (*true, *reported)}
    return {
        label: _match_label(
            [span for span in true if span.label == label],
            [span for span in reported if span.label == label],
        )
        for label in sorted(labels)
    }


def _match_label(true: Sequence[Span], reported: Sequence[Span]) -> StartErrors:
    overlap = np.array([[tube_iou(a.tube, b.tube, 0.0) for b in reported] for a in true], float)
    overlap = overlap.reshape(len(true), len(reported))
    fits = overlap >= LEAST_OVERLAP
    rows, columns = linear_sum_assignment(np.where(fits, overlap, 0), maximize=True)
    pairs = [(true[i], reported[j]) for i, j in zip(rows, columns, strict=True) if fits[i, j]]
    return StartErrors(
        errors=[seconds(b.start - a.start) for a, b in pairs],
        delays=[seconds(b.reported - a.start) for a, b in pairs],
        missed=len(true) - len(pairs),
        false=len(reported) - len(pairs),
    )

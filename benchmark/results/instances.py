"""Follow action instances as a robot tells them, and match their starts with the true ones."""

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
from benchmark.results.common import Recording, Seen

LEAST_OVERLAP = 0.2  # spatio-temporal, of an instance with the one it stands for


@dataclass(frozen=True, eq=False)
class Span:
    """One action of one actor, true or told.

    Attributes:
        label: The action.
        start: Stamp of its beginning in ns.
        end: Stamp of its end in ns.
        tube: The actor's boxes meanwhile, by number of the frame.
        told: Stamp of the key frame at which it was told, in ns; its start where it is true.
        track: The actor's number.
    """

    label: str
    start: int
    end: int
    tube: Tube
    told: int
    track: int


@dataclass
class Starts:
    """How well the starts of instances are told.

    Attributes:
        errors: Told start less true start in s, of each instance found.
        delays: Time in s from the true start to the frame at which it was told.
        missed: True instances that none was told of.
        false: Instances told that stand for none.
    """

    errors: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    missed: int = 0
    false: int = 0

    @property
    def count(self) -> int:
        """Number of true instances."""
        return len(self.errors) + self.missed

    def join(self, other: Starts) -> None:
        """Add what was counted elsewhere."""
        self.errors += other.errors
        self.delays += other.delays
        self.missed += other.missed
        self.false += other.false


class Replay(Localizer):
    """Gives a recorded clip's detections again, one frame after the other."""

    def __init__(self, recording: Recording, found: Iterable[Detections]) -> None:
        self.name, self.labels = recording.name, recording.labels
        self.threshold = recording.threshold
        self._found = iter(found)

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return what was found in the next frame; see `Localizer`."""
        return [next(self._found) for _ in frames]

    def reset(self, camera: str | None = None) -> None:
        """Do nothing: what was found stays."""


def follow(
    recording: Recording,
    clip: Sequence[Seen],
    options: InstanceOptions | None = None,
    tubes: TrackOptions | None = None,
) -> list[Span]:
    """Return the instances that the pipeline tells of a recorded clip.

    Args:
        recording: Gives labels and threshold.
        clip: What the localizer said.
        options: When an action counts as an instance; the node's own if None.
        tubes: When boxes make a track; the node's own if None.
    """
    pipeline = Pipeline(Replay(recording, (seen.found for seen in clip)), tubes, options)
    labels = pipeline.labels
    gathered = PipelineTubes(np.arange(len(labels)))
    for number, seen in enumerate(clip):
        image = np.broadcast_to(np.uint8(0), (seen.height, seen.width, 3))
        for step in pipeline.step([Frame('', seen.stamp, image)]):
            gathered.add(step.actions, 0, step.stamp, number, np.ones(4))
    for step in pipeline.reset():
        gathered.add(step.actions, 0, step.stamp, len(clip), np.ones(4))
    return [
        Span(labels[told.class_id], told.start, told.end, tube, told.at, told.actor[1])
        for told, tube in gathered.instances()
    ]


def true_spans(annotations: Annotations, index: int) -> list[Span]:
    """Return the true instances of a video in which their actor is to be seen."""
    video = annotations.videos[index]
    spans = [_true_span(video, instance) for instance in video.instances]
    return [span for span in spans if len(span.tube.frames)]


def _true_span(video: Video, instance: Instance) -> Span:
    tubes = {tube.actor: tube for tube in video.tubes}
    tube = tubes.get(instance.actor)
    frames = np.zeros(0, np.int64) if tube is None else tube.frames
    stamps = np.array([video.stamp(int(frame)) for frame in frames], np.int64)
    during = (stamps >= instance.start) & (stamps < instance.end)
    rows = np.zeros((0, 4)) if tube is None else tube.boxes[during]
    seen = Tube(0, 0, frames[during], rows)
    start, end = instance.start, instance.end
    return Span(instance.label, start, end, seen, start, instance.actor)


def match_starts(true: Sequence[Span], told: Sequence[Span]) -> dict[str, Starts]:
    """Return how well starts are told, by label.

    An instance stands for a true one of the same label where their tubes overlap by
    `LEAST_OVERLAP` or more, each for one at most, so that overlaps are largest together.
    """
    labels = {span.label for span in (*true, *told)}
    return {
        label: _match_label(
            [span for span in true if span.label == label],
            [span for span in told if span.label == label],
        )
        for label in sorted(labels)
    }


def _match_label(true: Sequence[Span], told: Sequence[Span]) -> Starts:
    overlap = np.array([[tube_iou(a.tube, b.tube, 0.0) for b in told] for a in true], float)
    overlap = overlap.reshape(len(true), len(told))
    fits = overlap >= LEAST_OVERLAP
    rows, columns = linear_sum_assignment(np.where(fits, overlap, 0), maximize=True)
    pairs = [(true[i], told[j]) for i, j in zip(rows, columns, strict=True) if fits[i, j]]
    return Starts(
        errors=[seconds(b.start - a.start) for a, b in pairs],
        delays=[seconds(b.told - a.start) for a, b in pairs],
        missed=len(true) - len(pairs),
        false=len(told) - len(pairs),
    )

"""Collect what the pipeline reports frame by frame: instances as a robot gets them, and tracks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.evaluation.linking import LinkOptions, cut_tubes, tube_score
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.truth.boxes import Tube


@dataclass(frozen=True, eq=False)
class _ActorFrame:
    """One actor in one frame."""

    stamp: int
    frame: int
    box: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class InstanceRecord:
    """What was last reported of an instance.

    Attributes:
        actor: Index of the video and number of the track.
        class_id: The action, by the model's own classes.
        start: Stamp of its start in ns.
        end: Stamp of its end in ns.
        at: Stamp of the key frame at which it was first reported, in ns.
    """

    actor: tuple[int, int]
    class_id: int
    start: int
    end: int
    at: int


class PipelineTubes:
    """Collects instances, each from its start to its end as last reported.

    The pipeline reports an instance once it has lasted a while, and until it has ended for a
    while; its `start` and `end` are when it really started and ended.
    """

    def __init__(self, classes: np.ndarray | None) -> None:
        """Start without tubes.

        Args:
            classes: int64, the ground truth's id of each of the model's classes, or -1; None
                counts all as class 0.
        """
        self._classes = classes
        self._frames: dict[tuple[int, int], list[_ActorFrame]] = defaultdict(list)
        self._records: dict[tuple[int, int], InstanceRecord] = {}

    def add(
        self,
        actions: Sequence[InstanceUpdate],
        video: int,
        stamp: int,
        frame: int,
        scale: np.ndarray,
    ) -> None:
        """Add the result of a step.

        Args:
            actions: The step's actions.
            video: Index of the video.
            stamp: Of the frame in ns.
            frame: Number of the frame.
            scale: float (4,), by which boxes are multiplied.
        """
        for action in actions:
            actor = video, action.track_id
            own = self._frames[actor]
            if action.detected and not (own and own[-1].stamp == stamp):
                own.append(_ActorFrame(stamp, frame, np.array(action.box) * scale, action.scores))
            if action.state is not InstanceState.UNKNOWN:
                name = video, action.instance_id
                at = self._records[name].at if name in self._records else stamp
                record = InstanceRecord(actor, action.class_id, action.start, action.end, at)
                self._records[name] = record

    def tubes(self) -> tuple[Tube, ...]:
        """Return all tubes; see `linking.tube_score` for what a tube scores."""
        return tuple(tube for _, tube in self.instances())

    def tracks(self, options: LinkOptions) -> tuple[Tube, ...]:
        """Return the tubes of all that actors may have done, cut out of their tracks afterwards.

        Args:
            options: How to trim.
        """
        tubes = [tube for actor in self._frames for tube in self._cut(actor, options)]
        return tuple(tube for tube in tubes if tube.score >= options.min_score)

    def instances(self) -> list[tuple[InstanceRecord, Tube]]:
        """Return what was last reported of each instance, with its tube."""
        pairs = [(record, self._tube(record)) for record in self._records.values()]
        return [(record, tube) for record, tube in pairs if tube is not None]

    def _cut(self, actor: tuple[int, int], options: LinkOptions) -> list[Tube]:
        own = self._frames[actor]
        frames = np.array([each.frame for each in own], np.int64)
        boxes = np.array([each.box for each in own])
        scores = np.array([each.scores for each in own], np.float64)
        labels = np.zeros(scores.shape[1], np.int64) if self._classes is None else self._classes
        return [
            tube
            for label in np.unique(labels[labels >= 0]).tolist()
            for tube in cut_tubes(
                actor[0], label, frames, boxes, scores[:, labels == label].max(axis=1), options
            )
        ]

    def _tube(self, record: InstanceRecord) -> Tube | None:
        label = 0 if self._classes is None else int(self._classes[record.class_id])
        frames = self._frames[record.actor]
        own = [each for each in frames if record.start <= each.stamp <= record.end]
        if label < 0 or not own:
            return None
        scores = np.array([each.scores[record.class_id] for each in own], np.float64)
        return Tube(
            record.actor[0],
            label,
            np.array([each.frame for each in own], np.int64),
            np.array([each.box for each in own]),
            tube_score(scores),
            scores,
        )

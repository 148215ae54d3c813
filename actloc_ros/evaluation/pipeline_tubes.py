"""Gather what the pipeline tells while frames come in: instances as robots have them, tracks."""

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
    """What was last said of an action instance.

    Attributes:
        actor: Index of the video and number of the track.
        class_id: The action, by the model's own classes.
        start: Stamp of its beginning in ns.
        end: Stamp of its end in ns.
        at: Stamp of the key frame at which it was first told, in ns.
    """

    actor: tuple[int, int]
    class_id: int
    start: int
    end: int
    at: int


class PipelineTubes:
    """Collects action instances: each from its start to its end, as it tells them in the end.

    An instance is told once it has lasted a while, and goes on being told until it has ended for
    a while; its own `start` and `end` say what it covers.
    """

    def __init__(self, classes: np.ndarray | None) -> None:
        """Begin without tubes.

        Args:
            classes: int64, the ground truth's id of each of the model's classes, or -1; None
                takes all as class 0.
        """
        self._classes = classes
        self._sights: dict[tuple[int, int], list[_ActorFrame]] = defaultdict(list)
        self._told: dict[tuple[int, int], InstanceRecord] = {}

    def add(
        self,
        actions: Sequence[InstanceUpdate],
        video: int,
        stamp: int,
        frame: int,
        scale: np.ndarray,
    ) -> None:
        """Take what a step says.

        Args:
            actions: The step's actions.
            video: Index of the video.
            stamp: Of the frame in ns.
            frame: Number of the frame.
            scale: float (4,), by which boxes are multiplied.
        """
        for action in actions:
            actor = video, action.track_id
            sights = self._sights[actor]
            if action.detected and not (sights and sights[-1].stamp == stamp):
                sights.append(
                    _ActorFrame(stamp, frame, np.array(action.box) * scale, action.scores)
                )
            if action.state is not InstanceState.UNKNOWN:
                name = video, action.instance_id
                at = self._told[name].at if name in self._told else stamp
                told = InstanceRecord(actor, action.class_id, action.start, action.end, at)
                self._told[name] = told

    def tubes(self) -> tuple[Tube, ...]:
        """Return all tubes; see `linking.tube_score` for what a tube scores."""
        return tuple(tube for _, tube in self.instances())

    def tracks(self, options: LinkOptions) -> tuple[Tube, ...]:
        """Return the tubes of all that actors may have done, cut out of their tracks afterwards.

        Args:
            options: How to trim.
        """
        tubes = [tube for actor in self._sights for tube in self._cut(actor, options)]
        return tuple(tube for tube in tubes if tube.score >= options.min_score)

    def instances(self) -> list[tuple[InstanceRecord, Tube]]:
        """Return what was told of each instance, with its tube."""
        pairs = [(told, self._tube(told)) for told in self._told.values()]
        return [(told, tube) for told, tube in pairs if tube is not None]

    def _cut(self, actor: tuple[int, int], options: LinkOptions) -> list[Tube]:
        sights = self._sights[actor]
        frames = np.array([sight.frame for sight in sights], np.int64)
        boxes = np.array([sight.box for sight in sights])
        scores = np.array([sight.scores for sight in sights], np.float64)
        labels = np.zeros(scores.shape[1], np.int64) if self._classes is None else self._classes
        return [
            tube
            for label in np.unique(labels[labels >= 0]).tolist()
            for tube in cut_tubes(
                actor[0], label, frames, boxes, scores[:, labels == label].max(axis=1), options
            )
        ]

    def _tube(self, told: InstanceRecord) -> Tube | None:
        label = 0 if self._classes is None else int(self._classes[told.class_id])
        sights = [s for s in self._sights[told.actor] if told.start <= s.stamp <= told.end]
        if label < 0 or not sights:
            return None
        scores = np.array([sight.scores[told.class_id] for sight in sights], np.float64)
        return Tube(
            told.actor[0],
            label,
            np.array([sight.frame for sight in sights], np.int64),
            np.array([sight.box for sight in sights]),
            tube_score(scores),
            scores,
        )

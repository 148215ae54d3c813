"""Collect the ground truth of rendered frames into annotations of a video."""

from __future__ import annotations

import numpy as np

from actloc_ros.synth.scene import SynthFrame, frame_stamp
from actloc_ros.synth.script import Action
from actloc_ros.truth.annotations import ActorTrack, Instance, Video

LONGEST_GAP = 1_000_000_000  # ns an actor may be hidden in the middle of one instance


class TruthCollector:
    """Collects, frame by frame, what a viewer of the video can know.

    An instance is an action's interval, cut to where its actor is visible: it starts at the frame
    in which the actor comes into view if the action started before, and is two if the actor is
    hidden for more than a second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.count = 0
        self.rows: dict[int, list[tuple[float, ...]]] = {}
        self.keypoints: dict[int, list[tuple[tuple[float, float], ...]]] = {}
        self.spans: dict[tuple[int, Action], list[list[int]]] = {}

    def add(self, frame: SynthFrame) -> None:
        """Add the next frame."""
        for truth in frame.actors:
            row = (self.count, *truth.box, truth.distance)
            self.rows.setdefault(truth.actor, []).append(row)
            self.keypoints.setdefault(truth.actor, []).append(truth.keypoints)
            for action in truth.actions:
                spans = self.spans.setdefault((truth.actor, action), [])
                if not spans or frame.stamp - spans[-1][1] > LONGEST_GAP:
                    spans.append([self.count, frame.stamp])
                spans[-1][1] = frame.stamp
        self.count += 1

    def video(self, path: str, size: tuple[int, int]) -> Video:
        """Return the annotations of all frames so far, as of a video at a path."""
        return Video(
            path,
            self.rate,
            *size,
            self.count,
            tuple(self._track(actor) for actor in sorted(self.rows)),
            tuple(sorted(self._instances(), key=lambda each: (each.start, each.actor))),
        )

    def _instances(self) -> list[Instance]:
        found = []
        for (actor, action), spans in self.spans.items():
            for index, (first, last) in enumerate(spans):
                # The frames before the first and after the last bound what is visible.
                before = frame_stamp(first - 1, self.rate) + 1 if first else 0
                after = frame_stamp(round(last * self.rate / 1e9) + 1, self.rate)
                start = action.start if index == 0 and action.start >= before else None
                if start is None:
                    start = frame_stamp(first, self.rate)
                end = min(action.end, after)
                found.append(Instance(actor, action.label, start, end))
        return found

    def _track(self, actor: int) -> ActorTrack:
        table, keypoints = np.array(self.rows[actor]), np.array(self.keypoints[actor])
        return ActorTrack(
            actor, table[:, 0].astype(np.int64), table[:, 1:5], table[:, 5], keypoints
        )

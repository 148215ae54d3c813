"""Run several localizers on one stream as one."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer, ReportsTiming, no_detections
from actloc_ros.models.ensemble.cascade import Cascade
from actloc_ros.models.ensemble.fuse import FusedActors, Fuser, union
from actloc_ros.models.ensemble.options import EnsembleOptions
from actloc_ros.models.ensemble.pool import BOX_IOU, EnsembleFit, Pool


class EnsembleLocalizer(Localizer):
    """Several localizers, with their boxes and scores fused; the pipeline's linker follows actors.

    Labels are those of all members, each name once. Joints are those of the first member that
    finds any. In a cascade (`EnsembleOptions.cascade`) each member beyond the first runs only where
    those before it are unsure, and then for a second on, since networks need a past; those that
    the first does not detect at all are missed.

    Args:
        name: What messages call it.
        members: The localizers; this one closes them.
        options: What the user chose.
        fit: What was learned of the members; None for plain averages.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Localizer],
        options: EnsembleOptions,
        fit: EnsembleFit | None = None,
    ) -> None:
        self.name = name
        self.labels, places = union([member.labels for member in members])
        self.threshold = 0.5 if fit else float(np.mean([m.threshold for m in members]))
        self._joints = next((i for i, member in enumerate(members) if member.joint_names), None)
        if self._joints is not None:
            self.joint_names = members[self._joints].joint_names
        knows = np.zeros((len(members), len(self.labels)), bool)
        for row, place in zip(knows, places, strict=True):
            row[place] = True
        weights = fit.box_weights if fit else [1.0] * len(members)
        self._fuser = Fuser(places, len(self.labels), weights, fit.iou if fit else BOX_IOU)
        self._pool = Pool(knows, self.labels, fit)
        self._members, self._options = list(members), options
        self._cascades = [Cascade(options.budget) for _ in members[1:]]
        self.preprocess_time = 0.0

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        self.preprocess_time = 0.0
        found: list[list[Detections | None]] = [[None] * len(self._members) for _ in frames]
        for index in range(len(self._members)):
            chosen = self._chosen(index, frames, found)
            if chosen:
                self._run(index, frames, chosen, found)
        return [self._fused(frame, each) for frame, each in zip(frames, found, strict=True)]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for member in self._members:
            member.reset(camera)
        if camera is None:
            self._cascades = [Cascade(self._options.budget) for _ in self._cascades]
        else:
            for cascade in self._cascades:
                cascade.reset(camera)

    def close(self) -> None:
        """Free all members."""
        for member in self._members:
            member.close()

    def _chosen(
        self, index: int, frames: Sequence[Frame], found: Sequence[Sequence[Detections | None]]
    ) -> list[int]:
        """Return which frames a member gets."""
        if not (index and self._options.cascade):
            return list(range(len(frames)))
        return self._cascades[index - 1].choose(
            [frame.camera for frame in frames],
            [frame.stamp for frame in frames],
            [self._doubt(frame, each) for frame, each in zip(frames, found, strict=True)],
        )

    def _run(
        self,
        index: int,
        frames: Sequence[Frame],
        chosen: Sequence[int],
        found: Sequence[list[Detections | None]],
    ) -> None:
        """Run a member on some of the frames, and keep what it detects."""
        began = time.perf_counter()
        member = self._members[index]
        results = member.step([frames[place] for place in chosen])
        for place, result in zip(chosen, results, strict=True):
            found[place][index] = result
        if index:
            self._cascades[index - 1].spent(len(chosen), 1000 * (time.perf_counter() - began))
        if isinstance(member, ReportsTiming):
            self.preprocess_time += member.preprocess_time

    def _doubt(self, frame: Frame, found: Sequence[Detections | None]) -> float:
        """Return how unsure the members that ran are of a frame: 0 for not at all, to 1."""
        fused = self._fuser.fuse(found, frame.width, frame.height)
        actor, actions = self._scores(fused, found)
        scores = np.concatenate([actions, actor[:, None]], 1)
        apart = np.abs(scores - self.threshold)
        return float(np.maximum(self._options.unsure - apart, 0).max(initial=0.0))

    def _scores(
        self, fused: FusedActors, found: Sequence[Detections | None]
    ) -> tuple[np.ndarray, np.ndarray]:
        asked = np.array([each is not None for each in found])
        actor = self._pool.actors(fused.actor, fused.detected, asked)
        return actor, self._pool.scores(fused.scores, fused.detected, asked)

    def _fused(self, frame: Frame, found: Sequence[Detections | None]) -> Detections:
        clip = min((each.clip for each in found if each is not None), key=lambda clip: clip.start)
        fused = self._fuser.fuse(found, frame.width, frame.height)
        if not len(fused.boxes):
            return no_detections(clip, len(self.labels))
        actor, actions = self._scores(fused, found)
        return Detections(
            boxes=fused.boxes,
            scores=actor.astype(np.float32),
            actions=actions.astype(np.float32),
            clip=clip,
            joints=self._joints_of(fused, found),
        )

    def _joints_of(
        self, fused: FusedActors, found: Sequence[Detections | None]
    ) -> np.ndarray | None:
        """Return joints of a frame's actors; confidence is 0 where the member detects none."""
        source = None if self._joints is None else found[self._joints]
        if source is None or source.joints is None:
            return None
        joints = np.zeros((len(fused.boxes), *source.joints.shape[1:]), np.float32)
        rows = fused.rows[:, self._joints]
        joints[rows >= 0] = source.joints[rows[rows >= 0]]
        return joints

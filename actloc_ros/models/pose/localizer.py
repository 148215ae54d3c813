"""Localize actions by people's joints: find people, follow them, score how their joints move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from actloc_ros.frames import Frame, seconds
from actloc_ros.localizer import ClipInfo, Detections, Localizer
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.tracks import TrackLinker, TrackOptions, TrackUpdate

CONFIRMING_FRAMES = 3  # after which a track is reported
CONFIRMING_TIME = 0.15  # s after which two frames are enough, on slow cameras


class People(Protocol):
    """What finds the people in frames: a network, as `PeopleNetwork`, or others elsewhere."""

    @property
    def threshold(self) -> float:
        """Score from which a person is reported, and a track begins."""

    @property
    def weakest(self) -> float:
        """Score from which a box may still continue a track."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints in the image that it finds."""

    def of_frame(self, frame: Frame, least: float) -> FoundPeople:
        """Return those in a frame who score `least` or more, best first."""

    def refined(self, frame: Frame, found: FoundPeople) -> FoundPeople:
        """Return some of them with better joints."""


class TrackActions(Protocol):
    """What the people of one camera do, with the memory of each track."""

    @property
    def thresholds(self) -> np.ndarray:
        """For each label, from which score on it is reported, float32 (C,)."""

    def update(
        self,
        stamp: int,
        size: tuple[int, int],
        tracks: np.ndarray,
        boxes: np.ndarray,
        joints: np.ndarray,
    ) -> np.ndarray:
        """Return scores (N, C) in [0, 1]; see `skeleton_n.actions.SkeletonActions.update`."""

    def memory(self, tracks: np.ndarray) -> np.ndarray | None:
        """Return what is remembered of these tracks, float32 (N, D); None where nothing is."""


class MotionNetwork(Protocol):
    """A network, or several, that scores how joints move."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in order."""

    def follow(self) -> TrackActions:
        """Return what scores the people of one camera."""


class PoseLocalizer(Localizer):
    """People of each camera with their joints, tracks and actions, one frame's cost a frame.

    A track is reported from its third frame on, or from its second one if that comes 0.15 s or
    more after the first; its actions are scored from the first one on. Tracks are this localizer's
    own, as is their patience of 1 s with who is not found.

    Scores of actions are rescaled, each label by its own threshold, so that 0.5 means "as likely
    as not" for all; see `rescale`.

    An actor's features are what the motion of its joints left in the skeleton network's memory; its
    appearance is what the network that finds its joints sees of it in the newest frame.
    """

    def __init__(
        self,
        name: str,
        people: People,
        skeleton: MotionNetwork,
        weight_files: tuple[Path, ...] = (),
    ) -> None:
        self.name, self.labels = name, skeleton.labels
        self.weight_files = weight_files
        self.joint_names = people.joint_names
        self._people, self._skeleton = people, skeleton
        self._cameras: dict[str, _Camera] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take the newest frame of one or more different cameras; see `Localizer`."""
        found = [self._people.of_frame(frame, self._people.weakest) for frame in frames]
        return [
            self._camera(frame.camera).update(frame, people)
            for frame, people in zip(frames, found, strict=True)
        ]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past of one camera, or of all."""
        for name in list(self._cameras) if camera is None else [camera]:
            self._cameras.pop(name, None)

    def close(self) -> None:
        """Free both networks and all tracks."""
        self.reset()
        del self._people, self._skeleton

    def _camera(self, name: str) -> _Camera:
        if name not in self._cameras:
            linker = TrackLinker(TrackOptions(min_score=self._people.threshold))
            self._cameras[name] = _Camera(self._people, linker, self._skeleton.follow())
        return self._cameras[name]


@dataclass
class _Camera:
    """What is kept of one camera.

    Attributes:
        people: Finds the joints of those on tracks.
        linker: Its tracks.
        actions: The memory of each track's motion.
        frames: In how many frames each track was found, by id.
    """

    people: People
    linker: TrackLinker
    actions: TrackActions
    frames: dict[int, int] = field(default_factory=dict)

    def update(self, frame: Frame, found: FoundPeople) -> Detections:
        """Take the people of the newest frame, and return those on confirmed tracks."""
        tracks = self.linker.update(frame.stamp, found.boxes, found.scores)
        ids = np.array([track_id for track_id, _ in tracks.rows()], np.int64)
        followed = self.people.refined(frame, found[[row for _, row in tracks.rows()]])
        size = frame.width, frame.height
        boxes, joints = followed.boxes, followed.joints
        scores = self.actions.update(frame.stamp, size, ids, boxes, joints)
        kept = self._confirmed(frame.stamp, tracks)
        appearance = followed.appearance
        return Detections(
            boxes=boxes[kept],
            scores=followed.scores[kept],
            actions=rescale(scores, self.actions.thresholds)[kept],
            clip=ClipInfo(frame.stamp, frame.stamp),
            track_ids=ids[kept],
            joints=joints[kept] if self.people.joint_names else None,
            features=self.actions.memory(ids[kept]),
            appearance=None if appearance is None else appearance[kept],
        )

    def _confirmed(self, stamp: int, tracks: TrackUpdate) -> np.ndarray:
        """Return which of the tracks of the newest frame, by rising id, are reported: bool (N,)."""
        for track_id in tracks.lost:
            del self.frames[track_id]
        kept = []
        for track_id, _ in tracks.rows():
            self.frames[track_id] = frames = self.frames.get(track_id, 0) + 1
            late = seconds(stamp - tracks.first_stamps[track_id]) >= CONFIRMING_TIME
            kept.append(frames >= CONFIRMING_FRAMES or (frames > 1 and late))
        return np.array(kept, bool)


def rescale(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return scores so that each label's threshold becomes 0.5.

    Below a threshold t a score s becomes 0.5 * s / t, above it 0.5 + 0.5 * (s - t) / (1 - t): 0 and
    1 stay, and the order of a label's scores stays too.

    Args:
        scores: (N, C) in [0, 1].
        thresholds: (C,), above 0 and below 1.
    """
    below = 0.5 * scores / thresholds
    above = 0.5 + 0.5 * (scores - thresholds) / (1 - thresholds)
    return np.where(scores < thresholds, below, above).clip(0, 1).astype(np.float32)

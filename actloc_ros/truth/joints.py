"""Hold what an evaluation of joints compares: people's joints in frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from actloc_ros.truth.annotations import Video
from actloc_ros.truth.boxes import FRAMES_A_VIDEO, EvaluationError
from actloc_ros.truth.plain_json import read_annotations


@dataclass(frozen=True, eq=False)
class FramePeople:
    """N people with K joints each, each in one frame of one video.

    Attributes:
        keys: int64 (N,): video * FRAMES_A_VIDEO + frame.
        joints: float64 (N, K, 2): x, y in pixels of the annotated video; NaN where unknown.
        boxes: float64 (N, 4): x1, y1, x2, y2 in the same pixels; NaN for detections, which are
            compared by their joints alone.
        scores: float64 (N,): higher is more confident; ones for ground truth.
    """

    keys: np.ndarray
    joints: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.keys)

    def __getitem__(self, chosen: np.ndarray) -> FramePeople:
        """Return the people that an index or a mask chooses."""
        return FramePeople(
            self.keys[chosen], self.joints[chosen], self.boxes[chosen], self.scores[chosen]
        )


@dataclass(frozen=True, eq=False)
class JointTruth:
    """Annotated joints.

    Attributes:
        path: The file they come from, for messages.
        names: The joints' names.
        videos: The videos; their order gives them their indices.
    """

    path: str
    names: tuple[str, ...]
    videos: tuple[Video, ...]

    def of(self, chosen: Sequence[int]) -> JointTruth:
        """Return the part of the videos with the indices `chosen`, in that order."""
        return replace(self, videos=tuple(self.videos[index] for index in chosen))

    @cached_property
    def people(self) -> FramePeople:
        """Everyone annotated; NaN for joints of tracks without keypoints."""
        return _everyone(self.videos, len(self.names))

    def labelled(self, keys: np.ndarray) -> np.ndarray:
        """Return whether it is known what the frames `keys`, int64 (N,), show: bool (N,)."""
        video, frame = np.divmod(keys, FRAMES_A_VIDEO)
        known = np.zeros(len(keys), bool)
        for index, each in enumerate(self.videos):
            inside = frame < each.frames if each.labelled is None else np.isin(frame, each.labelled)
            known |= (video == index) & inside
        return known


@dataclass(frozen=True, eq=False)
class JointDetections:
    """Detected joints.

    Attributes:
        source: The file they come from, for messages.
        names: The joints' names.
        people: Everyone detected.
        left_out: How many people were not read, by reason.
    """

    source: str
    names: tuple[str, ...]
    people: FramePeople
    left_out: dict[str, int]


def read_joint_truth(path: Path) -> JointTruth:
    """Read annotations with keypoints in this project's own format.

    Raises:
        AnnotationError: Something in the file is impossible.
        EvaluationError: It has no keypoints.
        OSError: It cannot be read.
    """
    annotations = read_annotations(path)
    if not annotations.keypoints:
        raise EvaluationError(f'{path}: no keypoints are annotated, so joints cannot be measured')
    return JointTruth(str(path), annotations.keypoints, annotations.videos)


def _everyone(videos: Sequence[Video], count: int) -> FramePeople:
    parts = [
        FramePeople(
            video * FRAMES_A_VIDEO + track.frames,
            np.full((len(track.frames), count, 2), np.nan)
            if track.keypoints is None
            else track.keypoints,
            track.boxes,
            np.ones(len(track.frames)),
        )
        for video, each in enumerate(videos)
        for track in each.tracks
    ]
    return FramePeople(
        np.concatenate([np.zeros(0, np.int64), *(part.keys for part in parts)]),
        np.concatenate([np.zeros((0, count, 2)), *(part.joints for part in parts)]),
        np.concatenate([np.zeros((0, 4)), *(part.boxes for part in parts)]),
        np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
    )

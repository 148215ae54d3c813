"""Take people's joints found elsewhere, from a file or a topic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.joints import COCO_JOINTS
from actloc_ros.localizer import PersonJoints
from actloc_ros.models.people_n.decode import FoundPeople

MARGIN = 0.1  # of the longer side of what joints span: a body is larger than its joints


class ExternalJoints:
    """People whose joints are found elsewhere: for the frames of their stamps.

    Attributes:
        name: Short, for messages.
        threshold: Score from which a person is reported: those who give joints have chosen them.
        weakest: Score from which a box may continue a track: the same.
        has_joints: Whether there are joints.
        joint_names: Of those that are reported in images.
        files: That it was read from.

    Args:
        name: See above.
        find: A frame -> who is in it, or None where nobody searched.
        files: See above.
        in_space: Whether joints are given in m, (N, 25, 3), see `PersonJoints.places`: none are
            reported then.
    """

    threshold = 0.0
    weakest = 0.0
    has_joints = True

    def __init__(
        self,
        name: str,
        find: Callable[[Frame], PersonJoints | None],
        files: tuple[Path, ...] = (),
        in_space: bool = False,
    ) -> None:
        self.name, self.files, self._find = name, files, find
        self._in_space = in_space
        self.joint_names = () if in_space else COCO_JOINTS

    def of_frame(self, frame: Frame, least: float) -> FoundPeople:
        """Return who is in a frame, best first; see `pose.localizer.People`."""
        found = self._find(frame)
        if found is None or (self._in_space and found.places is None):
            return _people(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 17, 3)))
        size = np.array([frame.width, frame.height], np.float64)
        joints = found.joints.astype(np.float64)
        if found.relative:
            joints[..., :2] *= size
        joints[joints[..., 2] <= 0] = 0.0
        boxes = _boxes(found, joints, size)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        rows = np.flatnonzero(inside & (found.scores >= least))
        rows = rows[np.argsort(-found.scores[rows], kind='stable')]
        given = found.places if self._in_space else joints
        assert given is not None
        return _people(boxes[rows], found.scores[rows], given[rows])

    def refined(self, frame: Frame, found: FoundPeople) -> FoundPeople:
        """Return people as they are: nothing better is known."""
        return found


def _boxes(found: PersonJoints, joints: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) in pixels, cut at the edge of an image of this width and height."""
    sides = np.tile(size, 2)
    if found.boxes is None:
        return np.clip(boxes_around(joints), 0, sides)
    return np.clip(found.boxes.astype(np.float64) * (sides if found.relative else 1), 0, sides)


def boxes_around(joints: np.ndarray) -> np.ndarray:
    """Return boxes around the joints (N, K, 3) of each person that are known: float64 (N, 4).

    It is empty where fewer than two are known.
    """
    known = joints[..., 2] > 0
    low = np.where(known[..., None], joints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(known[..., None], joints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    enough = known.sum(axis=1) >= 2
    low[~enough] = high[~enough] = 0.0
    margin = MARGIN * (high - low).max(axis=1, keepdims=True)
    return np.concatenate([low - margin, high + margin], axis=1)


def _people(boxes: np.ndarray, scores: np.ndarray, joints: np.ndarray) -> FoundPeople:
    return FoundPeople(*(part.astype(np.float32) for part in (boxes, scores, joints)))

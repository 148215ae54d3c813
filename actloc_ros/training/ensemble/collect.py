"""Run members of an ensemble over labelled videos, and match what they detect with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from actloc_ros.boxes import paired_iou
from actloc_ros.evaluation.run_model import FrameNumbers, class_ids, find_videos
from actloc_ros.frames import Frame
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, Localizer
from actloc_ros.models.ensemble.fuse import Fuser, union
from actloc_ros.pipeline import Pipeline
from actloc_ros.truth.boxes import FRAMES_A_VIDEO, GroundTruth

OVERLAP = 0.5  # least IoU of a box that shows an actor


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """What M members detect in one key frame, and what is true: T actors, C labels.

    Attributes:
        found: Each member's detections.
        width: Of the image in pixels.
        height: Of the image in pixels.
        boxes: float64 (T, 4): the true actors, in pixels.
        targets: bool (T, C): what they do, by the ensemble's labels.
    """

    found: tuple[Detections, ...]
    width: int
    height: int
    boxes: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Samples:
    """Fused actors of many frames: N of them, M members, C labels.

    Attributes:
        actor: float (N, M); see `FusedActors`.
        scores: float (N, M, C); likewise.
        detected: bool (N, M); likewise.
        is_actor: bool (N,): whether there is a true actor.
        targets: bool (N, C): what this actor does.
        truths: int64 (C,): how many true boxes show each action, found or not.
        actors: How many true actors there are, found or not.
    """

    actor: np.ndarray
    scores: np.ndarray
    detected: np.ndarray
    is_actor: np.ndarray
    targets: np.ndarray
    truths: np.ndarray
    actors: int


def run_members(
    members: Sequence[Localizer], truth: GroundTruth, roots: Sequence[Path], rate: float
) -> list[LabelledFrame]:
    """Return what members detect in the key frames of labelled videos.

    Args:
        members: The members, in order.
        truth: Its videos and key frames are used.
        roots: Video files, and folders in which videos, or folders of their images, lie.
        rate: Frames per second of folders of images.

    Raises:
        EvaluationError: A video is missing, or the members have none of the classes.
    """
    together = _Together(members)
    classes = class_ids(together.labels, truth)
    frames: list[LabelledFrame] = []
    for index, path in enumerate(tqdm(find_videos(truth, roots), 'videos', disable=None)):
        source = open_source(path, rate=rate)
        together.reset()
        pipeline, numbers = Pipeline(together), FrameNumbers(truth, index, source)
        for place, frame in enumerate(source):
            together.newest = None
            pipeline.step([frame])
            number = numbers.of(place)
            if number is not None and together.newest is not None:
                key = index * FRAMES_A_VIDEO + number
                frames.append(_labelled(together.newest, frame, truth, key, classes))
    return frames


def fuse_frames(frames: Sequence[LabelledFrame], fuser: Fuser) -> Samples:
    """Return the fused actors of all frames, with what is true of them."""
    parts = []
    for frame in frames:
        fused = fuser.fuse(frame.found, frame.width, frame.height)
        row, actor = matched(fused.boxes, frame.boxes)
        is_actor = np.zeros(len(fused.boxes), bool)
        targets = np.zeros((len(fused.boxes), frame.targets.shape[1]), bool)
        is_actor[row], targets[row] = True, frame.targets[actor]
        parts.append((fused.actor, fused.scores, fused.detected, is_actor, targets))
    actor, scores, detected, is_actor, targets = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Samples(
        actor,
        scores,
        detected,
        is_actor,
        targets,
        truths=np.sum([frame.targets.sum(0) for frame in frames], axis=0),
        actors=sum(len(frame.boxes) for frame in frames),
    )


def box_errors(frames: Sequence[LabelledFrame]) -> np.ndarray:
    """Return each member's mean squared error of a corner, in sides of the true box: (M,).

    It is infinite for a member that detects no true actor.
    """
    sums, counts = np.zeros(len(frames[0].found)), np.zeros(len(frames[0].found))
    for frame in frames:
        size = np.tile(frame.boxes[:, 2:] - frame.boxes[:, :2], 2)
        for member, found in enumerate(frame.found):
            row, actor = matched(found.boxes, frame.boxes)
            error = (found.boxes[row] - frame.boxes[actor]) / size[actor]
            sums[member] += (error**2).sum()
            counts[member] += error.size
    return np.divide(sums, counts, out=np.full(len(sums), np.inf), where=counts > 0)


def matched(boxes: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of boxes (N, 4) and of true ones (T, 4) that show the same actors."""
    overlap = paired_iou(boxes[:, None].astype(np.float64), true[None])
    row, actor = linear_sum_assignment(-overlap)
    enough = overlap[row, actor] >= OVERLAP
    return row[enough], actor[enough]


class _Together(Localizer):
    """Runs all members on each frame, and keeps what each detects."""

    name = 'members'

    def __init__(self, members: Sequence[Localizer]) -> None:
        self.labels, _ = union([member.labels for member in members])
        self.newest: tuple[Detections, ...] | None = None
        self._members = members

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take one frame."""
        found = [member.step(frames)[0] for member in self._members]
        self.newest = tuple(found)
        clip = found[0].clip
        nothing = np.zeros((0, len(self.labels)), np.float32)
        return [Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), nothing, clip)]

    def reset(self, camera: str | None = None) -> None:
        """Forget the past."""
        for member in self._members:
            member.reset(camera)


def _labelled(
    found: tuple[Detections, ...],
    frame: Frame,
    truth: GroundTruth,
    key: int,
    classes: np.ndarray,
) -> LabelledFrame:
    rows = truth.boxes[truth.boxes.keys == key]
    sizes, video = truth.sizes, key // FRAMES_A_VIDEO
    width, height = (1, 1) if sizes is None else sizes.get(video, (frame.width, frame.height))
    scale = np.array([frame.width / width, frame.height / height] * 2)
    boxes, actor = np.unique(rows.boxes, axis=0, return_inverse=True)
    doing = np.zeros((len(boxes), 1 + max(truth.labels)), bool)
    doing[actor.reshape(-1), rows.label] = True
    targets = doing[:, np.maximum(classes, 0)] & (classes >= 0)
    return LabelledFrame(found, frame.width, frame.height, boxes * scale, targets)

"""Say which actions of found people are known to be true or false, by annotations."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from actloc_ros.boxes import paired_iou
from actloc_ros.frames import nanoseconds
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN, YES
from actloc_ros.truth.annotations import Video

SAME = 0.3  # IoU from which a found person is the annotated one
EDGE = 0.15  # s on both sides of an action's ends of which nothing is known


class FrameTruth(Protocol):
    """What is known of the people in the frames of a recording."""

    def targets(self, frame: int, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return what is known of found people (N, 4): uint8 (N, C)."""


class Truth:
    """What is known of the people in a recording.

    Args:
        video: Its annotations.
        labels: Of the targets.
        annotated: Those of them that the annotations use; of others nothing is known.
    """

    def __init__(self, video: Video, labels: tuple[str, ...], annotated: tuple[str, ...]) -> None:
        self._video, self._labels = video, labels
        self._known = np.array([label in annotated for label in labels])
        self._actors = sorted({each.actor for each in video.instances})

    def targets(self, frame: int, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return what is known of found people (N, 4): uint8 (N, C)."""
        targets = np.full((len(boxes), len(self._labels)), UNKNOWN, np.uint8)
        video = self._video
        if video.labelled is None or frame in video.labelled:
            for row, actor in self._match(frame, boxes, scores):
                targets[row] = self._of(actor, video.stamp(frame))
        return targets

    def _match(self, frame: int, boxes: np.ndarray, scores: np.ndarray) -> list[tuple[int, int]]:
        """Return rows of found people and the actors that they are.

        Without annotated boxes, the person found best is the only actor there is.
        """
        if not len(boxes):
            return []
        if not any(len(track.frames) for track in self._video.tracks):
            one = len(self._actors) == 1
            return [(int(scores.argmax()), self._actors[0])] if one else []
        shown = [
            (track.actor, track.boxes[at])
            for track in self._video.tracks
            for at in [int(np.searchsorted(track.frames, frame))]
            if at < len(track.frames) and track.frames[at] == frame
        ]
        if not shown:
            return []
        overlap = paired_iou(boxes[:, None], np.array([box for _, box in shown])[None])
        pairs = zip(*linear_sum_assignment(overlap, maximize=True), strict=True)
        return [(int(row), shown[actor][0]) for row, actor in pairs if overlap[row, actor] >= SAME]

    def _of(self, actor: int, stamp: int) -> np.ndarray:
        """Return what is known of an actor at a stamp."""
        known = np.where(self._known, NO, UNKNOWN).astype(np.uint8)
        edge = nanoseconds(EDGE)
        last = self._video.stamp(self._video.frames)
        for each in self._video.instances:
            if each.actor != actor:
                continue
            column = self._labels.index(each.label)
            if each.start <= stamp < each.end:
                known[column] = YES
            ends = [end for end in (each.start, each.end) if edge < end < last - edge]
            if any(abs(stamp - end) < edge for end in ends):
                known[column] = UNKNOWN
        return known

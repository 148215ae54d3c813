"""Count what a person does to make an annotation right, with and without a start by a model.

A box is one key frame that is drawn, moved or set `outside`; a label is one value that is chosen.
From nothing, all key frames of the truth are drawn. With a start, those alone where an actor has
no box or a wrong one, and a track that is nobody's is removed, a track that breaks is joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.recordings.annotate.actors import common_videos, frame_labels
from actloc_ros.recordings.annotate.key_frames import WITHIN, thin
from actloc_ros.truth.annotations import ActorTrack, Annotations, Video

RIGHT = 0.5  # IoU from which a box is left as it is
SLACK = 0.5  # s around a true change of actions in which labels are left as they are


@dataclass(frozen=True)
class Effort:
    """What a person does.

    Attributes:
        boxes: Key frames that are drawn, moved or set `outside`.
        labels: Values that are chosen.
        tracks: Tracks that are removed or joined.
    """

    boxes: int = 0
    labels: int = 0
    tracks: int = 0

    def __add__(self, other: Effort) -> Effort:
        """Return both."""
        return Effort(
            self.boxes + other.boxes, self.labels + other.labels, self.tracks + other.tracks
        )

    @property
    def total(self) -> int:
        """All of it."""
        return self.boxes + self.labels + self.tracks


@dataclass(frozen=True)
class Savings:
    """What a start by a model saves.

    Attributes:
        nothing: The effort from nothing.
        corrected: The effort from the start by a model.
        frames: Boxes of the truth, of all actors and frames.
        right_boxes: Of these, boxes that the start has right.
        right_labels: Of these, boxes where the start has the right actions, all and no others.
    """

    nothing: Effort
    corrected: Effort
    frames: int = 0
    right_boxes: int = 0
    right_labels: int = 0

    def share(self) -> float:
        """Return the share of the effort that is saved, at most 1; below 0 it costs more."""
        return 1 - self.corrected.total / self.nothing.total if self.nothing.total else 0.0

    def text(self) -> str:
        """Return it as a line for people."""
        a, b = self.nothing, self.corrected
        return (
            f'boxes {a.boxes} -> {b.boxes}, labels {a.labels} -> {b.labels}, tracks to remove or '
            f'join {b.tracks}: {self.share():.0%} saved; of {self.frames} boxes {self.right_boxes} '
            f'right, {self.right_labels} with the right actions'
        )


def measure_savings(
    start: Annotations, truth: Annotations, right: float = RIGHT, within: float = WITHIN
) -> Savings:
    """Count the effort for the videos that both have.

    Args:
        start: What a model says.
        truth: What is right.
        right: IoU in [0, 1] from which a box is left as it is.
        within: How far a line between key frames may be from the truth, in px.

    Raises:
        AnnotateError: They have no video in common, or one is of different sizes.
    """
    parts = [_of_video(given, video, right, within) for given, video in common_videos(start, truth)]
    return Savings(
        sum((part.nothing for part in parts), Effort()),
        sum((part.corrected for part in parts), Effort()),
        sum(part.frames for part in parts),
        sum(part.right_boxes for part in parts),
        sum(part.right_labels for part in parts),
    )


def _draw_all(video: Video, track: ActorTrack, within: float) -> Effort:
    boxes = sum(
        len(thin(track.frames[rows], track.boxes[rows], within))
        + (int(track.frames[rows][-1]) + 1 < video.frames)  # and where it is not visible any more
        for rows in _runs(track.frames)
    )
    labels = list(frame_labels(video, track.actor).values())
    before = [frozenset[str](), *labels[:-1]]
    return Effort(boxes, sum(now != last for now, last in zip(labels, before, strict=True)))


def _of_video(given: Video, video: Video, right: float, within: float) -> Savings:
    owners = [_owner(track, video, right) for track in given.tracks]
    nothing, corrected = Effort(), Effort(tracks=owners.count(None))
    frames = right_boxes = right_labels = 0
    for number, track in enumerate(video.tracks):
        own = [one for one, owner in zip(given.tracks, owners, strict=True) if owner == number]
        nothing += _draw_all(video, track, within)
        start = _Start(given, own, track, right)
        corrected += Effort(tracks=max(0, len(own) - 1)) + start.effort(video, track, within)
        frames += len(track.frames)
        right_boxes += int(start.right.sum())
        said, true = start.labels, frame_labels(video, track.actor)
        right_labels += sum(said.get(frame) == labels for frame, labels in true.items())
    return Savings(nothing, corrected, frames, right_boxes, right_labels)


def _owner(track: ActorTrack, video: Video, right: float) -> int | None:
    """Return the true track that a track is right of most often; None if in less than half."""
    counts = [int(_agrees(track, true, right).sum()) for true in video.tracks]
    best = int(np.argmax(counts)) if counts else 0
    return best if counts and 2 * counts[best] >= len(track.frames) > 0 else None


def _agrees(track: ActorTrack, true: ActorTrack, right: float) -> np.ndarray:
    """Return in which of the frames that both have the boxes are right: bool (N,)."""
    _, mine, theirs = np.intersect1d(track.frames, true.frames, True, return_indices=True)
    return paired_iou(track.boxes[mine], true.boxes[theirs]) >= right


class _Start:
    """What a start by a model has of one true actor.

    Attributes:
        right: bool (N,), in which of the true frames its box is right.
        labels: What it says of the actor, by frame.
        beyond: int64, rising: the frames in which it has a box and the truth none.
    """

    def __init__(
        self, given: Video, own: Sequence[ActorTrack], true: ActorTrack, right: float
    ) -> None:
        boxes: dict[int, np.ndarray] = {}
        self.labels: dict[int, frozenset[str]] = {}
        for track in own:
            boxes |= dict(zip(track.frames.tolist(), track.boxes, strict=True))
            self.labels |= frame_labels(given, track.actor)
        frames, none = true.frames.tolist(), np.zeros(4)
        drawn = np.array([boxes.get(frame, none) for frame in frames]).reshape(-1, 4)
        self.right = paired_iou(drawn, true.boxes) >= right
        self.beyond = np.array(sorted(set(boxes) - set(frames)), np.int64)

    def effort(self, video: Video, true: ActorTrack, within: float) -> Effort:
        """Return what a person does to correct it."""
        wrong = np.flatnonzero(~self.right)
        moved = sum(
            len(thin(true.frames[wrong[rows]], true.boxes[wrong[rows]], within))
            for rows in _runs(wrong)
        )
        ended = sum(1 for _ in _runs(self.beyond))
        slack = round(SLACK * video.fps)
        return Effort(
            moved + ended, _relabelled(self.labels, frame_labels(video, true.actor), slack)
        )


def _relabelled(
    given: dict[int, frozenset[str]], true: dict[int, frozenset[str]], slack: int
) -> int:
    """Return in how many stretches with one true value, less `slack` at their ends, are others."""
    values = list(true.items())
    changes = [row for row in range(1, len(values)) if values[row][1] != values[row - 1][1]]
    edges = [0, *changes, len(values)]
    count = 0
    for begin, end in pairwise(edges):
        shorter = min(slack, (end - begin - 1) // 2)  # something of each is left
        inner = values[begin + shorter : end - shorter]
        count += any(given.get(frame, frozenset()) != labels for frame, labels in inner)
    return count


def _runs(numbers: np.ndarray) -> Iterator[slice]:
    """Yield the rows of each stretch of numbers without a gap."""
    if len(numbers):
        edges = np.flatnonzero(np.diff(numbers) > 1) + 1
        starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(numbers)]
        yield from (slice(a, b) for a, b in zip(starts, ends, strict=True))

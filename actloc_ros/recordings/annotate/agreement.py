"""Measure how far two annotations of the same videos agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actloc_ros.recordings.annotate.actors import (
    actor_tubes,
    best_pairs,
    common_videos,
    frame_labels,
    known_frames,
)
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.boxes import Tube
from actloc_ros.truth.from_annotations import instance_tubes

SAME_ACTOR = 0.3  # tube IoU from which two tracks are of one actor
SAME_INSTANCE = 0.5  # tube IoU from which two tubes are one instance


@dataclass(frozen=True)
class LabelAgreement:
    """How far two annotations agree on one label.

    Attributes:
        label: The label.
        first: Instances of it in the first annotation.
        second: In the second one.
        both: Instances that both have: pairs of tubes with an IoU of `SAME_INSTANCE` or more.
        kappa: Cohen's kappa of whether it holds, over frames of actors that both have; None where
            it is not defined, since both always or never say so.
    """

    label: str
    first: int
    second: int
    both: int
    kappa: float | None

    @property
    def f1(self) -> float:
        """The F1 of either against the other, in [0, 1]; 1 where neither has any."""
        count = self.first + self.second
        return 2 * self.both / count if count else 1.0


@dataclass(frozen=True)
class Agreement:
    """How far two annotations agree.

    Attributes:
        videos: Videos that both have.
        actors: Actors that both have: pairs of tracks with a tube IoU of `SAME_ACTOR` or more.
        only_first: Tracks of the first annotation alone.
        only_second: Tracks of the second one alone.
        tube_iou: The mean tube IoU of the actors that both have, in [0, 1]; None without any.
        kappa: Cohen's kappa of what actors do, all labels at once, over the frames of the actors
            that both have; None where it is not defined.
        frames: How many such frames there are.
        labels: By label.
    """

    videos: int
    actors: int
    only_first: int
    only_second: int
    tube_iou: float | None
    kappa: float | None
    frames: int
    labels: tuple[LabelAgreement, ...]

    def text(self) -> str:
        """Return all of it as lines for people."""
        lines = [
            f'{self.videos} videos; {self.actors} actors in both, {self.only_first} only in A, '
            f'{self.only_second} only in B',
            f'tube IoU of the actors in both: {_shown(self.tube_iou)}',
            f"Cohen's kappa of what they do in {self.frames} frames: {_shown(self.kappa)}",
            f'{"label":24} {"A":>5} {"B":>5} {"both":>5} {"F1":>6} {"kappa":>6}',
        ]
        lines += [
            f'{each.label:24} {each.first:5} {each.second:5} {each.both:5} {each.f1:6.3f} '
            f'{_shown(each.kappa):>6}'
            for each in self.labels
            if each.first or each.second
        ]
        return '\n'.join(lines)


def compare(first: Annotations, second: Annotations) -> Agreement:
    """Measure the agreement of two annotations.

    Raises:
        AnnotateError: They have no video in common, or one is of different sizes.
    """
    videos = common_videos(first, second)
    overlaps: list[float] = []
    said: list[tuple[frozenset[str], frozenset[str]]] = []
    counts = [0, 0]
    for one, other in videos:
        known = known_frames(one, other)
        pairs = best_pairs(actor_tubes(one, known), actor_tubes(other, known))
        same = [pair for pair in pairs if pair[2] >= SAME_ACTOR]
        overlaps += [overlap for _, _, overlap in same]
        counts[0] += len(one.tracks)
        counts[1] += len(other.tracks)
        for row, column, _ in same:
            said += _both_say(one, row, other, column, known)
    labels = list(dict.fromkeys([*first.labels, *second.labels]))
    return Agreement(
        videos=len(videos),
        actors=len(overlaps),
        only_first=counts[0] - len(overlaps),
        only_second=counts[1] - len(overlaps),
        tube_iou=float(np.mean(overlaps)) if overlaps else None,
        kappa=cohen_kappa([a for a, _ in said], [b for _, b in said]),
        frames=len(said),
        labels=tuple(_label(label, videos, said) for label in labels),
    )


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Return Cohen's kappa of two raters; None where it is not defined.

    Cohen, A coefficient of agreement for nominal scales, 1960: (observed - expected) / (1 -
    expected).

    Args:
        first: What one says of each thing.
        second: What the other says of the same things.
    """
    count = len(first)
    a, b = Counter(first), Counter(second)
    observed = sum(x == y for x, y in zip(first, second, strict=True))
    chance = sum(number * b[name] for name, number in a.items())
    if not count or chance == count**2:
        return None
    return (observed / count - chance / count**2) / (1 - chance / count**2)


def _both_say(
    one: Video, row: int, other: Video, column: int, known: np.ndarray | None
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """Return what both say of an actor in each frame in which both have a box."""
    mine = frame_labels(one, one.tracks[row].actor)
    others = frame_labels(other, other.tracks[column].actor)
    frames = sorted(mine.keys() & others.keys())
    if known is not None:
        frames = np.intersect1d(frames, known).tolist()
    return [(mine[frame], others[frame]) for frame in frames]


def _label(
    label: str,
    videos: Sequence[tuple[Video, Video]],
    said: Sequence[tuple[frozenset[str], frozenset[str]]],
) -> LabelAgreement:
    tubes = [[_tubes(label, video) for video in each] for each in videos]
    both = [
        overlap
        for one, other in tubes
        for _, _, overlap in best_pairs(one, other)
        if overlap >= SAME_INSTANCE
    ]
    kappa = cohen_kappa([label in a for a, _ in said], [label in b for _, b in said])
    first, second = (sum(len(pair[side]) for pair in tubes) for side in (0, 1))
    return LabelAgreement(label, first, second, len(both), kappa)


def _tubes(label: str, video: Video) -> list[Tube]:
    own = tuple(each for each in video.instances if each.label == label)
    return instance_tubes(Annotations((label,), (replace(video, instances=own),)))


def _shown(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'

"""Find everything in annotations that is impossible or odd, and where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.truth.annotations import (
    ActorTrack,
    AnnotationError,
    Annotations,
    Happening,
    Instance,
    Video,
)

LATE = 0.5  # s by which a happening may seem to last beyond its recording


class FaultKind(Enum):
    """What can be wrong; the value heads it in a report."""

    FILE = 'files missing or unreadable'
    SHAPE = 'videos of another length or size than the annotation says'
    LONGER = 'videos longer than the annotation says'
    RATE = 'videos whose frames do not come at the rate that the annotation says'
    BOX = 'impossible boxes'
    EDGE = 'boxes that leave the image: cut at its edge in training, refused in an evaluation'
    LABEL = 'unknown labels'
    INSTANCE = 'impossible instances'
    HAPPENING = 'happenings at impossible times'
    ABSENT = 'actors with an action but without boxes'
    EMPTY = 'videos without actors'
    UNPLACED = 'labels without boxes: for weak supervision alone'
    UNUSED = 'labels never used'
    NOTHING = 'nothing to train on'


HARMLESS = frozenset(
    {
        FaultKind.LONGER,
        FaultKind.RATE,
        FaultKind.EDGE,
        FaultKind.ABSENT,
        FaultKind.EMPTY,
        FaultKind.UNPLACED,
        FaultKind.UNUSED,
    }
)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: What it is.
        video: Path of the video as the annotations name it; empty where it is about all.
        text: Where in the video, the value, and what was expected.
    """

    kind: FaultKind
    video: str
    text: str

    @property
    def fatal(self) -> bool:
        """Whether it must be fixed before training."""
        return self.kind not in HARMLESS

    def __str__(self) -> str:
        """Return video and text."""
        return f'{self.video}: {self.text}' if self.video else self.text


def video_faults(video: Video, labels: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong in one video's annotation, without opening the video."""
    for actor, count in _counted([track.actor for track in video.tracks]):
        if count > 1:
            text = f'actor {actor} has {count} tubes; give each actor one'
            yield Fault(FaultKind.BOX, video.path, text)
    for track in video.tracks:
        yield from _track_faults(track, video)
    yield from _scale_faults(video)
    yield from _labelled_faults(video)
    actors = {track.actor for track in video.tracks}
    for instance in video.instances:
        yield from _instance_faults(instance, video, labels, actors)
    for happening in video.happenings:
        yield from _happening_faults(happening, video, labels)


def refuse(annotations: Annotations, path: Path | str, strict: bool = False) -> None:
    """Refuse annotations of which something is impossible; `strict`: or leaves the image.

    Raises:
        AnnotationError: The first such thing.
    """
    for video in annotations.videos:
        for fault in video_faults(video, annotations.labels):
            if fault.fatal or (strict and fault.kind is FaultKind.EDGE):
                raise AnnotationError(f'{path}: video {video.path!r}: {fault.text}')


def _counted(numbers: list[int]) -> list[tuple[int, int]]:
    values, counts = np.unique(np.array(numbers, np.int64), return_counts=True)
    return list(zip(values.tolist(), counts.tolist(), strict=True))


def _track_faults(track: ActorTrack, video: Video) -> Iterator[Fault]:
    falls = np.flatnonzero(np.diff(track.frames) <= 0)
    if len(falls):
        text = (
            f'actor {track.actor}: frame indices do not rise at frame '
            f'{track.frames[falls[0] + 1]}; sort the rows of boxes'
        )
        yield Fault(FaultKind.BOX, video.path, text)
    x1, y1, x2, y2 = track.boxes.T
    good = np.isfinite(track.boxes).all(axis=1)
    good &= (track.frames >= 0) & (track.frames < video.frames)
    good &= (x1 < x2) & (y1 < y2)
    good &= (x1 < video.width) & (y1 < video.height) & (x2 > 0) & (y2 > 0)
    leaves = (x1 < 0) | (y1 < 0) | (x2 > video.width) | (y2 > video.height)
    for kind, rows in ((FaultKind.BOX, ~good), (FaultKind.EDGE, good & leaves)):
        for row in np.flatnonzero(rows):
            yield Fault(kind, video.path, _box_text(track, int(row), video))


def _scale_faults(video: Video) -> Iterator[Fault]:
    """Say where boxes are in parts of the image, as other formats have them."""
    boxes = [track.boxes for track in video.tracks if len(track.boxes)]
    if boxes and min(video.width, video.height) > 2 and np.concatenate(boxes).max() <= 1:
        text = (
            'all boxes lie between 0 and 1: they are in parts of the image; multiply x by '
            f'{video.width} and y by {video.height}'
        )
        yield Fault(FaultKind.BOX, video.path, text)


def _box_text(track: ActorTrack, row: int, video: Video) -> str:
    actor = f'actor {track.actor}' + (f' ({track.name})' if track.name else '')
    return (
        f'{actor}: frame {track.frames[row]} has box {track.boxes[row].tolist()}; '
        f'expected x1 < x2 and y1 < y2 within {(0, 0, video.width, video.height)} and a frame '
        f'below {video.frames}'
    )


def _labelled_faults(video: Video) -> Iterator[Fault]:
    if video.labelled is None:
        return
    inside = (video.labelled >= 0) & (video.labelled < video.frames)
    if not inside.all() or (np.diff(video.labelled) <= 0).any():
        text = (
            f'labelled frames must rise, from 0 to {video.frames - 1}; they go from '
            f'{video.labelled.min()} to {video.labelled.max()}'
        )
        yield Fault(FaultKind.BOX, video.path, text)


def _instance_faults(
    each: Instance, video: Video, labels: Sequence[str], actors: set[int]
) -> Iterator[Fault]:
    what = f'{each.label!r} of actor {each.actor}'
    if each.label not in labels:
        text = f'actor {each.actor}: {_unknown_label(each.label, labels)}'
        yield Fault(FaultKind.LABEL, video.path, text)
    if not 0 <= each.start < each.end:
        text = f'{what} lasts from {each.start} to {each.end} ns; expected 0 <= start < end'
        yield Fault(FaultKind.INSTANCE, video.path, text)
    if each.actor not in actors:
        yield Fault(FaultKind.ABSENT, video.path, f'{what}: this actor has no boxes')


def _unknown_label(label: str, labels: Sequence[str]) -> str:
    some = ', '.join(labels[:5]) + (', …' if len(labels) > 5 else '')
    return f'label {label!r} is not among the {len(labels)} labels ({some})'


def _happening_faults(each: Happening, video: Video, labels: Sequence[str]) -> Iterator[Fault]:
    if each.label not in labels:
        yield Fault(FaultKind.LABEL, video.path, _unknown_label(each.label, labels))
    text = _time_fault(each, video.stamp(video.frames))
    if text:
        yield Fault(FaultKind.HAPPENING, video.path, f'{each.label!r} {text}')


def _time_fault(each: Happening, lasting: int) -> str:
    """Return what is wrong with the times, in a recording that lasts so many ns, or nothing."""
    if each.start is None:
        return '' if each.end is None else 'has an end, but no start; give both, or neither'
    if each.end is not None and each.end <= each.start:
        return (
            f'goes on from {seconds(each.start):g} to {seconds(each.end):g} s; expected an end '
            'after the start'
        )
    last = each.start if each.end is None else each.end
    if not 0 <= each.start < lasting or last > lasting + nanoseconds(LATE):
        shown = seconds(last if 0 <= each.start < lasting else each.start)
        return f'at {shown:g} s is outside the recording, which lasts {seconds(lasting):.2f} s'
    return ''

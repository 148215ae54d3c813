"""Say what labels that do not say who does something leave open, and what they rule out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.frames import nanoseconds
from actloc_ros.training.pose.config import POINTS, TIME, VIDEO
from actloc_ros.training.pose.known_actions import EDGE
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN
from actloc_ros.truth.annotations import AnnotationError, Happening, Video

NEAR = 0.25  # s before and after a point in which its action is taken to go on
NEEDED = {TIME: 'start and end', POINTS: 'start'}


class WeakTruth:
    """What is ruled out of the people in a recording: what nobody does at that moment.

    Args:
        video: Its annotations.
        labels: Of the targets.
        annotated: Those of them that the annotations use; of others nothing is known.
        supervision: What of the labels is used.
    """

    def __init__(
        self,
        video: Video,
        labels: tuple[str, ...],
        annotated: tuple[str, ...],
        supervision: str,
    ) -> None:
        self._video = video
        self._known = np.array([label in annotated for label in labels])
        found = open_spans(video, supervision)
        self._open = [(labels.index(label), start, end) for label, start, end in found]

    def targets(self, frame: int, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return what is known of found people (N, 4): uint8 (N, C) of NO and UNKNOWN."""
        known = np.full(len(self._known), UNKNOWN, np.uint8)
        if self._video.labelled is None or frame in self._video.labelled:
            known[self._known] = NO
            stamp, edge = self._video.stamp(frame), nanoseconds(EDGE)
            for column, start, end in self._open:
                if start - edge <= stamp < end + edge:
                    known[column] = UNKNOWN
        return np.tile(known, (len(boxes), 1))


def happenings(video: Video, supervision: str) -> list[Happening]:
    """Return what is used of a recording's labels, those with actors among them."""
    every = [*video.happenings, *(Happening(i.label, i.start, i.end) for i in video.instances)]
    if supervision == VIDEO:
        return [Happening(label) for label in dict.fromkeys(each.label for each in every)]
    if supervision == POINTS:
        return [Happening(each.label, _point(each)) for each in every]
    return every


def _point(each: Happening) -> int | None:
    """Return a moment of an action; the middle of one of which start and end are known."""
    if each.start is None or each.end is None:
        return each.start
    return (each.start + each.end) // 2


def spans(video: Video, supervision: str) -> list[tuple[str, int, int]]:
    """Return labels with the stamps from and before which somebody does them at some time."""
    whole, near = (0, video.stamp(video.frames)), nanoseconds(NEAR)
    found = []
    for each in happenings(video, supervision):
        if supervision == VIDEO or each.start is None:
            found.append((each.label, *whole))
        elif each.end is None:
            found.append((each.label, each.start - near, each.start + near))
        else:
            found.append((each.label, each.start, each.end))
    return found


def open_spans(video: Video, supervision: str) -> list[tuple[str, int, int]]:
    """Return labels with the stamps between which it is open who does them, if anybody."""
    found = spans(video, supervision)
    if supervision == POINTS:  # the action lasts longer than the points, it is not known how much
        labels = dict.fromkeys(label for label, _, _ in found)
        return [(label, 0, video.stamp(video.frames)) for label in labels]
    return found


def refuse_untimed(sets: Mapping[str, AnnotatedVideos], supervision: str) -> None:
    """Refuse labels without the times that a kind of supervision needs.

    Raises:
        AnnotationError: There are such.
    """
    if supervision not in NEEDED:
        return
    lacking = [
        f'{each.label!r} in {video.path}'
        for videos in sets.values()
        for video in videos.videos
        for each in happenings(video, supervision)
        if each.start is None or (supervision == TIME and each.end is None)
    ]
    if lacking:
        raise AnnotationError(
            f'supervision: {supervision} needs labels with {NEEDED[supervision]}; {len(lacking)} '
            f'have none, the first: {lacking[0]}; supervision: {VIDEO} needs no times'
        )

"""Hold what an evaluation in time compares: labelled segments, and the scores of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from actloc_ros.truth.boxes import EvaluationError, VideoIndex


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments of one label.

    Attributes:
        videos: Names (N,).
        spans: float64 (N, 2): start and end in s.
        scores: float64 (N,); of a truth they do not matter.
    """

    videos: np.ndarray
    spans: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self.videos)

    def __getitem__(self, chosen: np.ndarray) -> Segments:
        """Return the segments that an index or a mask chooses."""
        return Segments(self.videos[chosen], self.spans[chosen], self.scores[chosen])

    def of(self, video: str) -> np.ndarray:
        """Return the rows of a video."""
        return np.flatnonzero(self.videos == video)

    def within(self, names: Sequence[str]) -> Segments:
        """Return those of some videos."""
        wanted = set(names)
        return self[np.array([video in wanted for video in self.videos], bool)]


@dataclass(frozen=True)
class Segment:
    """One segment in a file: its video, label, start and end in s from the video's start."""

    video: str
    label: str
    start: float
    end: float
    score: float = 1.0


@dataclass(frozen=True, eq=False)
class SegmentTruth:
    """When videos show which actions, whoever does them.

    Attributes:
        path: The file or folder it comes from, for messages.
        videos: Names of those that are measured.
        labels: Names of the classes, by id.
        segments: Of each label; a label may have none.
        unclear: Segments of which nobody says what they are.
        named: Videos that the file names, measured or not.
        part: Which part of the file is measured, in words; empty where that is all.
    """

    path: str
    videos: tuple[str, ...]
    labels: tuple[str, ...]
    segments: dict[str, Segments]
    unclear: Segments
    named: tuple[str, ...]
    part: str = ''

    def find_label(self, name: str) -> str | None:
        """Return the class of this name, in whatever case; None where there is none."""
        if name in self.segments:
            return name
        alike = (label for label in self.labels if label.casefold() == name.casefold())
        return next(alike, None)

    def restricted(self, names: Sequence[str]) -> SegmentTruth:
        """Return the part of the videos called `names`.

        Raises:
            EvaluationError: It has no segments.
        """
        segments = {label: some.within(names) for label, some in self.segments.items()}
        if not any(map(len, segments.values())):
            raise EvaluationError(
                f'{self.path}: no segments in the {len(names)} videos that are to be measured, '
                f'such as {names[0]}'
            )
        unclear = self.unclear.within(names)
        return replace(self, videos=tuple(names), segments=segments, unclear=unclear)


@dataclass(frozen=True, eq=False)
class FoundSegments:
    """Segments that were detected, or starts of actions: then ends do not matter.

    Attributes:
        source: Where they come from, for messages.
        segments: Of each class of the ground truth.
        left_out: How many were not read, by reason.
        strangers: How many are in videos that the ground truth does not measure.
    """

    source: str
    segments: dict[str, Segments]
    left_out: dict[str, int] = field(default_factory=dict)
    strangers: int = 0


@dataclass(frozen=True, eq=False)
class ScoredFrames:
    """What was detected in the frames of one video.

    Attributes:
        times: float64 (N,): in s from the video's start, rising.
        scores: float64 (N, C): of each class of the ground truth, in its order.
    """

    times: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class FoundFrames:
    """What was detected in frames.

    Attributes:
        source: Where it comes from, for messages.
        videos: By the names of the ground truth.
        labels: How many of its classes were looked for.
        left_out: Labels that were not read, by reason.
    """

    source: str
    videos: dict[str, ScoredFrames]
    labels: int
    left_out: dict[str, int] = field(default_factory=dict)


def by_label(rows: Sequence[Segment], labels: Sequence[str]) -> dict[str, Segments]:
    """Return the segments of each label."""
    sorted_rows: dict[str, list[Segment]] = {label: [] for label in labels}
    for row in rows:
        sorted_rows[row.label].append(row)
    return {label: stacked(some) for label, some in sorted_rows.items()}


def stacked(rows: Sequence[Segment]) -> Segments:
    """Return segments as columns."""
    return Segments(
        np.array([row.video for row in rows], object),
        np.array([(row.start, row.end) for row in rows], np.float64).reshape(-1, 2),
        np.array([row.score for row in rows], np.float64),
    )


@dataclass(frozen=True)
class TruthOptions:
    """What a layout adds to its segments.

    Attributes:
        labels: All classes, in order; else those of the segments.
        unclear: The label of segments of which nobody says what they are.
        named: Videos that are not measured.
        part: See `SegmentTruth`.
    """

    labels: tuple[str, ...] = ()
    unclear: str = ''
    named: tuple[str, ...] = ()
    part: str = ''


def make_truth(
    path: str, videos: Sequence[str], rows: Sequence[Segment], options: TruthOptions
) -> SegmentTruth:
    """Return a ground truth.

    Raises:
        EvaluationError: It has nothing to find.
    """
    measured = set(videos)
    clear = [row for row in rows if row.label != options.unclear]
    labels = options.labels or tuple(sorted({row.label for row in clear}))
    mine = [row for row in clear if row.video in measured]
    if not mine:
        part = f' in {options.part}' if options.part else ''
        raise EvaluationError(f'{path}: no segments{part}, so there is nothing to measure')
    hidden = [r for r in rows if r.label == options.unclear and r.video in measured]
    named = dict.fromkeys((*videos, *options.named))
    return SegmentTruth(
        path,
        tuple(videos),
        labels,
        by_label(mine, labels),
        stacked(hidden),
        tuple(named),
        options.part,
    )


class TruthVideos:
    """Finds the videos of a ground truth by the names that others give them."""

    def __init__(self, truth: SegmentTruth) -> None:
        self._truth = truth
        self._index = VideoIndex(truth.named, truth.path)
        self._measured = set(truth.videos)

    def find(self, name: str) -> str | None:
        """Return the ground truth's name of a video; None where it does not name it."""
        index = self._index.find(name)
        return None if index is None else self._truth.named[index]

    def measured(self, name: str, where: str) -> str:
        """Return the ground truth's name of a video that is measured.

        Raises:
            EvaluationError: It has no such video, or does not measure it.
        """
        found = self._truth.named[self._index.index(name, where)]
        if found not in self._measured:
            raise EvaluationError(
                f'{where}: video {name!r} is not among the {len(self._measured)} that are '
                f'measured of {self._truth.path}; leave it out, or choose others by --subset or '
                '--video-list'
            )
        return found

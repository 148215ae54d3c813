"""Compare what was detected in time with a ground truth, by a protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from actloc_ros.evaluation.figures import ClassResult, Figure, class_result
from actloc_ros.evaluation.temporal.online_frames import (
    STAGES,
    calibrated_average_precision,
    frame_average_precision,
    stage_frames,
)
from actloc_ros.evaluation.temporal.online_starts import (
    match_starts,
    point_average_precision,
    starts_of_frames,
)
from actloc_ros.evaluation.temporal.protocols import TimeProtocol
from actloc_ros.evaluation.temporal.report import TimeReport
from actloc_ros.evaluation.temporal.segment_map import match_segments, recall_at
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.segments import (
    FoundFrames,
    FoundSegments,
    ScoredFrames,
    Segment,
    Segments,
    SegmentTruth,
    by_label,
)

RECALLS = (1, 5)
"""How many segments count in a recall, for each true one of a video."""


def measure_segments(
    truth: SegmentTruth, found: FoundSegments, protocol: TimeProtocol
) -> TimeReport:
    """Return the mAP at each least overlap, their mean, and recalls."""
    pairs = list(_pairs(truth, found))
    matched = [match_segments(*pair, protocol.levels) for pair in pairs]
    figures = [
        _figure(
            f'mAP@{level:g}',
            protocol,
            [
                class_result(index, label, len(pair[0]), hits[row], 'envelope')
                for index, (label, pair, hits) in enumerate(
                    zip(truth.labels, pairs, matched, strict=True)
                )
            ],
        )
        for row, level in enumerate(protocol.levels)
    ]
    recalls = np.mean(
        [recall_at(*pair, protocol.levels, RECALLS) for pair in pairs if len(pair[0])], axis=0
    )
    averages = {
        f'mAP@{protocol.levels[0]:g}:{protocol.levels[-1]:g}': _mean(figures),
        **{
            f'recall@{times}x@{level:g}': float(recalls[row, column])
            for column, times in enumerate(RECALLS)
            for row, level in enumerate(protocol.levels)
        },
    }
    return TimeReport(protocol, truth, _counted(truth, found), 'segments', figures, averages)


def measure_starts(truth: SegmentTruth, found: FoundSegments, protocol: TimeProtocol) -> TimeReport:
    """Return the mAP of starts at each largest difference, and their mean."""
    pairs = list(_pairs(truth, found))
    figures = [
        _figure(
            f'mAP@{offset:g}s',
            protocol,
            [
                _start_result(index, label, *pair, offset)
                for index, (label, pair) in enumerate(zip(truth.labels, pairs, strict=True))
            ],
        )
        for offset in protocol.levels
    ]
    averages = {f'mAP@{protocol.levels[0]:g}:{protocol.levels[-1]:g}s': _mean(figures)}
    return TimeReport(protocol, truth, _counted(truth, found), 'starts', figures, averages)


def starts_of_scores(truth: SegmentTruth, found: FoundFrames) -> FoundSegments:
    """Return where the best of background and all classes changes to a class.

    Args:
        truth: For its classes.
        found: Scores of background and of the classes.
    """
    rows = [
        Segment(video, truth.labels[column - 1], time, time, float(score))
        for video, one in found.videos.items()
        for time, column, score in _changes(one)
    ]
    return FoundSegments(found.source, by_label(rows, truth.labels), found.left_out)


def measure_frames(truth: SegmentTruth, found: FoundFrames, protocol: TimeProtocol) -> TimeReport:
    """Return the mAP and calibrated mAP of frames, over all of them and by stages of actions.

    Raises:
        EvaluationError: No frame shows an action.
    """
    clear = [~_inside(truth.unclear, video, found.videos[video].times) for video in truth.videos]
    scores = np.concatenate(
        [found.videos[video].scores[c] for video, c in zip(truth.videos, clear, strict=True)]
    )
    present = np.column_stack([_present(truth, found, label, clear) for label in truth.labels])
    if not present.any():
        raise EvaluationError(f'{found.source}: no frame is within a segment of {truth.path}')
    kinds: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        'mAP': frame_average_precision,
        'mcAP': calibrated_average_precision,
    }
    figures = [
        _figure(
            name,
            protocol,
            [
                ClassResult(
                    *(index, label, int(present[:, index].sum()), len(scores)),
                    right=int(present[:, index].sum()),
                    average=measure(present[:, index], scores[:, index]),
                )
                for index, label in enumerate(truth.labels)
            ],
        )
        for name, measure in kinds.items()
    ]
    averages = {
        f'{name}@stage{stage + 1}': value
        for name, measure in kinds.items()
        for stage, value in enumerate(_stage_means(present, scores, measure))
    }
    hidden = sum(int((~c).sum()) for c in clear)
    unclear = f'; {hidden:,} of unclear segments left out' if hidden else ''
    detected = (
        f'{found.source}: {len(scores):,} frames of {len(truth.videos):,} videos, {found.labels} '
        f'of {len(truth.labels)} classes{unclear}{_left_out(found.left_out)}'
    )
    return TimeReport(protocol, truth, detected, 'frames', figures, averages)


def _stage_means(
    present: np.ndarray, scores: np.ndarray, measure: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    """Return the mean over the classes that are there, for each stage: float64 (STAGES,)."""
    values = [
        [measure(present[kept, c], scores[kept, c]) for kept in stage_frames(present[:, c])]
        for c in np.flatnonzero(present.any(axis=0)).tolist()
    ]
    return np.mean(values, axis=0) if values else np.full(STAGES, np.nan)


def _present(
    truth: SegmentTruth, found: FoundFrames, label: str, clear: list[np.ndarray]
) -> np.ndarray:
    """Return which of the clear frames of all videos are within the label's segments: bool (N,)."""
    return np.concatenate(
        [
            _inside(truth.segments[label], video, found.videos[video].times)[c]
            for video, c in zip(truth.videos, clear, strict=True)
        ]
    )


def _inside(segments: Segments, video: str, times: np.ndarray) -> np.ndarray:
    """Return which times are from a segment's start to before its end: bool (N,)."""
    spans = segments.spans[segments.of(video)]
    inside = (times[:, None] >= spans[None, :, 0]) & (times[:, None] < spans[None, :, 1])
    return inside.any(axis=1)


def _changes(one: ScoredFrames) -> Iterator[tuple[float, int, float]]:
    """Yield time, column and score of each start."""
    starts = starts_of_frames(one.scores)
    for row, column in np.argwhere(starts).tolist():
        yield float(one.times[row]), column, starts[row, column]


def _start_result(
    index: int, label: str, truth: Segments, found: Segments, offset: float
) -> ClassResult:
    order = np.argsort(-found.scores, kind='stable')
    hits = match_starts(
        found.spans[order, 0], found.videos[order], truth.spans[:, 0], truth.videos, offset
    )
    value = point_average_precision(hits, len(truth))
    return ClassResult(index, label, len(truth), len(hits), int(hits.sum()), value)


def _pairs(truth: SegmentTruth, found: FoundSegments) -> Iterator[tuple[Segments, Segments]]:
    """Yield what is true and what was found of each class."""
    return ((truth.segments[label], found.segments[label]) for label in truth.labels)


def _counted(truth: SegmentTruth, found: FoundSegments) -> str:
    everything = list(found.segments.values())
    total = sum(map(len, everything))
    videos = len({video for each in everything for video in each.videos.tolist()})
    strangers = (
        f'; {found.strangers:,} in videos that are not measured are false'
        if found.strangers
        else ''
    )
    return f'{found.source}: {total:,} in {videos:,} videos{strangers}{_left_out(found.left_out)}'


def _left_out(counts: dict[str, int]) -> str:
    return ''.join(f'; {count:,} left out {reason}' for reason, count in counts.items())


def _figure(name: str, protocol: TimeProtocol, classes: list[ClassResult]) -> Figure:
    return Figure(name, protocol.name, tuple(classes), {})


def _mean(figures: list[Figure]) -> float:
    values = [figure.value for figure in figures]
    return float(np.mean(values)) if values else math.nan

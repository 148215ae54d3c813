"""Read segments, and starts of actions, that were detected in whole videos.

They come from JSON of results as ActivityNet's evaluation takes it and `actloc run --segments`
writes it, from a text as THUMOS14's evaluation takes it, and from bags of `actloc run --out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from actloc_ros.datasets.formats.detection_bags import DetectedBag, read_detected_bag
from actloc_ros.datasets.formats.segment_truth import make_segment, read_json, text_of
from actloc_ros.files import read_text
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.segments import (
    FoundSegments,
    Segment,
    SegmentTruth,
    TruthVideos,
    by_label,
)

UNKNOWN = 'of classes that the ground truth does not have'
UNLISTED = 'in videos that are not listed'
TEXTS = ('.txt', '.csv')
CLASSES = {
    **{7: 'BaseballPitch', 9: 'BasketballDunk', 12: 'Billiards', 21: 'CleanAndJerk'},
    **{22: 'CliffDiving', 23: 'CricketBowling', 24: 'CricketShot', 26: 'Diving'},
    **{31: 'FrisbeeCatch', 33: 'GolfSwing', 36: 'HammerThrow', 40: 'HighJump'},
    **{45: 'JavelinThrow', 51: 'LongJump', 68: 'PoleVault', 79: 'Shotput'},
    **{85: 'SoccerPenalty', 92: 'TennisSwing', 93: 'ThrowDiscus', 97: 'VolleyballSpiking'},
}
NUMBERED = {str(number): name for number, name in CLASSES.items()}
"""THUMOS14's classes by their numbers, which are those of UCF101."""


def read_segments(
    paths: Sequence[Path], truth: SegmentTruth, listed: bool = False
) -> FoundSegments:
    """Read detected segments.

    Args:
        paths: Files and bags; a bag is of one video.
        truth: What they are compared with.
        listed: Whether the user named the videos to measure, so that all others are left out.

    Raises:
        EvaluationError: A file is in no such format, or broken; or none names any of the ground
            truth's videos, or of its classes.
        SourceError: A bag cannot be read.
        OSError: A file cannot be read.
    """
    return _read(paths, truth, listed, lambda bag: bag.segments)


def read_starts(paths: Sequence[Path], truth: SegmentTruth, listed: bool = False) -> FoundSegments:
    """Read detected starts of actions: those of segments.

    In a bag an action starts when the first message says so, however far back it dates the start.

    Raises:
        EvaluationError, SourceError, OSError: See `read_segments`.
    """
    return _read(paths, truth, listed, lambda bag: bag.starts)


def _read(
    paths: Sequence[Path],
    truth: SegmentTruth,
    listed: bool,
    of_bag: Callable[[DetectedBag], Sequence[Segment]],
) -> FoundSegments:
    found: list[Segment] = []
    for path in paths:
        if path.suffix.lower() in TEXTS:
            found += _text_rows(path)
        elif path.suffix.lower() == '.json':
            found += _json_rows(path, read_json(path))
        else:
            found += of_bag(read_detected_bag(path, truth))
    rows = _labelled(found, truth)
    placed, measured = _placed(rows, truth), set(truth.videos)
    mine = [row for row in placed if row.video in measured]
    strangers = len(placed) - len(mine)
    left_out = {UNKNOWN: len(found) - len(rows), UNLISTED: strangers if listed else 0}
    return FoundSegments(
        ', '.join(map(str, paths[:3])) + (', …' if len(paths) > 3 else ''),
        by_label(mine if listed else placed, truth.labels),
        {reason: count for reason, count in left_out.items() if count},
        0 if listed else strangers,
    )


def _labelled(rows: Sequence[Segment], truth: SegmentTruth) -> list[Segment]:
    """Return the segments of the ground truth's classes, by its names of them.

    Raises:
        EvaluationError: There are only others.
    """
    names = {label: truth.find_label(label) for label in {row.label for row in rows}}
    if rows and not any(names.values()):
        raise EvaluationError(
            f'the classes are {", ".join(sorted(names)[:4])!s:.100}, …, of which none is among '
            f'those of {truth.path}: {", ".join(truth.labels[:4])!s:.100}, …; name them alike'
        )
    return [replace(row, label=label) for row in rows if (label := names[row.label]) is not None]


def _placed(rows: Sequence[Segment], truth: SegmentTruth) -> list[Segment]:
    """Return segments with the ground truth's names of videos, where it has one.

    Raises:
        EvaluationError: None has one.
    """
    videos = TruthVideos(truth)
    names = {name: videos.find(name) for name in {row.video for row in rows}}
    if rows and not any(names.values()):
        raise EvaluationError(
            f'none of the videos {", ".join(sorted(names)[:3])}, … is in the ground truth '
            f'{truth.path}: {", ".join(truth.videos[:3])}, …; name them alike'
        )
    return [replace(row, video=names[row.video] or row.video) for row in rows]


def _json_rows(path: Path, data: Any) -> Iterator[Segment]:
    results = data.get('results') if isinstance(data, dict) else None
    if not isinstance(results, dict):
        raise EvaluationError(
            f'{path}: no results by video, as ActivityNet has them and `actloc run --segments` '
            'writes them'
        )
    for video, found in results.items():
        where = f'{path}: video {video!r}'
        try:
            for row, each in enumerate(found):
                here = f'{where}, row {row}'
                numbers = (*each['segment'], each['score'])
                if len(numbers) != 3:
                    raise EvaluationError(f'{here}: a segment is start and end, in s')
                yield make_segment(video, text_of(each['label']), numbers, here)
        except (AttributeError, LookupError, TypeError) as error:
            raise EvaluationError(
                f'{where}: a part is missing or of the wrong kind: {type(error).__name__}: '
                f'{error}; expected a list of label, segment and score'
            ) from error


def _text_rows(path: Path) -> Iterator[Segment]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words, where = line.replace(',', ' ').split(), f'{path}, line {number}'
        if words and len(words) != 5:
            raise EvaluationError(
                f'{where}: {line!r:.80}; expected video, start and end in s, class and score'
            )
        if words:
            video, start, end, kind, score = words
            yield make_segment(video, NUMBERED.get(kind, kind), (start, end, score), where)

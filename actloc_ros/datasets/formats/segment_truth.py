"""Read when videos show which actions: JSON of ActivityNet, texts of THUMOS14, or our own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from actloc_ros.files import read_text
from actloc_ros.frames import NANOSECONDS
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.from_annotations import is_annotations
from actloc_ros.truth.plain_json import read_annotations
from actloc_ros.truth.segments import Segment, SegmentTruth, TruthOptions, make_truth

UNCLEAR = 'Ambiguous'
"""THUMOS14's label of segments that are neither an action nor none."""


def read_segment_truth(path: Path, subset: str = '') -> SegmentTruth:
    """Read a ground truth in time.

    Args:
        path: JSON of ActivityNet's layout or our own, or a folder of THUMOS14's texts.
        subset: Which part of the file to measure; it may be left out where there is one alone.

    Raises:
        AnnotationError: Something in a file of our own format is impossible.
        EvaluationError: The file is in none of these formats, or broken.
        OSError: It cannot be read.
    """
    if path.is_dir():
        return _thumos(path, subset)
    data = read_json(path)
    if is_annotations(data):
        if subset:
            raise EvaluationError(f'{path}: annotations of this format have no subsets')
        return _own(path, read_annotations(path))
    if isinstance(data, dict) and isinstance(data.get('database'), dict):
        return _activitynet(path, data['database'], subset)
    raise EvaluationError(
        f'{path}: neither a folder of texts of THUMOS14 nor JSON of a known layout (ActivityNet '
        'with its database; actloc-annotations)'
    )


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        EvaluationError: It is not JSON.
        OSError: It cannot be read.
    """
    try:
        return json.loads(path.read_bytes())  # it finds the encoding
    except (RecursionError, ValueError) as error:
        raise EvaluationError(f'{path}: not JSON: {error}') from error


def make_segment(video: str, label: str, numbers: Sequence[Any], where: str) -> Segment:
    """Return a segment of start, end and maybe a score, after checking these.

    Raises:
        EvaluationError: A number is none, or the end comes before the start.
    """
    try:
        values = [float(number) for number in numbers]
    except (OverflowError, TypeError, ValueError) as error:
        raise EvaluationError(f'{where}: {list(numbers)!s:.80} are not numbers') from error
    if len(values) not in (2, 3) or not all(map(math.isfinite, values)) or values[0] > values[1]:
        raise EvaluationError(
            f'{where}: {list(numbers)!s:.80}; expected finite numbers, start before end, in s'
        )
    return Segment(video, label, *values)


def _activitynet(path: Path, database: dict[str, Any], subset: str) -> SegmentTruth:
    entries = dict(_entries(path, database))
    subset = _chosen(path, [part for part, _ in entries.values()], subset)
    videos = [name for name, (part, _) in entries.items() if part.casefold() == subset.casefold()]
    rows = [row for _, some in entries.values() for row in some]
    return make_truth(
        str(path), videos, rows, TruthOptions((), UNCLEAR, tuple(entries), f'subset {subset}')
    )


def _entries(path: Path, database: dict[str, Any]) -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    """Yield each video with its subset and its segments."""
    for video, entry in database.items():
        where = f'{path}: video {video!r}'
        try:
            rows = [
                make_segment(video, text_of(each['label']), each['segment'], f'{where}, row {row}')
                for row, each in enumerate(entry['annotations'])
            ]
            yield video, (text_of(entry['subset']), rows)
        except (AttributeError, LookupError, TypeError) as error:
            raise EvaluationError(
                f'{where}: a part is missing or of the wrong kind: {type(error).__name__}: '
                f'{error}; doc/evaluation.md shows the layout'
            ) from error


def text_of(value: object) -> str:
    """Return a value that must be text.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, str):
        raise TypeError(f'{value!r:.80} is no text')
    return value


def _chosen(path: Path, parts: Sequence[str], subset: str) -> str:
    """Return the subset to measure, as the file spells it."""
    offered = sorted(set(parts))
    alike = [part for part in offered if part.casefold() == subset.casefold()]
    if alike:
        return alike[0]
    if subset or len(offered) != 1:
        raise EvaluationError(
            f'{path}: its subsets are {", ".join(offered) or "none"}; choose one by --subset'
            + (f', not {subset!r}' if subset else '')
        )
    return offered[0]


def _thumos(folder: Path, subset: str) -> SegmentTruth:
    """Read a folder with a text for each class, `CLASS_SUBSET.txt`."""
    files = {
        path: path.stem.rpartition('_')
        for path in sorted(folder.glob('*.txt'))
        if path.stem.rpartition('_')[0]
    }
    if not files:
        raise EvaluationError(
            f'{folder}: no texts of THUMOS14, which are called CLASS_SUBSET.txt, as '
            'BaseballPitch_test.txt'
        )
    subset = _chosen(folder, [part for _, _, part in files.values()], subset)
    rows = [
        row
        for path, (label, _, part) in files.items()
        if part == subset
        for row in _thumos_rows(path, label)
    ]
    videos = sorted({row.video for row in rows})
    return make_truth(str(folder), videos, rows, TruthOptions((), UNCLEAR, (), f'subset {subset}'))


def _thumos_rows(path: Path, label: str) -> Iterator[Segment]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words, where = line.split(), f'{path}, line {number}'
        if words and len(words) != 3:
            raise EvaluationError(f'{where}: {line!r:.80}; expected video, start and end in s')
        if words:
            yield make_segment(words[0], label, words[1:], where)


def _own(path: Path, annotations: Annotations) -> SegmentTruth:
    """Return when anybody does something; what several do at once counts once."""
    partly = [video.path for video in annotations.videos if video.labelled is not None]
    if partly:
        raise EvaluationError(
            f'{path}: only some frames of {partly[0]} are labelled, so it is not known when '
            'actions begin and end; give annotations of all frames'
        )
    videos = [video.path for video in annotations.videos]
    rows = [row for video in annotations.videos for row in _joined(video)]
    return make_truth(str(path), videos, rows, TruthOptions(annotations.labels))


def _joined(video: Video) -> Iterator[Segment]:
    """Yield the segments of a video; instances of one label that touch are one."""
    for label in dict.fromkeys(instance.label for instance in video.instances):
        spans = sorted((i.start, i.end) for i in video.instances if i.label == label)
        start, end = spans[0]
        for first, last in spans[1:]:
            if first > end:
                yield _seconds(video, label, start, end)
                start, end = first, last
            end = max(end, last)
        yield _seconds(video, label, start, end)


def _seconds(video: Video, label: str, start: int, end: int) -> Segment:
    return Segment(video.path, label, start / NANOSECONDS, end / NANOSECONDS)

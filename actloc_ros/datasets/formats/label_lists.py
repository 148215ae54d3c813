"""Read what happens in recordings without boxes: a CSV of recording, label, start and end."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.files import read_csv
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.io.media import VideoInfo, find_video, relative, shape_or
from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.truth.annotations import AnnotationError, Annotations, Happening, Video

COLUMNS = ('recording', 'label', 'start', 'end')
NEEDED = COLUMNS[:2]
USUAL = 'labels.csv'
LONGEST = 1e6  # s
LONGEST_NAME = 240  # bytes, to which a suffix may be added


def read_labels(paths: DatasetPaths) -> Annotations:
    """Read rows of recording, label, start and end in s, under a line with these names.

    Without times, the action happens at some time in the recording; with `start` alone, it goes on
    then. A row without a label says that nothing happens in a recording. `start` and `end` may be
    left out as columns, too.

    Raises:
        AnnotationError: A row is broken.
    """
    file = paths.path / USUAL if paths.path.is_dir() else paths.path
    found: dict[str, list[Happening]] = {}
    try:
        rows = list(read_csv(file))
    except ValueError as error:
        raise AnnotationError(str(error)) from error
    head = _head(rows[0][1] if rows else [], file)
    for line, row in rows[1:]:
        where = f'{file}, line {line}'
        if len(row) > len(head):
            raise AnnotationError(f'{where}: {len(row)} values under {len(head)} columns')
        values = dict(zip(head, (value.strip() for value in row), strict=False))
        own = found.setdefault(_filled(values, where), [])
        if values.get('label'):
            start, end = (_time(values, key, where) for key in COLUMNS[2:])
            own.append(Happening(values['label'], start, end))
        elif values.get('start') or values.get('end'):
            raise AnnotationError(f'{where}: there is a time without a label')
    return unplaced(found, paths.videos or file.parent, file.parent)


def unplaced(
    found: Mapping[str, Iterable[Happening]], folder: Path, base: Path, labels: Iterable[str] = ()
) -> Annotations:
    """Return annotations of recordings of which it is known what happens, by name.

    Args:
        found: What happens, by name of the recording.
        folder: Where the recordings lie.
        base: What paths in the annotations are relative to.
        labels: Those that are known beside the ones that happen.
    """
    videos = [_video(find_video(folder, name), tuple(each), base) for name, each in found.items()]
    used = (each.label for video in videos for each in video.happenings)
    return Annotations(tuple(dict.fromkeys([*labels, *used])), tuple(videos))


def _video(path: Path, happenings: tuple[Happening, ...], base: Path) -> Video:
    # A check says that a video is missing; it is not to say that all times lie beyond its end.
    times = [each.end or each.start or 0 for each in happenings]
    frames = 1 + math.ceil(seconds(max([0, *times])) * DEFAULT_RATE)
    shape = shape_or(path, DEFAULT_RATE, VideoInfo(frames, DEFAULT_RATE, 1, 1))
    size = shape.fps, shape.width, shape.height, shape.frames
    return Video(relative(path, base), *size, (), (), happenings=happenings)


def _head(row: list[str], file: Path) -> list[str]:
    head = [name.strip().lower() for name in row]
    if len(set(head)) < len(head) or not set(NEEDED) <= set(head) <= set(COLUMNS):
        raise AnnotationError(
            f'{file}: the first line is {",".join(row)!r:.80}; expected {",".join(COLUMNS)}, of '
            'which the last two may be left out'
        )
    return head


def _filled(values: Mapping[str, str], where: str) -> str:
    name = values.get('recording', '')
    if not names_file(name):
        raise AnnotationError(f'{where}: recording is {name!r:.80}; expected the name of a file')
    return name


def names_file(name: str) -> bool:
    """Return whether a file can be called so."""
    try:
        parts = os.fsencode(name).split(b'/')
    except UnicodeEncodeError:
        return False
    return bool(name) and '\0' not in name and max(map(len, parts)) <= LONGEST_NAME


def _time(values: Mapping[str, str], key: str, where: str) -> int | None:
    text = values.get(key, '')
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < LONGEST:
        raise AnnotationError(f'{where}: {key} is {text!r:.40}; expected seconds, as 12.5')
    return nanoseconds(value)

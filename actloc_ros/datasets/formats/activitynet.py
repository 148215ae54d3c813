"""Read ActivityNet's JSON, and THUMOS14 in its layout: what happens when, without where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actloc_ros.datasets.formats.label_lists import LONGEST, names_file, unplaced
from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.frames import nanoseconds
from actloc_ros.truth.annotations import AnnotationError, Annotations, Happening

SUBSETS = {'train': ('training', 'train'), 'test': ('validation', 'testing', 'test', 'val')}


def read_activitynet(paths: DatasetPaths) -> Annotations:
    """Read the videos of a part that the file's `database` names.

    Raises:
        AnnotationError: It is no such file, or something in it is broken.
    """
    file = paths.path
    try:
        data = json.loads(file.read_bytes())
        wanted = SUBSETS.get(paths.source.part)
        found = {
            str(name): [_happening(each, f'{file}: video {name!r}') for each in row['annotations']]
            for name, row in data['database'].items()
            if wanted is None or str(row.get('subset', '')).lower() in wanted
        }
    except AnnotationError:
        raise
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise AnnotationError(
            f'{file}: no JSON in the layout of ActivityNet: {type(error).__name__}: {error}'
        ) from error
    if not all(names_file(name) for name in found):
        raise AnnotationError(f'{file}: a video has no name that a file can have')
    if not found:
        raise AnnotationError(f'{file} names no video of part {paths.source.part!r}')
    return unplaced(found, paths.videos or _videos(file), file.parent)


def _videos(file: Path) -> Path:
    folder = file.parent / 'videos'
    return folder if folder.is_dir() else file.parent


def _happening(data: dict[str, Any], where: str) -> Happening:
    start, end = (float(value) for value in data['segment'])
    if not (abs(start) < LONGEST and abs(end) < LONGEST):
        raise AnnotationError(f'{where}: a segment is {data["segment"]!r:.60}; expected seconds')
    return Happening(str(data['label']), nanoseconds(start), nanoseconds(end))

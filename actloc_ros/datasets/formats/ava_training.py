"""Read AVA to train on: videos, and a csv of what each actor does at 1 Hz."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.boxes import clip
from actloc_ros.datasets.formats.ava import (
    MICROSECONDS,
    Row,
    excluded_keys,
    read_label_map,
    read_rows,
)
from actloc_ros.datasets.spec import DatasetPaths
from actloc_ros.io.media import VideoInfo, find_video, first_folder, relative, shape_or, shown_files
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.boxes import FRAMES_A_VIDEO, VideoIndex
from actloc_ros.truth.labels import AVA80

PREFIXES = {'train': 'ava_train', 'test': 'ava_val'}
RATE = 30.0  # Hz of frames in folders, as AVA's are extracted


def read_ava(paths: DatasetPaths) -> Annotations:
    """Read AVA, or data in its layout: rows of video, time in s, box, class and person.

    Only key frames are known: the frames that are shown nearest to their times. Boxes of one person
    are one actor; rows that name no person have an actor for each box. Classes are AVA's 80, or
    those of a label map, the only `.pbtxt` beside the csv. Key frames in
    `ava_…_excluded_timestamps_….csv` are left out.

    Raises:
        AnnotationError: A class is not among these.
        EvaluationError: A row is broken.
    """
    file = _csv_file(paths)
    folder = paths.videos or first_folder([file.parent / 'videos', file.parent])
    labels = _labels(file)
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(file, scored=False):
        if row.label and row.label not in labels:
            raise AnnotationError(
                f'{file}, line {row.line}: unknown class {row.label}; there are {len(labels)}, up '
                f'to {max(labels)}; put a label map of your classes (.pbtxt) beside the csv'
            )
        rows[row.video].append(row)
    rows = _without(rows, _excluded_file(file), file)
    videos = [
        _video(name, rows[name], labels, folder, file.parent)
        for name in tqdm(rows, 'videos', unit='video', disable=None, leave=False)
    ]
    return Annotations(tuple(labels.values()), tuple(videos))


def _csv_file(paths: DatasetPaths) -> Path:
    path = paths.path
    if not path.is_dir():
        return path
    prefix = PREFIXES.get(paths.source.part)
    found = [] if prefix is None else sorted(path.glob(f'{prefix}_v*.csv'))
    if len(found) != 1:
        raise AnnotationError(
            f'{path} has {len(found)} files for part {paths.source.part!r}; name the csv itself, '
            'as ava_train_v2.2.csv'
        )
    return found[0]


def _labels(file: Path) -> dict[int, str]:
    maps = shown_files(file.parent, '.pbtxt')
    if len(maps) > 1:
        names = ', '.join(path.name for path in maps)
        raise AnnotationError(f'{file.parent} has several label maps: {names}; leave one')
    if maps:
        return read_label_map(maps[0])
    return dict(enumerate(AVA80, 1))


def _excluded_file(file: Path) -> Path:
    return file.with_name(file.name.replace('_v', '_excluded_timestamps_v', 1))


def _without(rows: dict[str, list[Row]], excluded: Path, file: Path) -> dict[str, list[Row]]:
    if excluded == file or not excluded.is_file():
        return rows
    keys = set(excluded_keys(excluded, VideoIndex(tuple(rows), str(file))).tolist())
    kept = {
        name: [row for row in found if index * FRAMES_A_VIDEO + row.frame not in keys]
        for index, (name, found) in enumerate(rows.items())
    }
    return {name: found for name, found in kept.items() if found}


def _video(
    name: str, rows: Sequence[Row], labels: dict[int, str], folder: Path, base: Path
) -> Video:
    path = find_video(folder, name)
    last = max(row.frame for row in rows) / MICROSECONDS
    shape = shape_or(path, RATE, VideoInfo(int(last * RATE) + 1, RATE, 1, 1))
    frame_of = {row.frame: shape.frame_at(row.frame / MICROSECONDS) for row in rows}
    video = Video(relative(path, base), shape.fps, shape.width, shape.height, shape.frames, (), ())
    boxes, doing = _actors(rows, frame_of)
    size = np.array([shape.width, shape.height] * 2)
    return replace(
        video,
        tracks=tuple(_track(actor, by_frame, size) for actor, by_frame in boxes.items()),
        instances=tuple(
            Instance(actor, labels[label], video.stamp(frame), video.stamp(frame + 1))
            for actor, frame, label in doing
        ),
        labelled=np.array(sorted(set(frame_of.values())), np.int64),
    )


def _track(actor: int, by_frame: dict[int, tuple[float, ...]], size: np.ndarray) -> ActorTrack:
    frames = sorted(by_frame)
    boxes = clip(
        np.array([by_frame[frame] for frame in frames]), 1, 1
    )  # files round to three digits
    return ActorTrack(actor, np.array(frames, np.int64), boxes * size)


def _actors(
    rows: Sequence[Row], frame_of: dict[int, int]
) -> tuple[dict[int, dict[int, tuple[float, ...]]], list[tuple[int, int, int]]]:
    """Return the actors' boxes by frame, and what they do: actor, frame and class."""
    numbers: dict[tuple, int] = {}
    boxes: dict[int, dict[int, tuple[float, ...]]] = {}
    doing: dict[tuple[int, int, int], None] = {}
    for row in rows:
        if not row.label:
            continue
        frame = frame_of[row.frame]
        actor = numbers.setdefault((row.person or (frame, row.box),), len(numbers) + 1)
        if boxes.get(actor, {}).get(frame, row.box) != row.box:
            # Another actor with the same number.
            actor = numbers.setdefault((row.person, frame, row.box), len(numbers) + 1)
        boxes.setdefault(actor, {})[frame] = row.box
        doing[actor, frame, row.label] = None
    return boxes, list(doing)

"""Read ground truth and detections in the layout of ACT and MultiSports, as JSON.

Published as pickles, which could run any code and are not loaded; their content written as JSON
is. Frames count from 1, boxes are x1, y1, x2, y2 in pixels::

    {"labels": ["aerobic push up", …], "test_videos": [["aerobic/v_1", …]],
     "resolution": {"aerobic/v_1": [720, 1280]},
     "gttubes": {"aerobic/v_1": {"0": [[[1, 10, 20, 50, 90], [2, 11, 20, 51, 90]]]}}}

Detected boxes are rows of video, frame, class, score, x1, y1, x2, y2, where a video is its index in
the test videos or its name, and a class its index or name. Detected tubes are, by class, lists of
video, score, and rows of frame, x1, y1, x2, y2 and maybe the box's score.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from actloc_ros.truth.boxes import (
    FRAMES_A_VIDEO,
    EvaluationError,
    FrameBoxes,
    GroundTruth,
    Predictions,
    VideoIndex,
    check_corners,
    find_label,
    make_tube,
    truth_from_tubes,
    tube_boxes,
)

LARGEST = 1e6  # pixels of an image's side
COLUMNS = 'video, frame, class, score, x1, y1, x2, y2'


def is_act(data: Any) -> bool:
    """Return whether JSON is a ground truth in this layout."""
    return isinstance(data, dict) and 'gttubes' in data


def act_truth(data: dict[str, Any], path: str, split: int = 1, part: str = 'test') -> GroundTruth:
    """Return the ground truth of a split's videos; of all videos where it names no test videos.

    Args:
        data: The JSON.
        path: Its file, for messages.
        split: Number of the split, from 1.
        part: `test`, `train`, or `all`.

    Raises:
        EvaluationError: Something is missing or impossible; the message names it.
    """
    names = _videos(data, path, split, part)
    labels = data.get('labels')
    if not isinstance(labels, list):
        raise EvaluationError(f'{path}: no labels; expected a list of class names')
    numbers = dict(enumerate(labels))
    tubes = []
    for index, name in enumerate(names):
        if name not in data['gttubes']:
            raise EvaluationError(f'{path}: gttubes has no video {name!r}, a {part} video')
        for label, entries in data['gttubes'][name].items():
            for number, rows in enumerate(entries):
                where = f'{path}: video {name!r}, class {label}, tube {number}'
                tubes.append(make_tube(index, find_label(numbers, label, where), rows, 1.0, where))
    resolution = data.get('resolution', {})
    sizes = {
        index: _size(resolution[name], f'{path}: resolution of {name!r}')
        for index, name in enumerate(names)
        if name in resolution
    }
    return truth_from_tubes(path, names, labels, tubes, 1, sizes)


def _videos(data: dict[str, Any], path: str, split: int, part: str) -> tuple[str, ...]:
    splits = data.get(f'{part}_videos')
    if part == 'all' or (part == 'test' and splits is None):
        return tuple(data['gttubes'])
    if splits is None:
        raise EvaluationError(f'{path}: {part}_videos is missing; it lists them for each split')
    if not 1 <= split <= len(splits):
        raise EvaluationError(f'{path}: there is no split {split}; there are {len(splits)}')
    return tuple(splits[split - 1])


def _size(sides: Any, where: str) -> tuple[float, float]:
    """Return width and height of what a file gives as height and width."""
    try:
        height, width = (float(side) for side in sides)
    except (TypeError, ValueError):
        height = width = 0.0
    if not (1 <= height < LARGEST and 1 <= width < LARGEST):
        raise EvaluationError(f'{where} is {sides!r:.60}; expected height and width in pixels')
    return width, height


def frame_detections(rows: list[Any], truth: GroundTruth, path: str) -> Predictions:
    """Return the boxes detected in single frames.

    Raises:
        EvaluationError: A row is broken, or its video or its class is unknown.
    """
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 8:
            raise EvaluationError(f'{path}: row {number} is {row!r}; expected {COLUMNS}')
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    videos = VideoIndex(truth.videos, truth.path)
    video = _numbers(columns[0], lambda name, row: videos.index(name, f'{path}: row {row}'))
    label = _numbers(
        columns[2], lambda name, row: find_label(truth.labels, name, f'{path}: row {row}')
    )
    try:
        values = np.array([columns[1], *columns[3:]], np.float64).T.reshape(-1, 6)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f'{path}: {error}; expected numbers: {COLUMNS}') from error
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise EvaluationError(
            f'{path}: row {bad[0]} is {rows[bad[0]]!r}; expected finite numbers: {COLUMNS}'
        )
    frame = values[:, 0].astype(np.int64)
    bad = np.flatnonzero((frame != values[:, 0]) | (frame < 0) | (frame >= FRAMES_A_VIDEO))
    if len(bad):
        raise EvaluationError(
            f'{path}: row {bad[0]} has frame {values[bad[0], 0]:g}; expected a whole number from 0'
        )
    check_corners(values[:, 2:], path)
    return Predictions(path, FrameBoxes(video, frame, label, values[:, 2:], values[:, 1]))


def _numbers(names: tuple[Any, ...], find: Any) -> np.ndarray:
    """Return a column's numbers, each different name converted once, where it comes first."""
    known: dict[Any, int] = {}
    for row, name in enumerate(names):
        if (type(name), name) not in known:
            known[type(name), name] = find(name, row)
    return np.array([known[type(name), name] for name in names], np.int64)


def is_tube_detections(data: Any) -> bool:
    """Return whether JSON is detected tubes by class."""
    return isinstance(data, dict) and all(isinstance(tubes, list) for tubes in data.values())


def tube_detections(data: dict[str, Any], truth: GroundTruth, path: str) -> Predictions:
    """Return the tubes detected.

    Raises:
        EvaluationError: A tube is broken, or its video or its class is unknown.
    """
    videos = VideoIndex(truth.videos, truth.path)
    tubes = []
    for label, entries in data.items():
        class_id = find_label(truth.labels, label, path)
        for number, entry in enumerate(entries):
            where = f'{path}: class {label}, tube {number}'
            if not isinstance(entry, list) or len(entry) != 3:
                raise EvaluationError(f'{where}: expected a list of video, score and rows')
            name, score, rows = entry
            tubes.append(make_tube(videos.index(name, where), class_id, rows, score, where))
    return Predictions(path, tube_boxes(tubes), tuple(tubes))

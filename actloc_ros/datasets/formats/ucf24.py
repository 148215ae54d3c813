"""Read UCF101-24: its corrected annotations (`pyannot`) as JSON, for ground truth and detections.

The published `pyannot.pkl` is a pickle, which could run any code, so it is not loaded; its content
written as JSON is. By video, from 0, boxes as x, y, width, height in an image of 320 by 240, the
frames from `sf` to before `ef`::

    {"Basketball/v_Basketball_g01_c01": {"numf": 140, "label": 0, "annotations": [
        {"label": 0, "sf": 9, "ef": 11, "boxes": [[181, 99, 47, 95], [182, 99, 47, 95]]}]}}

Detections add `score` or, a number a box, `scores` to each annotation.

Also read is the form that names classes and lists corners, frames from 0::

    {"classes": ["Basketball", …], "clips": {"v_Basketball_g01_c01": {"tubes": [
        {"label": "Basketball", "boxes": [[9, 181, 99, 228, 194], [10, 182, 99, 229, 194]]}]}}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from actloc_ros.truth.boxes import (
    EvaluationError,
    GroundTruth,
    Predictions,
    Tube,
    VideoIndex,
    find_label,
    make_tube,
    truth_from_tubes,
    tube_boxes,
)
from actloc_ros.truth.labels import UCF24

SIZE = (320.0, 240.0)


def is_pyannot(data: Any) -> bool:
    """Return whether JSON is of the first form."""
    return (
        isinstance(data, dict)
        and len(data) > 0
        and all(isinstance(video, dict) and 'annotations' in video for video in data.values())
    )


def is_clips(data: Any) -> bool:
    """Return whether JSON is of the second form."""
    return isinstance(data, dict) and 'classes' in data and 'clips' in data


def pyannot_truth(data: dict[str, Any], path: str) -> GroundTruth:
    """Return the ground truth in JSON of the first form.

    Raises:
        EvaluationError: Something is missing or impossible; the message names the video.
    """
    names = tuple(data)
    labels = dict(enumerate(UCF24))
    tubes = _pyannot_tubes(data, VideoIndex(names, path), labels, path, scored=False)
    return truth_from_tubes(path, names, UCF24, tubes, 0, dict.fromkeys(range(len(names)), SIZE))


def pyannot_detections(data: dict[str, Any], truth: GroundTruth, path: str) -> Predictions:
    """Return the tubes detected, in JSON of the first form.

    Raises:
        EvaluationError: Something is missing, impossible or unknown; the message names the video.
    """
    videos = VideoIndex(truth.videos, truth.path)
    tubes = _pyannot_tubes(data, videos, truth.labels, path, scored=True)
    return Predictions(path, tube_boxes(tubes), tuple(tubes))


def _pyannot_tubes(
    data: dict[str, Any], videos: VideoIndex, labels: dict[int, str], path: str, scored: bool
) -> list[Tube]:
    tubes = []
    for name, video in data.items():
        index = videos.index(name, path)
        for number, annotation in enumerate(video['annotations']):
            where = f'{path}: video {name!r}, annotation {number}'
            try:
                label = find_label(labels, annotation['label'], where)
                rows, score = _rows(annotation, where, scored)
            except (KeyError, TypeError, ValueError) as error:
                if isinstance(error, EvaluationError):
                    raise
                raise EvaluationError(
                    f'{where}: {type(error).__name__}: {error}; expected label, sf, ef and boxes'
                    + (' and score or scores' if scored else '')
                ) from error
            tubes.append(make_tube(index, label, rows, score, where))
    return tubes


def _rows(annotation: dict[str, Any], where: str, scored: bool) -> tuple[np.ndarray, float]:
    start, end = int(annotation['sf']), int(annotation['ef'])
    boxes = np.array(annotation['boxes'], np.float64).reshape(-1, 4)
    if len(boxes) != end - start:
        raise EvaluationError(
            f'{where}: {len(boxes)} boxes for frames {start} to before {end}; expected '
            f'{end - start}'
        )
    columns = [np.arange(start, end), boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]
    score = 1.0
    if scored:
        scores = annotation.get('scores')
        if scores is not None:
            columns.append(np.array(scores, np.float64).reshape(len(boxes)))
        score = annotation['score'] if scores is None else annotation.get('score', np.mean(scores))
    return np.column_stack(columns), score


def clips_truth(data: dict[str, Any], path: str) -> GroundTruth:
    """Return the ground truth in JSON of the second form.

    Raises:
        EvaluationError: Something is missing or impossible; the message names the clip.
    """
    names: Sequence[str] = tuple(data['clips'])
    labels = dict(enumerate(data['classes']))
    tubes = []
    for index, (name, clip) in enumerate(data['clips'].items()):
        for number, tube in enumerate(clip['tubes']):
            where = f'{path}: clip {name!r}, tube {number}'
            try:
                label = find_label(labels, tube['label'], where)
                rows = tube['boxes']
            except (KeyError, TypeError) as error:
                raise EvaluationError(
                    f'{where}: {type(error).__name__}: {error}; expected label and boxes'
                ) from error
            tubes.append(make_tube(index, label, rows, 1.0, where))
    sizes = dict.fromkeys(range(len(names)), SIZE)
    return truth_from_tubes(path, names, tuple(labels.values()), tubes, 0, sizes)

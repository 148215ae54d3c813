"""Read a ground truth or detections in any of the formats that the field uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actloc_ros.datasets.formats import act, ucf24
from actloc_ros.datasets.formats.ava import read_ava_detections, read_ava_truth
from actloc_ros.truth.boxes import EvaluationError, GroundTruth, Predictions
from actloc_ros.truth.from_annotations import annotations_truth, is_annotations

PICKLES = ('.pkl', '.pickle', '.mat')


def read_truth(
    path: Path,
    label_map: Path | None = None,
    excluded: Path | None = None,
    split: int = 1,
    any_action: bool = False,
    part: str = 'test',
) -> GroundTruth:
    """Read a ground truth: an AVA csv, or JSON of pyannot, of ACT and MultiSports, or our own.

    Args:
        path: The file.
        label_map: AVA's evaluated classes.
        excluded: AVA's excluded timestamps.
        split: Number of the split, from 1, where a file has several.
        any_action: Whether only actors matter, so that those who do nothing count as well, where
            a file has such.
        part: `test`, `train` or `all`, where a file names the videos of a split.

    Raises:
        EvaluationError: The file is in none of these formats, or broken.
        OSError: It cannot be read.
    """
    if path.suffix.lower() == '.csv':
        return read_ava_truth(path, label_map, excluded)
    if label_map or excluded:
        raise EvaluationError(
            f'{path}: a label map and excluded timestamps go with AVA csv files alone'
        )
    data = _read_json(path)
    if is_annotations(data):
        return annotations_truth(path, any_action)
    with _layout(path):
        return _json_truth(data, path, split, part)


def _json_truth(data: Any, path: Path, split: int, part: str) -> GroundTruth:
    if act.is_act(data):
        return act.act_truth(data, str(path), split, part)
    if ucf24.is_clips(data):
        return ucf24.clips_truth(data, str(path))
    if ucf24.is_pyannot(data):
        return ucf24.pyannot_truth(data, str(path))
    raise EvaluationError(
        f'{path}: neither an AVA csv nor JSON of a known layout (pyannot; gttubes of ACT and '
        'MultiSports; classes and clips; actloc-annotations)'
    )


def read_predictions(path: Path, truth: GroundTruth) -> Predictions:
    """Read detections in a format that goes with the ground truth's.

    Raises:
        EvaluationError: The file is in no such format, or broken, or names something that
            the ground truth does not know.
        OSError: It cannot be read.
    """
    if truth.in_seconds != (path.suffix.lower() == '.csv'):
        expected = 'an AVA csv' if truth.in_seconds else 'JSON'
        raise EvaluationError(
            f'{path}: the ground truth {truth.path} needs detections as {expected}'
        )
    if truth.in_seconds:
        return read_ava_detections(path, truth)
    data = _read_json(path)
    with _layout(path):
        return _json_predictions(data, truth, path)


def _json_predictions(data: Any, truth: GroundTruth, path: Path) -> Predictions:
    if isinstance(data, list):
        return act.frame_detections(data, truth, str(path))
    if act.is_tube_detections(data):
        return act.tube_detections(data, truth, str(path))
    if ucf24.is_pyannot(data):
        return ucf24.pyannot_detections(data, truth, str(path))
    raise EvaluationError(
        f'{path}: no detections of a known layout; expected rows of {act.COLUMNS}, tubes by '
        'class, or pyannot with scores'
    )


@contextmanager
def _layout(path: Path) -> Iterator[None]:
    """Turn Python's errors about values of the wrong kind into a message about the file."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError) as error:
        raise EvaluationError(
            f'{path}: a part is missing or of the wrong kind: {type(error).__name__}: {error}; '
            'doc/evaluation.md shows the layouts'
        ) from error


def _read_json(path: Path) -> Any:
    if path.suffix.lower() in PICKLES:
        raise EvaluationError(
            f'{path}: this format can run code and is not loaded; write its content as JSON, as '
            'doc/datasets.md says'
        )
    try:
        return json.loads(path.read_bytes())  # it finds the encoding
    except (RecursionError, ValueError) as error:
        raise EvaluationError(f'{path}: not JSON: {error}') from error

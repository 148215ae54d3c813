"""Read AVA's csv files: ground truth, detections, label maps and excluded timestamps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from actloc_ros.boxes import has_area
from actloc_ros.files import read_csv, read_text
from actloc_ros.truth.boxes import (
    FRAMES_A_VIDEO,
    EvaluationError,
    FrameBoxes,
    GroundTruth,
    Predictions,
    VideoIndex,
)
from actloc_ros.truth.labels import AVA80

MICROSECONDS = 1_000_000
SLACK = 1e-3  # files round to three digits
MOST_CLASSES = 2**31

# The 60 of AVA v2.1's and v2.2's 80 classes that are evaluated: each has 25 examples or more in
# validation and test. In place of a label map's path, this word names them.
OFFICIAL = 'ava60'
_NOT_EVALUATED = {2, 16, 18, 19, 21, 23, 25, 31, 32, 33, 35, 39, 40, 42, 44, 50, 53, 55, 71, 75}


@dataclass(frozen=True)
class Row:
    """One line of a csv: a box with one action, or a keyframe without any (`label` is 0).

    `person` is empty where the file names none.
    """

    line: int
    video: str
    frame: int
    box: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    label: int = 0
    score: float = 1.0
    person: str = ''


def read_ava_truth(
    path: Path, label_map: Path | None = None, excluded: Path | None = None
) -> GroundTruth:
    """Read a ground truth: rows of video, time in s, x1, y1, x2, y2, class, and maybe a person.

    Args:
        path: The csv. A row of video and time alone is a keyframe without boxes.
        label_map: The classes that are evaluated, see `read_label_map`, or `ava60`; without it
            they are those of the ground truth.
        excluded: A csv of keyframes, video and time, that are left out.

    Raises:
        EvaluationError: A row is broken; the message has its line number.
    """
    rows = list(read_rows(path, scored=False))
    if not rows:
        raise EvaluationError(f'{path}: the ground truth is empty')
    names = tuple(dict.fromkeys(row.video for row in rows))
    boxes, keys = _table(rows, VideoIndex(names, str(path)), str(path))
    for row in rows:
        if row.label and not (row.box[0] < row.box[2] and row.box[1] < row.box[3]):
            raise EvaluationError(
                f'{path}, line {row.line}: the box {list(row.box)} has no area; '
                'expected x1 < x2 and y1 < y2'
            )
    if label_map:
        labels = read_label_map(label_map)
    else:
        labels = {label: ava_name(label) for label in np.unique(boxes.label).tolist()}
    out = np.zeros(0, np.int64)
    if excluded:
        out = excluded_keys(excluded, VideoIndex(names, str(path)))
    return GroundTruth(
        path=str(path),
        videos=names,
        labels=labels,
        boxes=boxes[~np.isin(boxes.keys, out) & np.isin(boxes.label, list(labels))],
        tubes=None,
        keyframes=np.setdiff1d(keys, out),
        in_seconds=True,
    )


def read_ava_detections(path: Path, truth: GroundTruth) -> Predictions:
    """Read detections: rows of video, time in s, x1, y1, x2, y2, class and score.

    Raises:
        EvaluationError: A row is broken, or its video or its class is unknown.
    """
    rows = list(read_rows(path, scored=True))
    boxes, _ = _table(rows, VideoIndex(truth.videos, truth.path), str(path))
    known = set(truth.labels) | set(range(1, len(AVA80) + 1))
    for row in rows:
        if row.label and row.label not in known:
            raise EvaluationError(
                f'{path}, line {row.line}: unknown class {row.label}; the ground truth and label '
                f'map have {len(truth.labels)} classes and AVA has {len(AVA80)}; give a label map '
                'with all of your classes'
            )
    area = has_area(boxes.boxes)
    listed = np.isin(boxes.label, list(truth.labels))
    left_out = {
        'with no area': int((~area).sum()),
        'of classes that are not evaluated': int((area & ~listed).sum()),
    }
    return Predictions(
        str(path),
        boxes[area & listed],
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def read_label_map(path: Path) -> dict[int, str]:
    """Read the classes of a label map: pbtxt with `name` and `id` or `label_id` in each item.

    Raises:
        EvaluationError: It has no items, or an item without an id.
    """
    if str(path) == OFFICIAL:
        numbers = range(1, len(AVA80) + 1)
        return {n: AVA80[n - 1] for n in numbers if n not in _NOT_EVALUATED}
    labels = {}
    for item in re.findall(r'\{(.*?)\}', read_text(path), re.DOTALL):
        number = re.search(r'\b(?:label_)?id\s*:\s*([0-9]{1,9})\b', item)
        name = re.search(r'\bname\s*:\s*"((?:[^"\\]|\\.)*)"', item)
        if not number:
            raise EvaluationError(f'{path}: an item has no id: {item.strip()!r:.60}')
        labels[int(number[1])] = name[1] if name else number[1]
    if not labels:
        raise EvaluationError(
            f'{path}: no items; expected a label map: item {{ name: "walk" id: 14 }} …'
        )
    return labels


def excluded_keys(path: Path, videos: VideoIndex) -> np.ndarray:
    """Return the keys of the keyframes that a csv lists; videos of another split do not matter."""
    keys = []
    for line, row in read_csv(path):
        if len(row) != 2:
            raise EvaluationError(
                f'{path}, line {line}: {len(row)} columns; expected video and time'
            )
        index = videos.find(row[0])
        if index is not None:
            frame = _frame(row[1], f'{path}, line {line}')
            keys.append(index * FRAMES_A_VIDEO + frame)
    return np.array(keys, np.int64)


def ava_name(label: int) -> str:
    """Return the name of a class of AVA; its number where AVA has no such class."""
    return AVA80[label - 1] if label <= len(AVA80) else str(label)


def read_rows(path: Path, scored: bool) -> Iterator[Row]:
    """Yield the lines of a csv; `scored`: of detections, with a score instead of a person.

    Raises:
        EvaluationError: A row is broken; the message has its line number.
    """
    rows = tqdm(read_csv(path), path.name, unit='row', leave=False, disable=None)
    for line, fields in rows:
        yield _row(fields, line, f'{path}, line {line}', scored)


def _row(fields: list[str], line: int, where: str, scored: bool) -> Row:
    if len(fields) == 2 or (len(fields) >= 7 and not any(fields[2:])):
        return Row(line, fields[0], _frame(fields[1], where))
    expected = (8,) if scored else (7, 8)
    if len(fields) not in expected:
        raise EvaluationError(
            f'{where}: {len(fields)} columns; expected '
            + ('video,time,x1,y1,x2,y2,class' + (',score' if scored else '[,person]'))
        )
    try:
        box = tuple(float(text) for text in fields[2:6])
        label = int(fields[6])
        score = float(fields[7]) if scored else 1.0
    except ValueError as error:
        raise EvaluationError(f'{where}: {error!s:.100}') from error
    _check_values(box, label, score, where)
    person = '' if scored else ''.join(fields[7:])
    return Row(line, fields[0], _frame(fields[1], where), box, label, score, person)


def _check_values(box: tuple[float, ...], label: int, score: float, where: str) -> None:
    if not all(-SLACK <= value <= 1 + SLACK for value in box):
        raise EvaluationError(
            f'{where}: the box {list(box)} leaves [0, 1]; AVA gives boxes in parts of the image, '
            'so divide x by its width and y by its height'
        )
    if not math.isfinite(score):
        raise EvaluationError(f'{where}: the score is {score}; expected a finite number')
    if not 1 <= label <= MOST_CLASSES:
        raise EvaluationError(f'{where}: the class is {label}; AVA counts classes from 1')


def _frame(text: str, where: str) -> int:
    try:
        frame = round(float(text) * MICROSECONDS)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f'{where}: {text!r:.40} is no time in seconds') from error
    if not 0 <= frame < FRAMES_A_VIDEO:
        raise EvaluationError(f'{where}: the time is {text} s; expected 0 to 1,000,000 s')
    return frame


def _table(rows: list[Row], videos: VideoIndex, path: str) -> tuple[FrameBoxes, np.ndarray]:
    """Return the rows' boxes, and the keys of all frames that they name."""
    indices = {row.video: row.line for row in reversed(rows)}
    index = {name: videos.index(name, f'{path}, line {line}') for name, line in indices.items()}
    keys = np.array([index[r.video] * FRAMES_A_VIDEO + r.frame for r in rows], np.int64)
    rows = [row for row in rows if row.label]
    boxes = FrameBoxes(
        np.array([index[row.video] for row in rows], np.int64),
        np.array([row.frame for row in rows], np.int64),
        np.array([row.label for row in rows], np.int64),
        np.array([row.box for row in rows], np.float64).reshape(-1, 4),
        np.array([row.score for row in rows], np.float64),
    )
    return boxes, np.unique(keys)

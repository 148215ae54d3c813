"""Read what was detected frame by frame: scores in JSON, or bags of `actloc run --out`.

The JSON file holds one object::

    {
      "format": "actloc-frame-scores",
      "version": 1,
      "labels": ["background", "waving", "walking"],
      "videos": [{"video": "kitchen.mp4", "rate": 4.0, "scores": [[0.7, 0.2, 0.1]]}]
    }

Row i holds the scores of all labels at i / rate seconds from the video's start. The label
`background` need not be there; where starts of actions are sought it must be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.datasets.formats.detection_bags import read_detected_bag
from actloc_ros.datasets.formats.segment_truth import read_json, text_of
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.segments import (
    FoundFrames,
    ScoredFrames,
    SegmentTruth,
    TruthVideos,
)

FORMAT, VERSION = 'actloc-frame-scores', 1
BACKGROUND = 'background'
UNKNOWN = 'labels that the ground truth does not have'


@dataclass(frozen=True, eq=False)
class _Scores:
    """Of one video: its name in the ground truth, labels, times (N,) in s and scores (N, L)."""

    video: str
    labels: tuple[str, ...]
    times: np.ndarray
    scores: np.ndarray


def holds_frame_scores(path: Path) -> bool:
    """Return whether a file is JSON of this format.

    Raises:
        EvaluationError: It is called JSON and is none.
        OSError: It cannot be read.
    """
    return path.suffix.lower() == '.json' and _is_frame_scores(read_json(path))


def read_frames(
    paths: Sequence[Path], truth: SegmentTruth, background: bool = False
) -> FoundFrames:
    """Read the scores of frames; a class that nobody looked for scores 0 everywhere.

    Args:
        paths: Files of this format, and bags; a bag is of one video.
        truth: What they are compared with.
        background: Whether the scores of background come first; then they must be there.

    Raises:
        EvaluationError: A file is in no such format, or broken; a video is there twice or not at
            all; or no label is a class of the ground truth.
        SourceError: A bag cannot be read.
        OSError: A file cannot be read.
    """
    found: dict[str, ScoredFrames] = {}
    known: set[str] = set()
    unknown: set[str] = set()
    for path in paths:
        for one in _of_file(path, truth):
            if one.video in found:
                raise EvaluationError(f'{path}: video {one.video!r} is there a second time')
            if background and BACKGROUND not in one.labels:
                raise EvaluationError(
                    f'{path}: starts of actions are changes from background or another action; '
                    f'give the label {BACKGROUND!r} and its scores'
                )
            names = [truth.find_label(label) for label in one.labels]
            known |= {name for name in names if name is not None}
            unknown |= {label for label, name in zip(one.labels, names, strict=True) if not name}
            found[one.video] = _in_order(one, (*[BACKGROUND] * background, *truth.labels), names)
    if not known:
        raise EvaluationError(
            f'{paths[0]} knows {", ".join(sorted(unknown)[:4])}, …, of which none is among the '
            f'classes of {truth.path}: {", ".join(truth.labels[:4])}, …'
        )
    missing = [video for video in truth.videos if video not in found]
    if missing:
        raise EvaluationError(
            f'{len(missing)} of {len(truth.videos)} videos of {truth.path} have no scores: '
            f'{", ".join(missing[:3])}, …; give all, or name those to measure with --video-list'
        )
    unknown.discard(BACKGROUND)
    source = ', '.join(map(str, paths[:3])) + (', …' if len(paths) > 3 else '')
    return FoundFrames(source, found, len(known), {UNKNOWN: len(unknown)} if unknown else {})


def _is_frame_scores(data: object) -> bool:
    return isinstance(data, dict) and data.get('format') == FORMAT


def _in_order(one: _Scores, wanted: Sequence[str], names: Sequence[str | None]) -> ScoredFrames:
    """Return the scores of the labels `wanted`, in their order."""
    scores = np.zeros((len(one.times), len(wanted)))
    for column, (label, name) in enumerate(zip(one.labels, names, strict=True)):
        if (name or label) in wanted:
            scores[:, wanted.index(name or label)] = one.scores[:, column]
    return ScoredFrames(one.times, scores)


def _of_file(path: Path, truth: SegmentTruth) -> Iterator[_Scores]:
    if path.suffix.lower() == '.json':
        yield from _of_json(path, read_json(path), truth)
    else:
        bag = read_detected_bag(path, truth)
        yield _Scores(bag.video, bag.labels, bag.times, bag.scores)


def _of_json(path: Path, data: Any, truth: SegmentTruth) -> Iterator[_Scores]:
    if not _is_frame_scores(data) or data.get('version') != VERSION:
        raise EvaluationError(
            f'{path}: no scores of frames; expected JSON with format {FORMAT!r}, version '
            f'{VERSION}, as doc/evaluation.md shows it, or a bag of `actloc run --out`'
        )
    videos = TruthVideos(truth)
    try:
        labels = tuple(text_of(label) for label in data['labels'])
        for number, each in enumerate(data['videos']):
            where = f'{path}: video {number}'
            video = videos.measured(each['video'], where)
            times, scores = _table(each, len(labels), where)
            yield _Scores(video, labels, times, scores)
    except (AttributeError, LookupError, OverflowError, TypeError) as error:
        raise EvaluationError(
            f'{path}: a part is missing or of the wrong kind: {type(error).__name__}: {error}; '
            'doc/evaluation.md shows the layout'
        ) from error


def _table(data: Any, labels: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        rate, scores = float(data['rate']), np.array(data['scores'], np.float64)
    except ValueError as error:
        raise EvaluationError(f'{where}: not scores: {error}') from error
    if scores.ndim != 2 or scores.shape[1] != labels:
        raise EvaluationError(
            f'{where}: scores of shape {scores.shape}; expected a row a frame, of {labels} scores'
        )
    if not (np.isfinite(scores).all() and math.isfinite(rate) and rate > 0):
        raise EvaluationError(f'{where}: a score is not finite, or the rate {rate} not above 0')
    return np.arange(len(scores)) / rate, scores

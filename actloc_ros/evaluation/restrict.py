"""Measure some of a ground truth's videos only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from actloc_ros.files import read_text
from actloc_ros.truth.boxes import (
    FRAMES_A_VIDEO,
    EvaluationError,
    FrameBoxes,
    GroundTruth,
    Predictions,
    Tube,
    VideoIndex,
)


def named_videos(names: Sequence[str], source: str, path: Path) -> list[int]:
    """Return the indices of the videos that a file names, one a line.

    Args:
        names: Of all videos of the ground truth.
        source: The ground truth's file, for messages.
        path: The list.

    Raises:
        EvaluationError: It names none, or one that the ground truth does not have.
    """
    videos = VideoIndex(names, source)
    lines = read_text(path).splitlines()
    chosen = [
        videos.index(line.strip(), f'{path}, line {number}')
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not chosen:
        raise EvaluationError(f'{path}: no videos; expected a name a line')
    return list(dict.fromkeys(chosen))


def restrict_truth(truth: GroundTruth, chosen: Sequence[int]) -> GroundTruth:
    """Return the part of a ground truth of the videos with the indices `chosen`."""
    place = _places(chosen, len(truth.videos))
    video, frame = np.divmod(truth.keyframes, FRAMES_A_VIDEO)
    keys = place[video] * FRAMES_A_VIDEO + frame
    sizes = truth.sizes
    if sizes is not None:
        sizes = {int(place[old]): size for old, size in sizes.items() if place[old] >= 0}
    return replace(
        truth,
        videos=tuple(truth.videos[index] for index in chosen),
        boxes=_boxes(truth.boxes, place),
        tubes=_tubes(truth.tubes, place),
        keyframes=np.sort(keys[place[video] >= 0]),
        sizes=sizes,
    )


def restrict_predictions(
    predictions: Predictions, truth: GroundTruth, chosen: Sequence[int]
) -> Predictions:
    """Return the predictions for the videos of `truth` with the indices `chosen`."""
    place = _places(chosen, len(truth.videos))
    return replace(
        predictions,
        boxes=_boxes(predictions.boxes, place),
        tubes=_tubes(predictions.tubes, place),
    )


def _places(chosen: Sequence[int], videos: int) -> np.ndarray:
    """Return the new index of each video, -1 for those that are left out."""
    place = np.full(videos, -1)
    place[list(chosen)] = np.arange(len(chosen))
    return place


def _boxes(boxes: FrameBoxes, place: np.ndarray) -> FrameBoxes:
    kept = boxes[place[boxes.video] >= 0]
    return replace(kept, video=place[kept.video])


def _tubes(tubes: Iterable[Tube] | None, place: np.ndarray) -> tuple[Tube, ...] | None:
    if tubes is None:
        return None
    return tuple(
        replace(tube, video=int(place[tube.video])) for tube in tubes if place[tube.video] >= 0
    )

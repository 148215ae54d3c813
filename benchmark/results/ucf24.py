"""Measure what share of annotated actors is found in real sports videos (UCF101-24)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actloc_ros.boxes import paired_iou
from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.evaluation.run_model import find_videos
from actloc_ros.tracks import TrackOptions
from actloc_ros.truth.boxes import GroundTruth
from benchmark.results.common import (
    TimedDetections,
    TimedLocalizer,
    data_folder,
    open_model,
    run_video,
    table,
)

DATA = 'ucf24'
OVERLAPS = (0.3, 0.5)


@dataclass
class BoxCounts:
    """Counts of boxes.

    Attributes:
        boxes: Annotated.
        found: Of them, found at each of `OVERLAPS`.
        frames: Annotated.
        reported: Detected boxes in these frames.
    """

    boxes: int
    found: np.ndarray
    frames: int
    reported: int

    def __add__(self, other: BoxCounts) -> BoxCounts:
        """Return the counts of both."""
        return BoxCounts(
            self.boxes + other.boxes,
            self.found + other.found,
            self.frames + other.frames,
            self.reported + other.reported,
        )

    def data(self) -> dict[str, Any]:
        """Return counts and shares as what JSON can hold."""
        shares = (self.found / max(self.boxes, 1)).tolist()
        return {
            'boxes': self.boxes,
            'share': dict(zip(map(str, OVERLAPS), shares, strict=True)),
            'reported_a_frame': self.reported / max(self.frames, 1),
        }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    folder = data_folder(args, DATA)
    truth = read_truth(folder / 'ground_truth.json')
    paths = find_videos(truth, [folder])
    runs: dict[str, dict[str, Any]] = {}
    for model in (open_model(args), open_model(args, 'motion')):
        try:
            clips = [run_video(model, path, args.frames) for path in paths]
        finally:
            model.close()
        for name, least in levels(model).items():
            counts = [count(truth, i, clip, least) for i, clip in enumerate(clips)]
            runs[f'{model.name}, {name}'] = {
                'clips': [each.data() for each in counts],
                'all': sum(counts[1:], counts[0]).data(),
            }
    return {'clips': list(truth.videos), 'runs': runs}


def levels(model: TimedLocalizer) -> dict[str, float]:
    """Return the least scores to measure at, by what they are called."""
    tracks = TrackOptions().min_score
    return {
        f'score ≥ {model.threshold:g}': model.threshold,
        f'score ≥ {tracks:g}': tracks,
        'all boxes': 0.0,
    }


def count(
    truth: GroundTruth, video: int, clip: Sequence[TimedDetections], least: float
) -> BoxCounts:
    """Return what is found of a clip's annotated boxes by boxes of at least this score."""
    assert truth.sizes is not None
    total = BoxCounts(0, np.zeros(len(OVERLAPS), int), 0, 0)
    mine = truth.boxes[truth.boxes.video == video]
    for number, each in enumerate(clip):
        true = mine.boxes[mine.frame == number]
        if len(true):
            scale = np.divide(truth.sizes[video] * 2, [each.width, each.height] * 2)
            boxes = each.detections.boxes[each.detections.scores >= least] * scale
            total += count_frame(true, boxes)
    return total


def count_frame(true: np.ndarray, boxes: np.ndarray) -> BoxCounts:
    """Return what is found of a frame's annotated boxes (N, 4) by detected ones (M, 4)."""
    best = paired_iou(true[:, None], boxes[None]).max(axis=1, initial=0.0)
    return BoxCounts(len(true), np.array([(best >= o).sum() for o in OVERLAPS]), 1, len(boxes))


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    runs = numbers['runs']
    boxes = next(iter(runs.values()))['all']['boxes']
    head = ('', *(name.removeprefix('v_') for name in numbers['clips']), 'all', 'boxes a frame')
    tables = '\n\n'.join(
        f'IoU ≥ {overlap:g}:\n\n{table(head, rows(runs, str(overlap)))}' for overlap in OVERLAPS
    )
    return f"""## Actors in real sports videos (UCF101-24)

{len(numbers['clips'])} clips of test split 1, {boxes:,} annotated boxes, in frames that have \
any. Share of the boxes that some detected box overlaps by the IoU, whatever its action; \
*boxes a frame* is what this costs, and no measure of errors, since UCF101-24 annotates only \
those who do the clip's sport. A score is that of an actor: 0.5 is the \
threshold of actions, from 0.3 on the node starts a track; *all boxes* of the \
network have a score of 0.05 or more. The weights were trained on synthetic people alone; `motion` \
needs no training.

{tables}
"""


def rows(runs: dict[str, dict[str, Any]], overlap: str) -> list[tuple[object, ...]]:
    """Return the rows of a table at one overlap."""
    return [
        (
            name,
            *(clip['share'][overlap] for clip in run['clips']),
            run['all']['share'][overlap],
            run['all']['reported_a_frame'],
        )
        for name, run in runs.items()
    ]

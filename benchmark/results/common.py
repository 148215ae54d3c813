"""Run models for the parts of the results, keep all that they say, and lay out Markdown."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from actloc_ros.evaluation.run_model import LEAST_SCORE
from actloc_ros.frames import Frame
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Detections, Localizer, LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.truth.boxes import FrameBoxes, join


class ResultsError(ValueError):
    """Something that cannot be measured; the text says what is missing and what to do."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a localizer said of one frame.

    Attributes:
        stamp: Of the frame in ns.
        width: Of the frame in pixels.
        height: Of the frame in pixels.
        found: What it said.
        spent: How long it took in s.
    """

    stamp: int
    width: int
    height: int
    found: Detections
    spent: float


class Recording(Localizer):
    """Passes frames on to a localizer and keeps what it says, clip by clip.

    `reset` of all cameras begins a new clip, as `run_model` does before each video.
    """

    def __init__(self, localizer: Localizer) -> None:
        self.name, self.labels = localizer.name, tuple(localizer.labels)
        self.threshold = localizer.threshold
        self.clips: list[list[Seen]] = []
        self._localizer = localizer

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take frames; see `Localizer`."""
        began = time.perf_counter()
        results = self._localizer.step(frames)
        spent = time.perf_counter() - began
        for frame, found in zip(frames, results, strict=True):
            self.clips[-1].append(Seen(frame.stamp, frame.width, frame.height, found, spent))
        return results

    def reset(self, camera: str | None = None) -> None:
        """Forget the past; see `Localizer`."""
        self._localizer.reset(camera)
        if camera is None:
            self.clips.append([])

    def close(self) -> None:
        """Free the localizer; what it said stays."""
        self._localizer.close()

    @property
    def median_step(self) -> float:
        """Median time of a step in ms."""
        return 1000 * float(np.median([seen.spent for clip in self.clips for seen in clip]))


def open_recording(args: argparse.Namespace, model: str = '', weights: str = '') -> Recording:
    """Return the model that is asked for, with what it says kept.

    Args:
        args: Gives `model` and `weights`, unless these are given.
        model: Name of a model.
        weights: Its checkpoint.
    """
    if not model:
        model, weights = args.model, args.weights
    return Recording(open_localizer(model, LocalizerOptions(weights=weights)))


def watch(recording: Recording, video: Path, most: int | None = None) -> list[Seen]:
    """Run the model over a video, or its first `most` frames; return what it says of each."""
    recording.reset()
    source = open_source(video)
    total = source.length if most is None else most
    for frame in tqdm(islice(source, most), video.name, total, False, unit='frame', disable=None):
        recording.step([frame])
    if source.broken:
        raise ResultsError(f'{video}: {source.broken} frames cannot be decoded; repair the video')
    return recording.clips[-1]


def actor_boxes(clips: Iterable[Sequence[Seen]]) -> FrameBoxes:
    """Return the boxes of all clips as actors, whatever they do; class 0, frames from 0."""
    return join(
        [
            _frame_boxes(video, frame, seen.found)
            for video, clip in enumerate(clips)
            for frame, seen in enumerate(clip)
        ]
    )


def _frame_boxes(video: int, frame: int, found: Detections) -> FrameBoxes:
    kept = found.scores >= LEAST_SCORE
    count = int(kept.sum())
    return FrameBoxes(
        np.full(count, video, np.int64),
        np.full(count, frame, np.int64),
        np.zeros(count, np.int64),
        found.boxes[kept].astype(np.float64),
        found.scores[kept].astype(np.float64),
    )


def data_folder(args: argparse.Namespace, name: str) -> Path:
    """Return the folder of a data set.

    Raises:
        ResultsError: It is not here.
    """
    folder: Path = args.shared / 'data' / name
    if not folder.is_dir():
        raise ResultsError(
            f'there is no data at {folder}; give the folder in which data/{name} lies with '
            '--shared, or name the other parts with --only'
        )
    return folder


def machine() -> str:
    """Say on what this runs."""
    threads = torch.get_num_threads()
    cores = f'{os.cpu_count()} cores, {threads} thread{"s" if threads > 1 else ""}'
    return f'{cores}, PyTorch {torch.__version__.split("+")[0]}, float32'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; numbers stand as `shown` has them."""
    lines = [list(head), ['---'] * len(head), *([shown(cell) for cell in row] for row in rows)]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def shown(cell: object) -> str:
    """Return a cell's text: a fraction with three digits, what is not there as a dash."""
    if cell is None or (isinstance(cell, float) and not np.isfinite(cell)):
        return '–'
    return f'{cell:.3f}' if isinstance(cell, float) else str(cell)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile of values, or None where there are none."""
    return float(np.quantile(values, share)) if len(values) else None

"""Run models for the parts of the results, keep their detections, and lay out Markdown."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from actloc_ros.evaluation.run_model import LEAST_SCORE
from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections, Localizer, LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.truth.boxes import FrameBoxes, join


class ResultsError(ValueError):
    """Something that cannot be measured; the text says what is missing and what to do."""


@dataclass(frozen=True, eq=False)
class TimedDetections:
    """A localizer's detections in one frame, and how long they took.

    Attributes:
        stamp: Of the frame in ns.
        width: Of the frame in pixels.
        height: Of the frame in pixels.
        detections: The localizer's result.
        duration: Of the step in s.
    """

    stamp: int
    width: int
    height: int
    detections: Detections
    duration: float


class TimedLocalizer(Localizer):
    """Passes frames on to a localizer and keeps its detections with their durations.

    `reset` of all cameras begins a new clip, as `run_model` does before each video.

    Attributes:
        clips: The detections of each clip, by frame.
    """

    def __init__(self, localizer: Localizer) -> None:
        self.name, self.labels = localizer.name, tuple(localizer.labels)
        self.threshold, self.joint_names = localizer.threshold, tuple(localizer.joint_names)
        self.clips: list[list[TimedDetections]] = []
        self._localizer = localizer

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Take frames; see `Localizer`."""
        began = time.perf_counter()
        results = self._localizer.step(frames)
        duration = time.perf_counter() - began
        self.clips[-1] += [
            TimedDetections(frame.stamp, frame.width, frame.height, detections, duration)
            for frame, detections in zip(frames, results, strict=True)
        ]
        return results

    def reset(self, camera: str | None = None) -> None:
        """Forget the past; see `Localizer`."""
        self._localizer.reset(camera)
        if camera is None:
            self.clips.append([])

    def close(self) -> None:
        """Free the localizer; its detections stay."""
        self._localizer.close()

    @property
    def median_step(self) -> float:
        """Median duration of a step in ms."""
        return 1000 * float(np.median([each.duration for clip in self.clips for each in clip]))


def open_model(args: argparse.Namespace, model: str = '', weights: str = '') -> TimedLocalizer:
    """Return a model that is timed and whose detections are kept.

    Args:
        args: Gives `model` and `weights`, unless these are given.
        model: Name of a model.
        weights: Its checkpoint.
    """
    if not model:
        model, weights = args.model, args.weights
    return TimedLocalizer(open_localizer(model, LocalizerOptions(weights=weights)))


def actor_boxes(clips: Iterable[Sequence[TimedDetections]]) -> FrameBoxes:
    """Return the boxes of all clips as actors, whatever they do; class 0, frames from 0."""
    return join(
        [
            _frame_boxes(video, frame, each.detections)
            for video, clip in enumerate(clips)
            for frame, each in enumerate(clip)
        ]
    )


def _frame_boxes(video: int, frame: int, detections: Detections) -> FrameBoxes:
    kept = detections.scores >= LEAST_SCORE
    count = int(kept.sum())
    return FrameBoxes(
        np.full(count, video, np.int64),
        np.full(count, frame, np.int64),
        np.zeros(count, np.int64),
        detections.boxes[kept].astype(np.float64),
        detections.scores[kept].astype(np.float64),
    )


def data_folder(args: argparse.Namespace, name: str) -> Path:
    """Return the folder of a data set.

    Raises:
        ResultsError: There is no such folder.
    """
    folder: Path = args.shared / 'data' / name
    if not folder.is_dir():
        raise ResultsError(
            f'there is no data at {folder}; give the folder in which data/{name} lies with '
            '--shared, or name the other parts with --only'
        )
    return folder


def machine() -> str:
    """Return a description of the machine and of PyTorch."""
    threads = torch.get_num_threads()
    cores = f'{os.cpu_count()} cores, {threads} thread{"s" if threads > 1 else ""}'
    return f'{cores}, PyTorch {torch.__version__.split("+")[0]}, float32'


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; `cell_text` formats the cells."""
    lines = [list(head), ['---'] * len(head), *([cell_text(cell) for cell in row] for row in rows)]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def cell_text(cell: object) -> str:
    """Return a cell's text: a fraction with three digits, a missing value as a dash."""
    if cell is None or (isinstance(cell, float) and not np.isfinite(cell)):
        return '–'
    return f'{cell:.3f}' if isinstance(cell, float) else str(cell)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile of values, or None where there are none."""
    return float(np.quantile(values, share)) if len(values) else None

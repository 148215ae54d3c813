"""Rate what was predicted of recordings that were left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from actloc_ros.training.skeleton_n.calibrate import lowest_threshold
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES
from actloc_ros.training.skeleton_n.measure import sigmoid

PRECISION = 0.5  # of what is reported of a new label


@dataclass(frozen=True, eq=False)
class Frames:
    """N frames of tracks, with what the last layer takes.

    Attributes:
        inputs: float32 (N, D).
        targets: uint8 (N, C).
        videos: int64 (N,), the recording of each.
        plain: bool (N,), whether it is shown as it is.
    """

    inputs: Tensor
    targets: np.ndarray
    videos: np.ndarray
    plain: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Frames:
        """Return the frames of a mask."""
        chosen = torch.from_numpy(np.flatnonzero(rows))
        return Frames(self.inputs[chosen], self.targets[rows], self.videos[rows], self.plain[rows])


@dataclass(frozen=True, eq=False)
class Rating:
    """How well some labels are predicted, by how strongly weights are pulled to their start.

    Attributes:
        frames: All frames.
        columns: Of the labels.
        logits: By pull, None for the start itself: (N, len(columns)).
    """

    frames: Frames
    columns: list[int]
    logits: dict[float | None, np.ndarray]

    def f1(self, pull: float | None, row: int, threshold: float) -> float:
        """Return the F1 of what is reported of a label from a threshold on."""
        scores, yes, _ = self._known(pull, row)
        reported = sigmoid(scores) >= threshold
        return float(2 * (reported & yes).sum() / max(reported.sum() + yes.sum(), 1))

    def loss(self, pull: float | None, row: int) -> float:
        """Return the cross entropy of a label's chances, in the mean over recordings."""
        scores, yes, videos = self._known(pull, row)
        errors = np.logaddexp(0, np.where(yes, -scores, scores))
        return float(np.mean([errors[videos == video].mean() for video in np.unique(videos)]))

    def threshold(self, pull: float, row: int) -> float:
        """Return from which chance on a new label is to be reported."""
        scores, yes, _ = self._known(pull, row)
        return lowest_threshold(sigmoid(scores), yes, np.ones(len(yes)), PRECISION)

    def _known(self, pull: float | None, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return logits, truth and recordings of the plain frames in which a label is known."""
        targets = self.frames.targets[:, self.columns[row]]
        known = (targets != UNKNOWN) & self.frames.plain
        return self.logits[pull][known, row], targets[known] == YES, self.frames.videos[known]

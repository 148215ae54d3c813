"""Learn the last layer of `skeleton_n` from bags of tracks: multiple instances, then pseudo-labels.

At first no frame is known to show an action, only bags of them. Each track in a bag gets one logit,
by attention to its top frames, and a bag the chance that one of its tracks does it; attention is
made again in each round. Then what was learned labels the frames in bags itself, and the layer is
trained on these labels as on annotated ones. All rounds together take as many iterations as a
training on boxes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from actloc_ros.training.pose.bags import Bags, attend, bag_errors, evenly, join_labels, pool
from actloc_ros.training.pose.config import POINTS, TIME, VIDEO
from actloc_ros.training.pose.left_out import Frames, Rating
from actloc_ros.training.pose.skeleton import (
    ITERATIONS,
    Errors,
    frame_errors,
    logits,
    minimize,
    recordings_alike,
)
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN, YES

TOP = {TIME: 0.5, POINTS: 1.0, VIDEO: 0.125}
"""The share of a track's frames in a bag that count, by how many of the right one's show it."""
EVEN, ATTENTIVE, TAUGHT = 1, 2, 2
"""Rounds in which a track's frames count alike, in which the top ones do, and of pseudo-labels."""
ROUND = ITERATIONS // (EVEN + ATTENTIVE + TAUGHT)
SURE, ABSENT = 0.7, 0.4
"""Of the chance of a bag's best track: what a frame has that shows the action, or does not."""
PULLS = (0.03,)
"""How strongly weights are pulled to their start. Recordings left out do not choose it: how right
the best of several people is says too little about how right each of them is."""
OPEN_SHARE = 0.2  # of the frames in bags, as long as nothing is known of them


@dataclass(frozen=True, eq=False)
class BaggedFrames:
    """Supervision by bags of frames, some of which show a label; see `skeleton.Supervision`.

    Attributes:
        frames: All frames; those in bags are not known, those that no bag holds may be.
        bags: Of each label, by its column.
        open: Of each label, whatever may show it; None where that is what bags hold.
        rated: Groups of frames of which it is known whether somebody shows a label.
        truth: uint8 (G, C) of NO, YES and UNKNOWN, of these groups.
        supervision: What of the labels is used.
        pulls: How strongly weights may be pulled to their start.
    """

    frames: Frames
    bags: dict[int, Bags]
    open: dict[int, Bags] | None
    rated: Bags
    truth: np.ndarray
    supervision: str
    pulls: tuple[float, ...] = PULLS

    def columns(self) -> list[int]:
        """Return which labels are true somewhere."""
        annotated = np.flatnonzero((self.frames.targets == YES).any(axis=0)).tolist()
        return sorted({*annotated, *self.bags})

    def share(self, column: int) -> float:
        """Return about how often a label is true."""
        targets = self.frames.targets[:, column]
        true, false = (targets == YES).sum(), (targets == NO).sum()
        unknown = int(self.bags[column].here.sum()) if column in self.bags else 0
        return float((true + OPEN_SHARE * unknown) / max(true + false + unknown, 1))

    def fit(self, videos: np.ndarray, columns: list[int], start: Tensor, pull: float) -> Tensor:
        """Return the weights (R, D + 1) that fit some recordings, pulled to their start.

        Where others are left out, to compare, recordings are shown as they are alone, which takes
        a third of the time.
        """
        mine = np.isin(self.frames.videos, videos)
        part = self if mine.all() else self._part(mine & self.frames.plain)
        return part._fit_all(columns, start, pull)

    def _part(self, mask: np.ndarray) -> BaggedFrames:
        """Return the frames of a mask (N,), which has all frames of a track or none."""
        bags, whole = (
            {column: own for column, each in (found or {}).items() if len((own := each[mask]).bag)}
            for found in (self.bags, self.open)
        )
        return replace(
            self, frames=self.frames[mask], bags=bags, open=None if self.open is None else whole
        )

    def _fit_all(self, columns: list[int], start: Tensor, pull: float) -> Tensor:
        """Return the weights (R, D + 1) that fit all frames, pulled to their start."""
        inputs, weights = self.frames.inputs, start
        for number in range(EVEN + ATTENTIVE + TAUGHT):
            scores = logits(weights, inputs)
            if number < EVEN + ATTENTIVE:
                even = (start[:, :-1] == 0).all(1) & (number < EVEN)  # nothing is known of it
                errors = self._bag_errors(columns, scores, even)
            else:
                errors = self._taught_errors(columns, scores)
            weights = minimize(errors, inputs, start, pull, ROUND, weights)
        return weights

    def rating(self, columns: list[int], found: dict[float | None, np.ndarray]) -> Rating:
        """Return how right logits (N, R) of all frames are, by how strongly weights are pulled."""
        groups = len(self.rated.videos)
        frames = Frames(
            torch.zeros(groups, 0), self.truth, self.rated.videos, np.ones(groups, bool)
        )
        pooled = {pull: self._group_logits(each) for pull, each in found.items()}
        return Rating(frames, columns, pooled)

    def _group_logits(self, found: np.ndarray) -> np.ndarray:
        """Return the logits (G, R) of groups: of their best track."""
        best = np.full((len(self.rated.videos), found.shape[1]), -np.inf)
        for row in range(found.shape[1]):
            own = torch.from_numpy(found[:, row]).float()
            tracks = pool(own, self.rated, attend(own, self.rated, TOP[VIDEO]))
            np.maximum.at(best[:, row], self.rated.bag.numpy(), tracks.numpy())
        return best

    def _bag_errors(self, columns: list[int], scores: Tensor, even: Tensor) -> Errors:
        """Return the errors of known frames, and of bags with attention by these logits (N, R).

        Of labels that are `even` (R,), all frames of a track count alike.
        """
        known = frame_errors(_with_targets(self.frames, self._at_first()), columns)
        parts = []
        for row, column in enumerate(columns):
            if column in self.bags:
                bags, top = self.bags[column], TOP[self.supervision]
                attention = evenly(bags) if even[row] else attend(scores[:, row], bags, top)
                share = recordings_alike(np.ones((len(bags.videos), 1), bool), bags.videos)[:, 0]
                parts.append((bags, row, attention, share))
        if not parts:
            return known
        bags, label, attention, share = join_labels(parts)

        def errors(now: Tensor) -> Tensor:
            tracks = (now[bags.rows.clamp(min=0), label[:, None]] * attention).sum(1)
            return (known(now) + (bag_errors(tracks, bags) * share).sum()) / 2

        return errors

    def _at_first(self) -> np.ndarray:
        """Return targets by which what is open but in no bag shows nothing: most of it does not."""
        targets = self.frames.targets.copy()
        for column, bags in (self.open or {}).items():
            if column in self.bags:
                rows = np.setdiff1d(_rows(bags), _rows(self.bags[column]))
                targets[rows[targets[rows, column] == UNKNOWN], column] = NO
        return targets

    def _taught_errors(self, columns: list[int], scores: Tensor) -> Errors:
        """Return the errors of known frames, and of those that these logits (N, R) make known."""
        targets = self.frames.targets.copy()
        for row, column in enumerate(columns):
            for bags in (self.bags, self.open or {}):
                if column in bags:
                    self._teach(targets[:, column], bags[column], scores[:, row])
        return frame_errors(_with_targets(self.frames, targets), columns)

    def _teach(self, targets: np.ndarray, bags: Bags, scores: Tensor) -> None:
        """Label the frames in bags by their chances against that of the bag's best track."""
        tracks = pool(scores, bags, attend(scores, bags, TOP[self.supervision]))
        best = torch.full((len(bags.videos),), -torch.inf)
        best = best.scatter_reduce(0, bags.bag, tracks, 'amax')
        chances = bags.scores(scores).sigmoid() / best.sigmoid()[bags.bag][:, None]
        here = bags.here.numpy()
        rows, found = bags.rows.numpy()[here], chances.numpy()[here]
        no, yes = rows[found < ABSENT], rows[found >= SURE]
        taught = np.setdiff1d(no, np.flatnonzero(targets != UNKNOWN))
        targets[taught] = NO
        targets[yes] = YES


def _rows(bags: Bags) -> np.ndarray:
    """Return the frames in bags."""
    rows: np.ndarray = bags.rows[bags.here].numpy()
    return rows


def _with_targets(frames: Frames, targets: np.ndarray) -> Frames:
    return Frames(frames.inputs, targets, frames.videos, frames.plain)

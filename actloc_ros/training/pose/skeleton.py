"""Train the last layer of `skeleton_n` on, and use it only where that proves better.

All layers but the last stay as they are: they learned from far more motion than a user has.
For each annotated label the last layer is a logistic regression, which is pulled to its start. How
strongly, and whether it replaces the start at all, is decided by recordings that were left out; for
all labels that the network knew together, since who seems to stand less must seem to sit more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.pose.left_out import Frames, Rating
from actloc_ros.training.pose.tracks import LabelledTrack
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES

FOLDS = 5
PULLS = (1.0, 0.1, 0.01)
"""How strongly a label's weights are pulled to their start, from strong to weak."""
GAIN = 0.02  # of the mean F1 on recordings left out, to replace the start
RARE = -4.0  # logit of a new label before anything is known of it
ITERATIONS = 60
Errors = Callable[[Tensor], Tensor]
"""What is minimized, of logits (N, R)."""


class Supervision(Protocol):
    """What is known of all frames, and how the last layer is learned from it."""

    @property
    def frames(self) -> Frames:
        """All frames."""

    @property
    def pulls(self) -> tuple[float, ...]:
        """How strongly a label's weights may be pulled to their start, from strong to weak."""

    def columns(self) -> list[int]:
        """Return which labels are true somewhere."""

    def share(self, column: int) -> float:
        """Return about how often a label is true."""

    def fit(self, videos: np.ndarray, columns: list[int], start: Tensor, pull: float) -> Tensor:
        """Return the weights (R, D + 1) that fit some recordings, pulled to their start."""

    def rating(self, columns: list[int], found: dict[float | None, np.ndarray]) -> Rating:
        """Return how right logits (N, R) of all frames are, by how strongly weights are pulled."""


@dataclass(frozen=True, eq=False)
class KnownFrames:
    """Supervision by frames of which it is known what who does in them."""

    frames: Frames
    pulls: tuple[float, ...] = PULLS

    def columns(self) -> list[int]:
        """Return which labels are true somewhere."""
        found: list[int] = np.flatnonzero((self.frames.targets == YES).any(axis=0)).tolist()
        return found

    def share(self, column: int) -> float:
        """Return how often a label is true where it is known."""
        targets = self.frames.targets[:, column]
        return float((targets[targets != UNKNOWN] == YES).mean())

    def fit(self, videos: np.ndarray, columns: list[int], start: Tensor, pull: float) -> Tensor:
        """Return the weights (R, D + 1) that fit some recordings, pulled to their start."""
        frames = self.frames[np.isin(self.frames.videos, videos)]
        return minimize(frame_errors(frames, columns), frames.inputs, start, pull)

    def rating(self, columns: list[int], found: dict[float | None, np.ndarray]) -> Rating:
        """Return how right logits (N, R) of all frames are, by how strongly weights are pulled."""
        return Rating(self.frames, columns, found)


@dataclass(frozen=True)
class LabelOutcome:
    """What became of a label.

    Attributes:
        label: Its name.
        before: F1 on recordings left out, as it was; None for a new label.
        after: The same, trained.
        used: Whether it is used as trained.
        threshold: From which score on it is reported.
    """

    label: str
    before: float | None
    after: float
    used: bool
    threshold: float

    def text(self) -> str:
        """Return a line that says so."""
        where = 'F1 on recordings left out'
        if self.before is None:
            return f'{self.label}: new, {where} {self.after:.3f}'
        how = 'trained on' if self.used else 'kept as it was'
        return f'{self.label}: {how}, {where} {self.before:.3f} → {self.after:.3f}'


def with_rows(network: SkeletonNet, classes: int) -> SkeletonNet:
    """Return a network with further classes, of which it knows nothing."""
    graph = network.graph.channels if network.graph else 0
    larger = SkeletonNet(classes, network.width, network.layers, graph)
    state = network.state_dict()
    weight, bias = state['head.weight'], state['head.bias']
    new = classes - len(bias)
    state['head.weight'] = torch.cat([weight, torch.zeros(new, weight.shape[1])])
    state['head.bias'] = torch.cat([bias, torch.full((new,), RARE)])
    larger.load_state_dict(state)
    return larger.eval()


@torch.no_grad()
def last_inputs(network: SkeletonNet, tracks: Sequence[LabelledTrack]) -> Frames:
    """Return what the network's last layer takes at the frames of tracks, but their first ones."""
    taken: list[Tensor] = []
    hook = network.head.register_forward_pre_hook(lambda _, given: taken.append(given[0]))
    for track in tracks:
        features = torch.from_numpy(np.array(track.features, np.float32))[None]
        elapsed = torch.tensor(track.elapsed)[None]
        here = torch.ones(1, len(track.elapsed), dtype=torch.bool)
        network(features, elapsed, here, network.initial_state(1))
    hook.remove()
    parts = [part[0, 1:] for part in taken]
    counts = [len(part) for part in parts]
    return Frames(
        torch.cat(parts),
        np.concatenate([np.array(track.targets)[1:] for track in tracks]),
        np.repeat([track.video for track in tracks], counts),
        np.repeat([track.plain for track in tracks], counts),
    )


def train_head(
    network: SkeletonNet,
    known: Supervision,
    labels: tuple[str, ...],
    shipped: int,
    thresholds: Sequence[float],
    seed: int,
) -> list[LabelOutcome]:
    """Train the last layer of a network, in place.

    Args:
        network: With a class a label.
        known: What is known of all recordings.
        labels: Of the classes.
        shipped: How many of them, from the first on, the network knew before.
        thresholds: Of all classes.
        seed: Of how recordings are divided.

    Returns:
        What became of each label that is true somewhere.
    """
    columns = known.columns()
    start = start_weights(network, known, columns, shipped)
    rating = known.rating(columns, predict_left_out(known, columns, start, seed))
    every = np.unique(known.frames.videos)
    old = [row for row, column in enumerate(columns) if column < shipped]
    pull, better = choose(rating, old, thresholds, known.pulls)
    outcomes = []
    for row, column in enumerate(columns):
        before, threshold, used, here = None, thresholds[column], better, pull
        if row in old:
            before = rating.f1(None, row, threshold)
        else:
            used, here = True, min(known.pulls, key=lambda each: rating.loss(each, row))
            threshold = rating.threshold(here, row)
        if used:
            weights = known.fit(every, [column], start[[row]], here)[0]
            with torch.no_grad():
                network.head.weight[column], network.head.bias[column] = weights[:-1], weights[-1]
        after = rating.f1(here, row, threshold)
        outcomes.append(LabelOutcome(labels[column], before, after, used, threshold))
    return outcomes


def start_weights(
    network: SkeletonNet, known: Supervision, columns: list[int], shipped: int
) -> Tensor:
    """Return the weights (R, D + 1) to begin with; of new labels, by how often they are true."""
    start = torch.cat([network.head.weight, network.head.bias[:, None]], 1).detach()[columns]
    for row, column in enumerate(columns):
        if column >= shipped:
            share = float(np.clip(known.share(column), 0.01, 0.99))
            start[row, -1] = np.log(share / (1 - share))
    return start


def choose(
    rating: Rating, rows: list[int], thresholds: Sequence[float], pulls: tuple[float, ...]
) -> tuple[float, bool]:
    """Return how strongly known labels are best pulled, and whether that replaces the start.

    In the mean over labels, both the F1 of what is reported and the loss must be better.
    """
    if not rows:
        return pulls[0], False

    def mean_f1(pull: float | None) -> float:
        return fmean(rating.f1(pull, row, thresholds[rating.columns[row]]) for row in rows)

    def mean_loss(pull: float | None) -> float:
        return fmean(rating.loss(pull, row) for row in rows)

    before = mean_loss(None)
    best = max([pull for pull in pulls if mean_loss(pull) < before] or pulls[:1], key=mean_f1)
    return best, mean_f1(best) >= mean_f1(None) + GAIN and mean_loss(best) < before


def predict_left_out(
    known: Supervision, columns: list[int], start: Tensor, seed: int
) -> dict[float | None, np.ndarray]:
    """Return logits (N, len(columns)) by how strongly weights are pulled, None for the start.

    Those of a recording come from weights that were trained on others.
    """
    frames = known.frames
    videos = np.unique(frames.videos)
    folds = np.random.default_rng(seed).permutation(len(videos)) % min(FOLDS, len(videos))
    fold_of = dict(zip(videos.tolist(), folds.tolist(), strict=True))
    mine = np.array([fold_of[video] for video in frames.videos.tolist()])
    shape = len(frames.videos), len(columns)
    found: dict[float | None, np.ndarray] = {pull: np.zeros(shape) for pull in (None, *known.pulls)}
    for fold in np.unique(folds):
        test, rest = frames[mine == fold].inputs, np.unique(frames.videos[mine != fold])
        for pull in found:
            weights = start
            if pull is not None and len(rest):
                weights = known.fit(rest, columns, start, pull)
            found[pull][mine == fold] = logits(weights, test).numpy()
    return found


def logits(weights: Tensor, inputs: Tensor) -> Tensor:
    """Return (N, R) of weights (R, D + 1), the last column the bias, and inputs (N, D)."""
    return inputs @ weights[:, :-1].T + weights[:, -1]


def frame_errors(frames: Frames, columns: list[int]) -> Errors:
    """Return the cross entropy of frames whose targets are known, summed over labels.

    Recordings count alike, however long they are.
    """
    part = frames.targets[:, columns]
    yes = torch.from_numpy((part == YES).astype(np.float32))
    share = recordings_alike(part != UNKNOWN, frames.videos)

    def errors(scores: Tensor) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(scores, yes, reduction='none')
        return (each * share).sum()

    return errors


def recordings_alike(known: np.ndarray, videos: np.ndarray) -> Tensor:
    """Return how much each of N frames counts for each of R labels, so that recordings count alike.

    Args:
        known: bool (N, R), which frames count at all.
        videos: (N,), the recording of each.
    """
    _, inverse, counts = np.unique(videos, return_inverse=True, return_counts=True)
    share = torch.from_numpy((1 / counts)[inverse].astype(np.float32))[:, None]
    share = share * torch.from_numpy(known.astype(np.float32))
    return share / share.sum(0).clamp(min=1e-6)


def minimize(
    errors: Errors,
    inputs: Tensor,
    start: Tensor,
    pull: float,
    iterations: int = ITERATIONS,
    begin: Tensor | None = None,
) -> Tensor:
    """Return the weights (R, D + 1) whose logits of inputs (N, D) have the fewest errors.

    Args:
        errors: Of the logits.
        inputs: Of all frames.
        start: To which the weights are pulled.
        pull: How strongly.
        iterations: Of the optimizer, at most.
        begin: Where the search begins, if not at the start.
    """
    spread = torch.cat([inputs.std(0) + 0.1, torch.ones(1)])
    # In spreads of the inputs.
    moved = ((start if begin is None else begin) - start).mul(spread).requires_grad_()
    optimizer = torch.optim.LBFGS([moved], max_iter=iterations, line_search_fn='strong_wolfe')

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = errors(logits(start + moved / spread, inputs)) + pull / 2 * moved.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return (start + moved / spread).detach()

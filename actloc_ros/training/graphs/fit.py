"""Train a graph network on clips of tracks, and keep the step that is best on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from actloc_ros.models.entry import Entry
from actloc_ros.training.data.mirror import mirror_pairs, mirrored_classes
from actloc_ros.training.graphs.config import GraphConfig
from actloc_ros.training.graphs.tracks import (
    Change,
    Ends,
    JointTrack,
    labels_shown,
    make_clip,
    spaced,
)
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES

LEFT_OUT = 4  # of so many recordings, one is left out
MOST = 400  # clips that are measured on
LARGEST = 5.0  # norm of gradients
DECAY = 0.01

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Clips:
    """N clips to measure on.

    Attributes:
        inputs: float32 (N, 3, T, V, M).
        targets: uint8 (N, C) of NO, YES and UNKNOWN.
    """

    inputs: Tensor
    targets: np.ndarray


@dataclass(frozen=True)
class Figures:
    """How right a network is on recordings that it did not learn from.

    Attributes:
        f1: Of what is reported of each label from a score of 0.5 on; NaN where none shows it.
        loss: Cross entropy of all that is known.
    """

    f1: tuple[float, ...]
    loss: float

    @property
    def mean(self) -> float:
        """Mean F1 over the labels that are shown."""
        return float(np.nanmean(self.f1)) if not np.isnan(self.f1).all() else 0.0

    def better(self, other: Figures | None) -> bool:
        """Return whether this is better than another; of the same F1, by the loss."""
        return other is None or (self.mean, -self.loss) > (other.mean, -other.loss)

    def text(self, labels: Sequence[str]) -> str:
        """Return lines that say so."""
        rows = zip(labels, self.f1, strict=True)
        shown = [
            f'{label}: ' + ('not shown there' if np.isnan(f1) else f'{f1:.3f}')
            for label, f1 in rows
        ]
        return '\n'.join(
            [f'F1 on recordings left out {self.mean:.3f}, of labels', *(f'  {s}' for s in shown)]
        )


def choose_left_out(ends: Ends, seed: int) -> list[int]:
    """Return about every fourth recording, none of them the last one that shows some label.

    Recordings that show a label of which none is left out yet come first, and are left out beyond
    that, up to half of all, so that each label is measured.

    Args:
        ends: What is known of all recordings.
        seed: Of the order in which they are taken.
    """
    shown = labels_shown(ends)
    order = np.random.default_rng(seed).permutation(sorted(shown)).tolist()
    wanted = max(1, len(order) // LEFT_OUT)
    out: list[int] = []
    covered: frozenset[int] = frozenset()
    while len(out) < max(wanted, len(order) // 2):
        rest = [video for video in order if video not in out]
        free = [v for v in rest if shown[v] <= _shown_by(shown, [o for o in rest if o != v])]
        free = [v for v in free if len(rest) > 1]
        chosen = max(free, key=lambda video: len(shown[video] - covered), default=None)
        if chosen is None or (len(out) >= wanted and shown[chosen] <= covered):
            break
        out.append(chosen)
        covered |= shown[chosen]
    return sorted(out)


def _shown_by(shown: dict[int, frozenset[int]], videos: Sequence[int]) -> frozenset[int]:
    return frozenset().union(*(shown[video] for video in videos))


def measured_clips(tracks: Sequence[JointTrack], ends: Ends, entry: Entry) -> Clips:
    """Return the clips of these moments at which a robot classifies."""
    chosen = spaced(ends, tracks, MOST)
    made = [
        make_clip(tracks[number], frame, entry)
        for number, frame in zip(chosen.tracks.tolist(), chosen.frames.tolist(), strict=True)
    ]
    kept = [row for row, clip in enumerate(made) if clip is not None]
    inputs = np.stack([clip for clip in made if clip is not None])
    return Clips(torch.from_numpy(inputs), chosen.targets[kept])


@torch.no_grad()
def measure(network: nn.Module, clips: Clips, batch: int) -> Figures:
    """Return how right a network is on clips; it is left in evaluation mode."""
    network.eval()
    logits = torch.cat([network(part) for part in clips.inputs.split(batch)])
    known, yes = clips.targets != UNKNOWN, clips.targets == YES
    reported = (logits >= 0).numpy() & known
    right = (reported & yes).sum(0)
    every = reported.sum(0) + yes.sum(0)
    f1 = np.where(yes.any(0), 2 * right / np.maximum(every, 1), np.nan)
    return Figures(tuple(f1.tolist()), float(loss_of(logits, clips.targets)))


def loss_of(logits: Tensor, targets: np.ndarray) -> Tensor:
    """Return the mean cross entropy of logits (N, C) where targets uint8 (N, C) are known."""
    known = torch.from_numpy((targets != UNKNOWN).astype(np.float32))
    yes = torch.from_numpy((targets == YES).astype(np.float32))
    each = functional.binary_cross_entropy_with_logits(logits, yes, reduction='none')
    return (each * known).sum() / known.sum().clamp(min=1)


class ClipSource:
    """Draws clips to learn from: each label as often, and as often clips of no label.

    In a mirror image, labels that differ in left and right alone are exchanged.

    Args:
        tracks: Of the people.
        ends: Moments that may be drawn.
        entry: Of the network.
        seed: Of all choices.
    """

    def __init__(self, tracks: Sequence[JointTrack], ends: Ends, entry: Entry, seed: int) -> None:
        self._tracks, self._ends, self._entry = tracks, ends, entry
        self._random = np.random.default_rng(seed)
        self._mirrored = mirrored_classes(entry.labels, mirror_pairs(entry.labels))
        yes = ends.targets == YES
        groups = [*(np.flatnonzero(column) for column in yes.T), np.flatnonzero(~yes.any(1))]
        self._groups = [group for group in groups if len(group)]

    def draw(self, count: int) -> tuple[Tensor, np.ndarray]:
        """Return clips, float32 (count, 3, T, V, M), and targets, uint8 (count, C)."""
        clips: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        while len(clips) < count:
            group = self._groups[int(self._random.integers(len(self._groups)))]
            row = int(self._random.choice(group))
            track = self._tracks[int(self._ends.tracks[row])]
            change = Change.draw(self._random)
            clip = make_clip(track, int(self._ends.frames[row]), self._entry, change)
            if clip is not None:
                clips.append(clip)
                given = self._ends.targets[row]
                targets.append(given[self._mirrored] if change.mirrored else given)
        return torch.from_numpy(np.stack(clips)), np.stack(targets)


def fit(
    config: GraphConfig, network: nn.Module, source: ClipSource, valid: Clips, say: Say
) -> tuple[int, Figures]:
    """Train a network, in place, and leave it as it was at its best step, in evaluation mode.

    Args:
        config: The settings.
        network: With a class a label.
        source: Of what is learned.
        valid: To choose the best step by.
        say: Takes lines for people.

    Returns:
        The best step, and how right the network was then.
    """
    network.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=max(config.steps, 2)
    )
    best: tuple[int, Figures] | None = None
    kept: dict[str, Tensor] = {}
    for step in range(1, config.steps + 1):
        network.train()
        clips, targets = source.draw(config.batch)
        loss = loss_of(network(clips), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST)
        optimizer.step()
        schedule.step()
        if step % config.measure_every == 0 or step == config.steps:
            now = measure(network, valid, config.batch)
            say(f'step {step}: loss {loss.item():.3f}, F1 on recordings left out {now.mean:.3f}')
            if best is None or now.better(best[1]):
                best, kept = (step, now), _copy(network)
    assert best is not None
    network.load_state_dict(kept)
    network.eval().requires_grad_(False)
    return best


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def split(ends: Ends, out: Sequence[int]) -> tuple[Ends, Ends]:
    """Return what is known of all recordings but some, and of these."""
    mask = np.isin(ends.videos, out)
    return ends[~mask], ends[mask]

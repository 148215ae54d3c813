"""Cut windows out of actors' tracks, for a memory to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from actloc_ros.models.actor_memory import Sights
from actloc_ros.training.sights import OVERLAP, Example

FROM_START = 0.5
"""Share of windows that begin where the track does, as the memory does."""

LOST = 0.1
"""Probability that a sight is left out of a window: detectors miss people."""


SIGHTS = tuple(f.name for f in fields(Sights))


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a track to learn from: T sights.

    Attributes:
        example: The video.
        rows: int64 (T,): its sights.
        since: float (T,): seconds from the sight before; 0 for the first.
    """

    example: Example
    rows: Tensor
    since: Tensor


@dataclass(frozen=True, eq=False)
class Windows:
    """B parts of tracks, padded to T sights.

    Attributes:
        sights: (B, T).
        lengths: int64 (B,).
        actor: float (B, T) logits of the network alone.
        doing: float (B, T, C) logits of the network alone.
        actions: float (B, T, C): the truth.
        quality: float (B, T): the truth.
        shows: bool (B, T): whether the box shows an actor.
        known: bool (B, T): whether there is a truth.
    """

    sights: Sights
    lengths: Tensor
    actor: Tensor
    doing: Tensor
    actions: Tensor
    quality: Tensor
    shows: Tensor
    known: Tensor


class Tracks:
    """Tracks to learn from, each as likely as it is long.

    Args:
        examples: Videos.
        longest: Sights of a window, at most.
    """

    def __init__(self, examples: Sequence[Example], longest: int) -> None:
        self.longest = longest
        self.tracks = [
            (example, kept)
            for example in examples
            for rows in example.record.tracks()
            if len(kept := rows[example.record.kept[rows]])
        ]
        lengths = np.array([len(rows) for _, rows in self.tracks], np.float64)
        self.share = np.minimum(lengths, longest) / np.minimum(lengths, longest).sum()

    def choose(self, count: int, rng: np.random.Generator) -> list[Window]:
        """Return windows of tracks chosen at random."""
        chosen = rng.choice(len(self.tracks), count, p=self.share)
        return [self._cut(self.tracks[i], rng) for i in chosen]

    def _cut(self, of: tuple[Example, Tensor], rng: np.random.Generator) -> Window:
        example, track = of
        beyond = max(0, len(track) - self.longest)
        first = 0 if rng.random() < FROM_START else int(rng.integers(0, beyond + 1))
        rows = track[first : first + self.longest]
        seen = rng.random(len(rows)) >= LOST
        seen[0] = True
        chosen = rows[torch.from_numpy(seen)]
        times = example.record.since[rows].cumsum(0)[torch.from_numpy(seen)]
        return Window(example, chosen, torch.diff(times, prepend=times[:1]))


def collate(windows: Sequence[Window]) -> Windows:
    """Return windows as one batch."""
    parts = [_parts(window) for window in windows]
    first = parts[0]
    padded = {
        name: pad_sequence([part[name] for part in parts], batch_first=True) for name in first
    }
    sights = Sights(**{name: padded.pop(name) for name in SIGHTS})
    return Windows(sights, torch.tensor([len(window.rows) for window in windows]), **padded)


def _parts(window: Window) -> dict[str, Tensor]:
    example, rows = window.example, window.rows
    sights = example.record.sights(rows)
    return {name: getattr(sights, name) for name in SIGHTS} | {
        'since': window.since,
        'actor': example.record.actor[rows],
        'doing': example.record.actions[rows],
        'actions': example.actions[rows],
        'quality': example.quality[rows],
        'shows': example.known[rows] & (example.near[rows] >= OVERLAP),
        'known': example.known[rows],
    }

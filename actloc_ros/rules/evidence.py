"""Decide from scores over time which actions each actor does: the rules' own evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.rules.history import History
from actloc_ros.rules.scene import Actor


@dataclass(frozen=True)
class Predicate:
    """An actor does one of some actions.

    Attributes:
        labels: The actions.
        min_score: Score in [0, 1] from which the best of them counts at a key frame.
        min_duration: Time in ns over which it must, once the actor is known for so long.
        min_fraction: In this share of the key frames with the actor.
    """

    labels: tuple[str, ...]
    min_score: float
    min_duration: int
    min_fraction: float


class EvidenceMemory:
    """The predicates of a camera's actors: N rows of actors, P predicates.

    Counts of hits are kept by key frame, so that those of any window are a difference of two rows.

    Attributes:
        supported: bool (N, P): whether each predicate holds; unseen actors keep what held.
        began: int64 (N, P): stamp of the first hit of what is supported.
        found: bool (N, labels, P): which labels of each predicate have hit since its window was
            without a hit.
    """

    def __init__(self, predicates: Sequence[Predicate], rows: int) -> None:
        self.predicates = tuple(predicates)
        self.labels = tuple(sorted({label for p in predicates for label in p.labels}))
        most = max((len(p.labels) for p in predicates), default=0)
        absent = len(self.labels)
        self._columns = np.full((most, len(predicates)), absent)
        for column, predicate in enumerate(predicates):
            for row, label in enumerate(predicate.labels):
                self._columns[row, column] = self.labels.index(label)
        # As precise as the scores, so that a score of 0.7 reaches 0.7.
        self._min_score = np.array([p.min_score for p in predicates], np.float32)
        self._min_fraction = np.array([p.min_fraction for p in predicates])
        durations = np.array([p.min_duration for p in predicates], np.int64)
        self._durations, self._duration_of = np.unique(durations, return_inverse=True)
        self._duration = durations
        self._count = count = len(predicates)
        # Of each predicate the hits, then of each duration the key frames with the actor.
        counted = count + len(self._durations)
        of_column = np.concatenate([self._duration_of, np.arange(len(self._durations))])
        self._of_duration = [of_column == index for index in range(len(self._durations))]
        self._history = History(
            int(durations.max(initial=0)) + nanoseconds(1.0),
            counts=((rows, counted), np.int32),
            scores=((rows, count), np.float32),
        )
        self.supported = np.zeros((rows, count), bool)
        self.began = np.zeros((rows, count), np.int64)
        self.found = np.zeros((rows, most, count), bool)
        self._counts = np.zeros((rows, counted), np.int32)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        self._history.widen(rows)
        for name in _BY_ROW:
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        self._history.clear_column(row)
        for name in _BY_ROW:
            getattr(self, name)[row] = 0

    def step(
        self, stamp: int, rows: np.ndarray, actors: Sequence[Actor], first_detected: np.ndarray
    ) -> None:
        """Take the scores of a key frame.

        Args:
            stamp: Of the key frame in ns.
            rows: (K,) of the actors.
            actors: K.
            first_detected: int64 (N,) stamps of all rows.
        """
        if not self.predicates:
            return
        detected = np.zeros((len(self.supported), 1), bool)
        detected[rows] = True
        scores = self._scores_of(rows, actors)
        found = (scores >= self._min_score) & detected[:, None]
        hits = found.any(axis=1)
        self._counts[:, : self._count] += hits
        self._counts[:, self._count :] += detected
        self._history.append(stamp, counts=self._counts, scores=scores.max(axis=1) * hits)
        if len(rows):
            recent = self._decide(stamp, detected, first_detected)
            self.found &= (recent | ~detected)[:, None]
            self.found |= found

    def score(self, row: int, predicate: int) -> float:
        """Return the mean score of the hits in the window, in [0, 1]."""
        stamps = self._history.stamps
        first = self._first_row(int(stamps[-1]), int(self._duration[predicate]))
        hits = self._history.rows('counts')[:, row, predicate]
        count = int(hits[-1] - (hits[first - 1] if first else 0))
        total = sum(self._history.rows('scores')[first:, row, predicate].tolist())
        return min(1.0, total / count) if count else 0.0

    def labels_found(self, row: int, predicate: int) -> tuple[str, ...]:
        """Return the predicate's actions that have hit in what holds."""
        labels = self.predicates[predicate].labels
        found = self.found[row, :, predicate].tolist()
        return tuple(label for label, hit in zip(labels, found, strict=False) if hit)

    def _scores_of(self, rows: np.ndarray, actors: Sequence[Actor]) -> np.ndarray:
        """Return the scores of each predicate's labels, float32 (N, labels, P)."""
        labels, zeros = self.labels, repeat(0.0)
        given = chain.from_iterable(map(a.scores.get, labels, zeros) for a in actors)
        size = len(actors), len(labels)
        values = np.zeros((len(self.supported), len(labels) + 1), np.float32)
        values[rows, :-1] = np.fromiter(given, np.float32, size[0] * size[1]).reshape(size)
        return values.take(self._columns, axis=1)

    def _decide(self, stamp: int, detected: np.ndarray, first_detected: np.ndarray) -> np.ndarray:
        """Decide what is supported of those detected; return what has any hit in its window.

        Args:
            stamp: Of the key frame in ns.
            detected: bool (N, 1).
            first_detected: int64 (N,) stamps.
        """
        history = self._history
        first = [self._first_row(stamp, duration) for duration in self._durations.tolist()]
        counts = self._counts.copy()
        for begin, own in zip(first, self._of_duration, strict=True):
            if begin:  # each predicate counts from the row before its window
                np.subtract(counts, history.rows('counts')[begin - 1], out=counts, where=own)
        hits, steps = counts[:, : self._count], counts[:, self._count :]
        share = hits / np.maximum(steps, 1).take(self._duration_of, axis=1)
        known = first_detected[:, None] <= stamp - self._duration
        supported = (share >= self._min_fraction) & (hits > 0) & known
        rising = supported & ~self.supported & detected
        np.copyto(self.supported, supported, where=detected)
        if rising.any():
            self._begin(rising.nonzero(), min(first), self._counts - counts)
        return hits > 0

    def _begin(self, cells: tuple[np.ndarray, ...], first: int, before: np.ndarray) -> None:
        """Note when the first hits of newly supported cells came.

        Args:
            cells: Their rows and predicates.
            first: Row of the history at which the longest window begins.
            before: int32 (N, P and more): hits before each window.
        """
        rows, predicates = cells
        counts = self._history.rows('counts')[first:, rows, predicates]
        risen = counts > before[rows, predicates]
        self.began[rows, predicates] = self._history.stamps[first + risen.argmax(axis=0)]

    def _first_row(self, stamp: int, duration: int) -> int:
        return self._history.since(stamp - duration)


_BY_ROW = (
    'supported',
    'began',
    'found',
    '_counts',
)

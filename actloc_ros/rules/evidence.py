"""Decide from scores over time which actions each actor does: the rules' own evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    Sums of hits are kept by key frame, so that those of any window are a difference of two rows.

    Attributes:
        supported: bool (N, P): whether each predicate holds; unseen actors keep what held.
        began: int64 (N, P): stamp of the first hit of what is supported.
        found: bool (N, P, labels): which labels of each predicate have hit since its window was
            without a hit.
    """

    def __init__(self, predicates: Sequence[Predicate], rows: int) -> None:
        self.predicates = tuple(predicates)
        self.labels = tuple(sorted({label for p in predicates for label in p.labels}))
        most = max((len(p.labels) for p in predicates), default=0)
        absent = len(self.labels)
        self._columns = np.full((len(predicates), most), absent)
        for row, predicate in enumerate(predicates):
            for column, label in enumerate(predicate.labels):
                self._columns[row, column] = self.labels.index(label)
        # As precise as the scores, so that a score of 0.7 reaches 0.7.
        self._min_score = np.array([p.min_score for p in predicates], np.float32)
        self._min_fraction = np.array([p.min_fraction for p in predicates])
        durations = np.array([p.min_duration for p in predicates], np.int64)
        self._durations, self._duration_of = np.unique(durations, return_inverse=True)
        self._duration = durations
        count = len(predicates)
        self._history = History(
            int(durations.max(initial=0)) + nanoseconds(1.0),
            hits=((rows, count), np.int32),
            sums=((rows, count), np.float64),
            steps=((rows,), np.int32),
        )
        self.supported = np.zeros((rows, count), bool)
        self.began = np.zeros((rows, count), np.int64)
        self.found = np.zeros((rows, count, most), bool)
        self._scores = np.zeros((rows, absent + 1), np.float32)
        self._total_hits = np.zeros((rows, count), np.int32)
        self._total_sums = np.zeros((rows, count))
        self._total_steps = np.zeros(rows, np.int32)

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
        scores = self._take_scores(rows, actors)
        best = scores.max(axis=2, initial=0)
        hits = best >= self._min_score
        self._total_hits[rows] += hits
        self._total_sums[rows] += np.where(hits, best, 0)
        self._total_steps[rows] += 1
        self._history.append(
            stamp, hits=self._total_hits, sums=self._total_sums, steps=self._total_steps
        )
        if len(rows):
            recent = self._decide(stamp, rows, first_detected)
            hit = scores >= self._min_score[:, None]
            self.found[rows] = (self.found[rows] & recent[..., None]) | hit

    def score(self, row: int, predicate: int) -> float:
        """Return the mean score of the hits in the window, in [0, 1]."""
        stamps = self._history.stamps
        first = self._first_row(int(stamps[-1]), int(self._duration[predicate]))
        hits, sums = self._history.rows('hits'), self._history.rows('sums')
        count = hits[-1, row, predicate] - (hits[first - 1, row, predicate] if first else 0)
        total = sums[-1, row, predicate] - (sums[first - 1, row, predicate] if first else 0)
        return min(1.0, float(total / count)) if count else 0.0

    def labels_found(self, row: int, predicate: int) -> tuple[str, ...]:
        """Return the predicate's actions that have hit in what holds."""
        labels = self.predicates[predicate].labels
        return tuple(n for n, hit in zip(labels, self.found[row, predicate], strict=False) if hit)

    def _take_scores(self, rows: np.ndarray, actors: Sequence[Actor]) -> np.ndarray:
        """Return the scores of each predicate's labels, float32 (K, P, labels)."""
        labels = self.labels
        values = [[actor.scores.get(label, 0.0) for label in labels] for actor in actors]
        if values:
            self._scores[rows, :-1] = values
        return self._scores[rows][:, self._columns]

    def _decide(self, stamp: int, rows: np.ndarray, first_detected: np.ndarray) -> np.ndarray:
        """Decide what is supported; return what has any hit in its window, bool (K, P)."""
        hits, steps = self._history.rows('hits'), self._history.rows('steps')
        first = [self._first_row(stamp, duration) for duration in self._durations.tolist()]
        before = np.zeros((len(rows), len(self.predicates)), np.int32)
        count = np.repeat(self._total_steps[rows, None], len(first), axis=1)
        for index, begin in enumerate(first):
            if begin:  # each predicate counts from the base that belongs to its duration
                of_it = self._duration_of == index
                before[:, of_it] = hits[begin - 1, rows][:, of_it]
                count[:, index] -= steps[begin - 1, rows]
        share = (self._total_hits[rows] - before) / np.maximum(count, 1)[:, self._duration_of]
        known = stamp - first_detected[rows, None] >= self._duration
        supported = (share >= self._min_fraction) & (share > 0) & known
        rising = supported & ~self.supported[rows]
        self.supported[rows] = supported
        for index, predicate in zip(*np.nonzero(rising), strict=True):
            row, begin = int(rows[index]), first[self._duration_of[predicate]]
            risen = hits[begin:, row, predicate] > before[index, predicate]
            self.began[row, predicate] = self._history.stamps[begin + int(np.argmax(risen))]
        return share > 0

    def _first_row(self, stamp: int, duration: int) -> int:
        return self._history.since(stamp - duration)


_BY_ROW = (
    'supported',
    'began',
    'found',
    '_scores',
    '_total_hits',
    '_total_sums',
    '_total_steps',
)

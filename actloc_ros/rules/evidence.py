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
        hits: bool (N, P): whether the last key frame of each actor is a hit.
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
        self.hits = np.zeros((rows, count), bool)
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
        self, stamp: int, rows: np.ndarray, actors: Sequence[Actor], first_seen: np.ndarray
    ) -> None:
        """Take the scores of a key frame.

        Args:
            stamp: Of the key frame in ns.
            rows: (K,) of the actors.
            actors: K.
            first_seen: int64 (N,) stamps of all rows.
        """
        if not self.predicates:
            return
        best = self._take_scores(rows, actors)
        hits = best >= self._min_score
        self.hits[rows] = hits
        self._total_hits[rows] += hits
        self._total_sums[rows] += np.where(hits, best, 0)
        self._total_steps[rows] += 1
        self._history.append(
            stamp, hits=self._total_hits, sums=self._total_sums, steps=self._total_steps
        )
        if len(rows):
            self._decide(stamp, rows, first_seen)

    def score(self, row: int, predicate: int) -> float:
        """Return the mean score of the hits in the window, in [0, 1]."""
        stamps = self._history.stamps
        first = self._first_row(int(stamps[-1]), int(self._duration[predicate]))
        hits, sums = self._history.rows('hits'), self._history.rows('sums')
        count = hits[-1, row, predicate] - (hits[first - 1, row, predicate] if first else 0)
        total = sums[-1, row, predicate] - (sums[first - 1, row, predicate] if first else 0)
        return min(1.0, float(total / count)) if count else 0.0

    def current_labels(self, row: int, predicate: int) -> tuple[str, ...]:
        """Return the predicate's actions whose last score of this actor is high enough."""
        labels = self.predicates[predicate].labels
        least = self._min_score[predicate]
        return tuple(
            label for label in labels if self._scores[row, self.labels.index(label)] >= least
        )

    def _take_scores(self, rows: np.ndarray, actors: Sequence[Actor]) -> np.ndarray:
        """Return the best score of each predicate, float32 (K, P)."""
        labels = self.labels
        values = [[actor.scores.get(label, 0.0) for label in labels] for actor in actors]
        if values:
            self._scores[rows, :-1] = values
        return self._scores[rows][:, self._columns].max(axis=2, initial=0)

    def _decide(self, stamp: int, rows: np.ndarray, first_seen: np.ndarray) -> None:
        hits, steps = self._history.rows('hits'), self._history.rows('steps')
        first = [self._first_row(stamp, int(duration)) for duration in self._durations]
        base_hits = np.stack(
            [hits[i - 1, rows] if i else np.zeros_like(hits[0, rows]) for i in first]
        )
        base_steps = np.stack([steps[i - 1, rows] if i else 0 * steps[0, rows] for i in first])
        columns = np.arange(len(self.predicates))
        # Of each predicate the base that belongs to its duration: (K, P).
        before = base_hits[self._duration_of, :, columns].T
        count = self._total_steps[rows, None] - base_steps[self._duration_of].T
        share = (self._total_hits[rows] - before) / np.maximum(count, 1)
        known = stamp - first_seen[rows, None] >= self._duration
        supported = (share >= self._min_fraction) & (share > 0) & known
        rising = supported & ~self.supported[rows]
        self.supported[rows] = supported
        for index, predicate in zip(*np.nonzero(rising), strict=True):
            row, begin = int(rows[index]), first[self._duration_of[predicate]]
            risen = hits[begin:, row, predicate] > before[index, predicate]
            self.began[row, predicate] = self._history.stamps[begin + int(np.argmax(risen))]

    def _first_row(self, stamp: int, duration: int) -> int:
        return self._history.since(stamp - duration)


_BY_ROW = (
    'supported',
    'began',
    'hits',
    '_scores',
    '_total_hits',
    '_total_sums',
    '_total_steps',
)


class SequenceMemory:
    """One sequence of actions, each actor for itself: predicates in order, within a time.

    The time counts from the last evidence of the first action to the first of the last one. A
    sequence that is complete holds while its last action does, with gaps up to `gap`.

    Attributes:
        holds: bool (N,).
        began: int64 (N,): stamp of the first evidence of what holds.
    """

    def __init__(self, predicates: Sequence[int], within: int, gap: int, rows: int) -> None:
        """Begin.

        Args:
            predicates: Indices of the actions' predicates, in order.
            within: In ns.
            gap: In ns.
            rows: N.
        """
        self._predicates, self._within, self._gap = tuple(predicates), within, gap
        stages = len(self._predicates)
        # Of each stage that was reached: when the first action ended and began; 0 if it was not.
        self._first_end = np.zeros((rows, stages), np.int64)
        self._first_begin = np.zeros((rows, stages), np.int64)
        self._reached = np.zeros((rows, stages), bool)
        self._previous = np.zeros((rows, stages), bool)
        self._last = np.zeros(rows, np.int64)
        self.holds = np.zeros(rows, bool)

    @property
    def began(self) -> np.ndarray:
        """Stamps of the first evidence of what holds, int64 (N,)."""
        return self._first_begin[:, -1]

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name in _SEQUENCE_BY_ROW:
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for name in _SEQUENCE_BY_ROW:
            getattr(self, name)[row] = 0

    def step(self, stamp: int, rows: np.ndarray, evidence: EvidenceMemory) -> None:
        """Take the evidence of a key frame for the actors of `rows`."""
        supported = np.zeros_like(self._previous)
        supported[rows] = evidence.supported[rows][:, self._predicates]
        for stage, predicate in enumerate(self._predicates):
            now, began = supported[:, stage], evidence.began[:, predicate]
            if stage == 0:
                self._first_end[now, 0] = stamp
                self._first_begin[now, 0] = began[now]
                self._reached[:, 0] |= now
                continue
            in_time = began - self._first_end[:, stage - 1] <= self._within
            reached = now & ~self._previous[:, stage] & self._reached[:, stage - 1] & in_time
            self._reached[:, stage] |= reached
            for memory in (self._first_end, self._first_begin):
                memory[reached, stage] = memory[reached, stage - 1]
        last = supported[:, -1]
        self._last[last] = stamp
        over = stamp - self._last > self._gap
        over &= np.isin(np.arange(len(over)), rows)  # unseen ones keep what held
        self._reached[over, -1] = False
        self.holds = self._reached[:, -1].copy()
        self._previous[rows] = supported[rows]


_SEQUENCE_BY_ROW = ('_first_end', '_first_begin', '_reached', '_previous', '_last', 'holds')

"""Notice actions of an actor that follow each other in order, within a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.rules.evidence import EvidenceMemory


class SequenceMemory:
    """Q sequences of actions, each of N rows of actors for itself.

    The time counts from the last evidence of the first action to the first of the last one. A
    sequence that is complete holds while its last action does, with gaps up to `gap`.

    Attributes:
        holds: bool (N, Q).
        began: int64 (N, Q): stamp of the first evidence of what holds.
    """

    def __init__(
        self, sequences: Sequence[tuple[tuple[int, ...], int]], gap: int, rows: int
    ) -> None:
        """Begin.

        Args:
            sequences: Predicates of the actions in order, and the time in ns.
            gap: In ns.
            rows: N.
        """
        count = len(sequences)
        self._stages = max((len(steps) for steps, _ in sequences), default=0)
        # Shorter ones wait at the front: their first action fills several stages at once.
        self._predicates = np.array(
            [(steps[0],) * (self._stages - len(steps)) + steps for steps, _ in sequences], np.int64
        ).reshape(count, self._stages)
        self._idle = np.array([self._stages - len(steps) for steps, _ in sequences], np.int64)
        self._within = np.array([within for _, within in sequences], np.int64)
        self._gap = gap
        # Of each stage that was reached: when the first action ended and began.
        self._first_end = np.zeros((rows, count, self._stages), np.int64)
        self._first_begin = np.zeros((rows, count, self._stages), np.int64)
        self._reached = np.zeros((rows, count, self._stages), bool)
        self._previous = np.zeros((rows, count, self._stages), bool)
        self._last = np.zeros((rows, count), np.int64)
        self.holds = np.zeros((rows, count), bool)
        self.began = np.zeros((rows, count), np.int64)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name in _BY_ROW:
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for name in _BY_ROW:
            getattr(self, name)[row] = 0

    def step(self, stamp: int, rows: np.ndarray, evidence: EvidenceMemory) -> None:
        """Take the evidence of a key frame for the actors of `rows`; others keep what held."""
        if not self._stages or not len(rows):
            return
        supported = evidence.supported[rows][:, self._predicates]  # (K, Q, stages)
        began = evidence.began[rows][:, self._predicates]
        reached, previous = self._reached[rows], self._previous[rows]
        ends, begins = self._first_end[rows], self._first_begin[rows]
        for stage in range(self._stages):
            now = supported[..., stage]
            first = now & (stage <= self._idle)
            ends[..., stage] = np.where(first, stamp, ends[..., stage])
            begins[..., stage] = np.where(first, began[..., stage], begins[..., stage])
            reached[..., stage] |= first
            if stage:
                in_time = began[..., stage] - ends[..., stage - 1] <= self._within
                then = now & ~previous[..., stage] & reached[..., stage - 1] & in_time
                then &= stage > self._idle
                reached[..., stage] |= then
                for memory in (ends, begins):
                    memory[..., stage] = np.where(then, memory[..., stage - 1], memory[..., stage])
        last = np.where(supported[..., -1], stamp, self._last[rows])
        reached[..., -1] &= stamp - last <= self._gap
        self._last[rows], self._previous[rows], self._reached[rows] = last, supported, reached
        self._first_end[rows], self._first_begin[rows] = ends, begins
        self.holds[rows], self.began[rows] = reached[..., -1], begins[..., -1]


_BY_ROW = ('_first_end', '_first_begin', '_reached', '_previous', '_last', 'holds', 'began')

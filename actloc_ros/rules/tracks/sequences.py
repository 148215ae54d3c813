"""Notice actions of an actor that follow each other in order, within a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.rules.evidence import EvidenceMemory


class SequenceMemory:
    """Q sequences of actions, each of N rows of actors for itself.

    The time counts from the last evidence of the first action to the first of the last one. A
    sequence that is complete holds while its last action does, with gaps up to `gap`.
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
        count = max((len(steps) for steps, _ in sequences), default=0)
        # Shorter ones wait at the front: their first action fills several stages at once.
        idle = [count - len(steps) for steps, _ in sequences]
        filled = [
            (steps[0],) * wait + steps for (steps, _), wait in zip(sequences, idle, strict=True)
        ]
        self._stages = [
            _Stage([steps[n] for steps in filled], [n <= wait for wait in idle], rows)
            for n in range(count)
        ]
        self._within = np.array([within for _, within in sequences], np.int64)
        self._gap, self._rows = gap, rows

    @property
    def holds(self) -> np.ndarray:
        """Who has done what in order, bool (N, Q)."""
        return self._stages[-1].reached if self._stages else np.zeros((self._rows, 0), bool)

    @property
    def began(self) -> np.ndarray:
        """The stamp of the first evidence of what holds, int64 (N, Q)."""
        return self._stages[-1].begin

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        self._rows = rows
        for stage in self._stages:
            stage.widen(rows)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for stage in self._stages:
            stage.clear(row)

    def step(self, stamp: int, rows: np.ndarray, evidence: EvidenceMemory) -> None:
        """Take the evidence of a key frame for the actors of `rows`; others keep what held."""
        if not self._stages or not len(rows):
            return
        detected = np.zeros((self._rows, 1), bool)
        detected[rows] = True
        before: _Stage | None = None
        for stage in self._stages:
            stage.take(stamp, evidence, detected, before, self._within)
            before = stage
        self._stages[-1].lapse(stamp - self._gap, detected)


class _Stage:
    """One action of each sequence: who has come so far.

    Attributes:
        reached: bool (N, Q): who has done all actions up to this one in order.
        begin: int64 (N, Q): when the first action of these began.
        end: int64 (N, Q): when it ended.
    """

    def __init__(self, predicates: Sequence[int], first: Sequence[bool], rows: int) -> None:
        """Begin; `first` says of each sequence whether the action is its first."""
        self._predicates, self._first = np.array(predicates, np.int64), np.array(first, bool)
        cells = rows, len(predicates)
        self.reached = np.zeros(cells, bool)
        self.begin, self.end = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
        self._supported, self._last = np.zeros(cells, bool), np.zeros(cells, np.int64)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name in _BY_ROW:
            old = getattr(self, name)
            new = np.zeros((rows, old.shape[1]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for name in _BY_ROW:
            getattr(self, name)[row] = 0

    def take(
        self,
        stamp: int,
        evidence: EvidenceMemory,
        detected: np.ndarray,
        before: _Stage | None,
        within: np.ndarray,
    ) -> None:
        """Take the evidence of a key frame.

        Args:
            stamp: Of the key frame in ns.
            evidence: Of all actions.
            detected: bool (N, 1): whose evidence is new.
            before: The stage before this one, if there is one.
            within: int64 (Q,), in ns.
        """
        now = evidence.supported.take(self._predicates, axis=1) & detected
        began = evidence.began.take(self._predicates, axis=1)
        first = now & self._first
        self.reached |= first
        np.copyto(self.end, stamp, where=first)
        np.copyto(self.begin, began, where=first)
        if before is not None:
            follows = now & ~(self._supported | self._first) & before.reached
            follows &= began - before.end <= within
            self.reached |= follows
            np.copyto(self.end, before.end, where=follows)
            np.copyto(self.begin, before.begin, where=follows)
        np.copyto(self._supported, now, where=detected)
        np.copyto(self._last, stamp, where=now)

    def lapse(self, oldest: int, detected: np.ndarray) -> None:
        """Let those who are detected and did the action last before a stamp not hold it."""
        self.reached &= (self._last >= oldest) | ~detected


_BY_ROW = ('reached', 'begin', 'end', '_supported', '_last')

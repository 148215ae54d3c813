"""Check the conditions of all rules for all actors of a camera at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from actloc_ros.rules.areas.lines import IN, OUT
from actloc_ros.rules.compiled import CompiledCamera, CompiledConditions

if TYPE_CHECKING:
    from actloc_ros.rules.tracks.track_state import TrackState

ANY = '*'  # stands for all kinds


class ConditionMatrix:
    """The conditions of R rules, in C columns: each rule's own, then those of its alternatives.

    What is remembered of N actors is gathered by column; sets of zones, lines and masks are
    products of small matrices.
    """

    def __init__(self, compiled: CompiledCamera) -> None:
        rules = compiled.rules
        self._columns = [part for rule in rules for part in (rule.always, *rule.any)]
        counts = [1 + len(rule.any) for rule in rules]
        self._first = np.cumsum([0, *counts], dtype=np.int64)[:-1]
        self._alternatives = [
            (index, slice(first + 1, first + count))
            for index, (first, count) in enumerate(zip(self._first.tolist(), counts, strict=True))
            if count > 1
        ]
        # The last column of what is gathered holds for everybody.
        self._predicate = self._indices((c.predicate for c in self._columns), compiled.predicates)
        self._sequence = self._indices((c.sequence for c in self._columns), compiled.sequences)
        zones, masks = len(compiled.zones), len(compiled.masks)
        # Side by side: zones of which one is asked for, and zones that are forbidden.
        within = _members((c.zones or () for c in self._columns), zones)
        without = _members((c.zones_not for c in self._columns), zones)
        self._zones = np.concatenate([within, without], axis=1)
        self._zones_least = np.array([-(c.zones is None) for c in self._columns], np.float32)
        self._masks = _members((c.masks for c in self._columns), masks)
        self._ways = _members(
            (
                (2 * line + (way == OUT) for line, ways in c.crossings for way in ways)
                for c in self._columns
            ),
            2 * len(compiled.lines),
        )
        self._no_lines = np.array([not c.crossings for c in self._columns], bool)
        speeds = [(i, c.speed) for i, c in enumerate(self._columns) if c.speed]
        self._speeds = np.array([i for i, _ in speeds], np.int64)
        self._limits = np.array([limits for _, limits in speeds]).reshape(-1, 2)
        self._kinds, self._kinds_of = np.zeros((0, len(self._columns)), bool), -1
        self._hold = np.array([rule.hold for rule in rules], np.int64)

    def holding(self, state: TrackState, stamp: int) -> tuple[np.ndarray, np.ndarray]:
        """Return who fulfils which rule, bool (N, R), and which columns, bool (N, C)."""
        good = self._of_kinds(state.table.kind_names)[state.table.kinds]
        good &= state.table.used()[:, None]
        if state.evidence.supported.shape[1]:
            good &= _with_all(state.evidence.supported).take(self._predicate, axis=1)
        if state.sequences.holds.shape[1]:
            good &= _with_all(state.sequences.holds).take(self._sequence, axis=1)
        if len(self._zones):
            inside = state.zones.inside.astype(np.float32) @ self._zones
            good &= inside[:, : good.shape[1]] > self._zones_least
            good &= inside[:, good.shape[1] :] == 0
        if len(self._masks):
            good &= state.masked.astype(np.float32) @ self._masks == 0
        if len(self._ways):
            good &= self._crossing(state.lines.crossed)
        if len(self._speeds):
            speed = state.motion.fit.speed[:, None]
            good[:, self._speeds] &= (speed >= self._limits[:, 0]) & (speed <= self._limits[:, 1])
        rules = good.take(self._first, axis=1)
        for index, columns in self._alternatives:
            rules[:, index] &= good[:, columns].any(axis=1)
        rules &= (stamp - state.table.last_detected)[:, None] <= self._hold
        return rules, good

    @property
    def first_columns(self) -> list[int]:
        """The rules' own columns; those of their alternatives follow."""
        return self._first.tolist()

    def _indices(self, given: Iterable[int], known: Sequence[object]) -> np.ndarray:
        return np.array([len(known) if i < 0 else i for i in given], np.int64)

    def _crossing(self, crossed: np.ndarray) -> np.ndarray:
        if not crossed.any():
            return np.broadcast_to(self._no_lines, (len(crossed), len(self._no_lines)))
        ways = np.zeros((len(crossed), 2 * crossed.shape[1]), np.float32)
        ways[:, ::2], ways[:, 1::2] = crossed == IN, crossed == OUT
        return (ways @ self._ways > 0) | self._no_lines

    def _of_kinds(self, names: Sequence[str]) -> np.ndarray:
        """Return whether each kind suits each column, bool (kinds, C); one row at least."""
        if self._kinds_of != len(names):
            self._kinds_of = len(names)
            self._kinds = np.array(
                [[_suits(c, name) for c in self._columns] for name in names or [ANY]], bool
            ).reshape(max(1, len(names)), len(self._columns))
        return self._kinds


def _suits(conditions: CompiledConditions, kind: str) -> bool:
    return not conditions.kinds or kind in conditions.kinds


def _members(sets: Iterable[Iterable[int]], count: int) -> np.ndarray:
    """Return which of `count` things are in which of C sets, float32 (count, C)."""
    columns = [list(members) for members in sets]
    matrix = np.zeros((count, len(columns)), np.float32)
    for column, members in enumerate(columns):
        matrix[members, column] = 1
    return matrix


def _with_all(held: np.ndarray) -> np.ndarray:
    """Return bool (N, X + 1): a last column that holds for everybody."""
    return np.concatenate([held, np.ones((len(held), 1), bool)], axis=1)

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
    """The conditions of R rules, in C columns: each way in which a rule can be fulfilled.

    What is remembered of an actor is B bits. A column asks for sets of bits, one of each set, and
    refuses others: products of small matrices say who fulfils it.

    Attributes:
        first_columns: Of each rule; those of its other ways follow.
    """

    def __init__(self, compiled: CompiledCamera) -> None:
        rules = compiled.rules
        self._columns = [way for rule in rules for way in rule.ways]
        counts = [len(rule.ways) for rule in rules]
        self.first_columns = np.cumsum([0, *counts])[:-1].tolist()
        self._of_rule = np.repeat(np.eye(len(rules), dtype=np.float32), counts, axis=0)
        parts = (part for way in self._columns for part in way)
        limits = sorted({part.speed for part in parts if part.speed is not None})
        self._limits = np.array(limits).reshape(-1, 2)
        bits = _Bits(compiled, limits)
        asked = [[each for part in way for each in bits.asked(part)] for way in self._columns]
        refused = [[(bit,) for part in way for bit in bits.refused(part)] for way in self._columns]
        sets = sorted({each for of_column in asked + refused for each in of_column})
        self._sets = _members(sets, bits.count)
        wanted, unwanted = (
            _members(([sets.index(each) for each in some] for some in of_columns), len(sets))
            for of_columns in (asked, refused)
        )
        # Who fulfils a column has all that it asks for, from which nothing refused takes away.
        self._weights, self._wanted_count = wanted - unwanted, wanted.sum(0)
        self._kinds, self._kinds_of = np.zeros((0, len(self._columns)), bool), -1
        self._hold = np.array([rule.hold for rule in rules], np.int64)

    def holding(self, state: TrackState, stamp: int) -> tuple[np.ndarray, np.ndarray]:
        """Return who fulfils which rule, bool (N, R), and which columns, bool (N, C)."""
        bits = self._bits(state)
        met = (bits @ self._sets > 0).astype(np.float32)
        good = met @ self._weights == self._wanted_count
        good &= self._of_kinds(state.table.kind_names).take(state.table.kinds, axis=0)
        rules = good.astype(np.float32) @ self._of_rule > 0
        rules &= state.table.used()[:, None]
        rules &= (stamp - state.table.last_detected)[:, None] <= self._hold
        return rules, good

    def _bits(self, state: TrackState) -> np.ndarray:
        """Return what is remembered, float32 (N, B), in the order of `_Bits`."""
        crossed, speed = state.lines.crossed, state.motion.fit.speed[:, None]
        parts = [state.zones.inside, state.evidence.supported, state.sequences.holds]
        parts += [crossed == IN, crossed == OUT, state.masked]
        parts += [(speed >= self._limits[:, 0]) & (speed <= self._limits[:, 1])]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _of_kinds(self, names: Sequence[str]) -> np.ndarray:
        """Return whether each kind suits each column, bool (kinds, C); one row at least."""
        if self._kinds_of != len(names):
            self._kinds_of = len(names)
            self._kinds = np.array(
                [[_suits(way, name) for way in self._columns] for name in names or [ANY]], bool
            ).reshape(max(1, len(names)), len(self._columns))
        return self._kinds


class _Bits:
    """The indices of what is remembered of an actor."""

    def __init__(self, compiled: CompiledCamera, limits: list[tuple[float, float]]) -> None:
        self._limits = limits
        lines = len(compiled.lines)
        counts = (
            len(compiled.zones),
            len(compiled.predicates),
            len(compiled.sequences),
            lines,
            lines,
            len(compiled.masks),
            len(limits),
        )
        *begins, self.count = np.cumsum([0, *counts]).tolist()
        self._zones, self._predicates, self._sequences, *others = begins
        self._in, self._out, self._masks, self._speeds = others

    def asked(self, conditions: CompiledConditions) -> list[tuple[int, ...]]:
        """Return the sets of bits of each of which conditions ask for one."""
        sets = []
        if conditions.zones is not None:
            sets.append(tuple(self._zones + zone for zone in conditions.zones))
        if conditions.predicate >= 0:
            sets.append((self._predicates + conditions.predicate,))
        if conditions.sequence >= 0:
            sets.append((self._sequences + conditions.sequence,))
        if conditions.crossings:
            begins = {IN: self._in, OUT: self._out}
            crossings = conditions.crossings
            sets.append(tuple(begins[way] + line for line, ways in crossings for way in ways))
        if conditions.speed is not None:
            sets.append((self._speeds + self._limits.index(conditions.speed),))
        return sets

    def refused(self, conditions: CompiledConditions) -> list[int]:
        """Return the bits of which conditions ask for none."""
        zones = [self._zones + zone for zone in conditions.zones_not]
        return zones + [self._masks + mask for mask in conditions.masks]


def _suits(way: Iterable[CompiledConditions], kind: str) -> bool:
    return all(not part.kinds or kind in part.kinds for part in way)


def _members(sets: Iterable[Iterable[int]], count: int) -> np.ndarray:
    """Return which of `count` things are in which of C sets, float32 (count, C)."""
    columns = [list(members) for members in sets]
    matrix = np.zeros((count, len(columns)), np.float32)
    for column, members in enumerate(columns):
        matrix[members, column] = 1
    return matrix

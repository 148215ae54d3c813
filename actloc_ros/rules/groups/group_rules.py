"""Rules that are not of one actor alone: counts, absence and relations of two."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping

import numpy as np

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.compiled import CompiledRule
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.groups.pairs import Pair, find_pairs
from actloc_ros.rules.groups.windows import DwellClocks, HeldShare
from actloc_ros.rules.occurrences import GroupFinding
from actloc_ros.rules.tracks.track_state import TrackState

PairKey = tuple[int, int]  # serials of two actors
CAMERA = 0  # the key of what is of the whole camera
SILENCE = nanoseconds(2.0)  # without key frames after which it is not known who is there


class GroupRule(ABC):
    """A rule of one camera that looks at all of its actors."""

    def __init__(self, rule: CompiledRule, state: TrackState, describer: Describer) -> None:
        self.rule, self.state, self.describer = rule, state, describer

    @abstractmethod
    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield what holds at a key frame.

        Args:
            stamp: Of the key frame in ns.
            holding: bool (N,): who fulfils the rule's conditions.
            active: Whether the schedule lets the rule hold.
            rows: (K,) of those who are detected.
        """

    def finding(
        self,
        key: Hashable,
        start: int,
        last: int,
        rows: list[int],
        values: Mapping[str, float],
    ) -> GroupFinding:
        """Return a finding about actors."""
        return GroupFinding(
            rule=self.rule,
            start=lambda: start,
            last=last,
            describe=lambda: self.describer.of_rows(self.rule, rows, values),
            key=key,
            version=self.describer.version(self.rule, rows),
        )


class CountRule(GroupRule):
    """At least so many actors fulfil the conditions at once."""

    def __init__(self, rule: CompiledRule, state: TrackState, describer: Describer) -> None:
        super().__init__(rule, state, describer)
        self._held = HeldShare(rule.evidence, rule.rule.min_fraction)
        self._clocks: DwellClocks[int] = DwellClocks(rule.gap)

    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield a finding while there are enough; see `GroupRule`."""
        assert self.rule.rule.count is not None
        count = int(np.count_nonzero(holding))
        enough = count >= self.rule.rule.count.min
        held = self._held.step(stamp, enough) and enough
        since = self._clocks.step(stamp, {CAMERA: self._held.began} if held else {})
        if held and stamp - since[CAMERA] >= nanoseconds(self.rule.rule.dwell):
            who = holding.nonzero()[0].tolist()
            yield self.finding(CAMERA, since[CAMERA], stamp, who, {'count': float(count)})


class AbsenceRule(GroupRule):
    """Nobody fulfils the conditions for so long, while key frames come."""

    def __init__(self, rule: CompiledRule, state: TrackState, describer: Describer) -> None:
        super().__init__(rule, state, describer)
        self._since: int | None = None
        self._silent = 0
        self._last: int | None = None

    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield a finding while nobody has been there for long enough; see `GroupRule`."""
        assert self.rule.rule.absence is not None
        if self._last is not None and stamp - self._last > SILENCE:
            self._silent += stamp - self._last  # nobody knows who was there meanwhile
        self._last = stamp
        if not active or np.count_nonzero(holding):
            self._since, self._silent = None, 0
            return
        if self._since is None:
            self._since = stamp
        absent = stamp - self._since - self._silent
        if absent >= nanoseconds(self.rule.rule.absence):
            yield self.finding(CAMERA, self._since, stamp, [], {'absence_s': seconds(absent)})


class RelationRule(GroupRule):
    """Two actors are in a relation, and one of them fulfils the conditions."""

    def __init__(self, rule: CompiledRule, state: TrackState, describer: Describer) -> None:
        super().__init__(rule, state, describer)
        self._held: dict[PairKey, HeldShare] = {}
        self._clocks: DwellClocks[PairKey] = DwellClocks(rule.gap)

    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield a finding for each pair; see `GroupRule`."""
        relation = self.rule.rule.relation
        assert relation is not None
        if not self._held and not np.count_nonzero(holding):
            return
        found = find_pairs(relation, self.state, holding, self.state.pairs(rows), stamp)
        pairs = {self._key(pair): pair for pair in found}
        since = self._clocks.step(stamp, self._evident(stamp, pairs))
        for key, begin in since.items():
            if stamp - begin >= nanoseconds(self.rule.rule.dwell):
                pair = pairs[key]
                yield self.finding(key, begin, stamp, list(pair.rows), pair.values)

    def _key(self, pair: Pair) -> PairKey:
        one, other = pair.rows
        return int(self.state.table.serials[one]), int(self.state.table.serials[other])

    def _evident(self, stamp: int, pairs: Collection[PairKey]) -> dict[PairKey, int]:
        """Return the pairs that have been so for their share of the time, with their begin."""
        for key in pairs:
            if key not in self._held:
                self._held[key] = HeldShare(self.rule.evidence, self.rule.rule.min_fraction)
        evident = {
            key: held.began
            for key, held in self._held.items()
            if held.step(stamp, key in pairs) and key in pairs
        }
        self._held = {key: held for key, held in self._held.items() if not held.idle}
        return evident

"""Apply the rules that are of one actor each, and follow what occurs so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.compiled import CompiledRule
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.occurrence import Finding, Issuer, Occurrence
from actloc_ros.rules.tracks.track_table import TrackTable

LONG_AGO = -(2**62)  # ns: its difference to a stamp is an int64 too
NEVER = 2**63 - 1  # ns


class ActorRules:
    """Who fulfils which rule since when, and what occurs so: N rows of actors, R rules.

    All is in arrays of N * R cells, so that Python looks only at what begins, changes or ends.
    """

    def __init__(
        self,
        rules: list[CompiledRule],
        of_groups: Collection[int],
        table: TrackTable,
        describer: Describer,
        camera: str,
        issuer: Issuer,
    ) -> None:
        """Begin; rules with an index in `of_groups` are left to others."""
        self._rules, self._table, self._describer = rules, table, describer
        self._camera, self._issuer = camera, issuer
        self._own = np.array([i not in of_groups for i in range(len(rules))], bool)
        self._gap = np.array([rule.gap for rule in rules], np.int64)
        self._dwell, self._end_after, self._cooldown = (
            np.array([nanoseconds(getattr(rule.rule, key)) for rule in rules], np.int64)
            for key in ('dwell', 'end_after', 'cooldown')
        )
        cells = len(table) * len(rules)
        # Since when conditions have held, with gaps, and when they held last.
        self._since = np.full(cells, LONG_AGO)
        self._held = np.full(cells, LONG_AGO)
        # Of occurrences: the stamp after which each is over, NEVER where there is none; its last
        # evidence; what was described; and from when on the next one may begin.
        self._over_after = np.full(cells, NEVER)
        self._last = np.full(cells, LONG_AGO)
        self._versions = np.zeros((cells, describer.words), np.uint64)
        self._cool_at = np.full(cells, LONG_AGO)
        self._open: dict[int, Occurrence] = {}
        self._gone: list[_Unheld] = []  # of actors whose rows others have now

    def open(self) -> list[Occurrence]:
        """Return the occurrences that go on."""
        return [*(each.occurrence for each in self._gone), *self._open.values()]

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name, empty in _BY_CELL:
            old = getattr(self, name)
            new = np.full((rows * len(self._rules), *old.shape[1:]), empty, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor; what has occurred ends in its time."""
        begin = row * len(self._rules)
        cells = slice(begin, begin + len(self._rules))
        for cell in (self._over_after[cells] != NEVER).nonzero()[0].tolist():
            self._gone.append(self._pop(begin + cell))
        for name, empty in _BY_CELL:
            getattr(self, name)[cells] = empty

    def take(self, stamp: int, holding: np.ndarray) -> list[Alarm]:
        """Take who fulfils which rule, bool (N, R); return alarms that begin or change.

        Hidden actors keep their alarms, but none begins of who is not detected now.
        """
        cells = self._ready(stamp, holding)
        rows, rules = np.divmod(cells, len(self._rules))
        detected = self._table.last_detected[rows]
        versions = self._describer.versions(rows, rules)
        known = self._over_after.take(cells) != NEVER
        changed = known & (versions != self._versions.take(cells, axis=0)).any(axis=1)
        begins = ~known & (stamp >= self._cool_at.take(cells))
        new = (begins | changed) & (detected == stamp)
        self._versions[cells[new]] = versions[new]
        held = known | new
        self._over_after[cells[held]] = stamp + self._end_after[rules[held]]
        self._last[cells[held]] = detected[held]
        return [alarm for cell in cells[new].tolist() for alarm in self._follow(stamp, cell)]

    def end(self, stamp: int, before: int) -> list[Occurrence]:
        """End what is over before a stamp, and return it; `stamp` is that of the key frame."""
        cells = (self._over_after < before).nonzero()[0]
        self._cool_at[cells] = stamp + self._cooldown[cells % len(self._rules)]
        over = [self._pop(cell) for cell in cells.tolist()]
        over += [each for each in self._gone if each.over_after < before]
        self._gone = [each for each in self._gone if each.over_after >= before]
        for each in over:
            each.occurrence.end(stamp, each.last)
        return [each.occurrence for each in over]

    def _ready(self, stamp: int, holding: np.ndarray) -> np.ndarray:
        """Return the cells of what has held for long enough, with gaps."""
        cells = (holding & self._own).ravel().nonzero()[0]
        rules = cells % len(self._rules)
        again = stamp - self._held.take(cells) > self._gap.take(rules)
        self._since[cells[again]] = stamp
        self._held[cells] = stamp
        return cells[stamp - self._since.take(cells) >= self._dwell.take(rules)]

    def _pop(self, cell: int) -> _Unheld:
        times = int(self._last[cell]), int(self._over_after[cell])
        self._over_after[cell] = NEVER
        return _Unheld(self._open.pop(cell), *times)

    def _follow(self, stamp: int, cell: int) -> list[Alarm]:
        row, index = divmod(cell, len(self._rules))
        rule, since, describer = self._rules[index], int(self._since[cell]), self._describer
        finding = Finding(
            rule,
            lambda: describer.began(rule, row, since),
            stamp,
            lambda: describer.of_row(rule, row, since),
        )
        known = self._open.get(cell)
        if known is not None:
            return known.go_on(stamp, finding)
        begun = self._open[cell] = self._issuer.begin(self._camera, stamp, finding)
        return [begun.alarm] if begun.alarm else []


@dataclass(frozen=True)
class _Unheld:
    """An occurrence that does not hold any more.

    Attributes:
        occurrence: Itself.
        last: Stamp of its last evidence in ns.
        over_after: Stamp in ns after which it is over.
    """

    occurrence: Occurrence
    last: int
    over_after: int


_BY_CELL = (
    ('_since', LONG_AGO),
    ('_held', LONG_AGO),
    ('_over_after', NEVER),
    ('_last', LONG_AGO),
    ('_versions', 0),
    ('_cool_at', LONG_AGO),
)

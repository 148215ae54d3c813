"""Turn conditions of spans into terms of SQL."""

from __future__ import annotations

from actloc_ros.frames import nanoseconds
from actloc_ros.recordings.search.catalogue import Catalogue
from actloc_ros.recordings.search.clock import Clock, since_midnight
from actloc_ros.recordings.search.query import (
    And,
    AtOffset,
    AtTime,
    Lasting,
    Named,
    Not,
    OfTrack,
    OnDates,
    Or,
    Query,
    Score,
)
from actloc_ros.recordings.search.relation import Statement

DAY = 86_400_000_000_000  # ns
# Scores are stored as 32 bit floats; so compared, 0.9 is at least 0.9.
REAL = 'REAL'


class Conditions:
    """Makes terms for the columns of an alias `s`."""

    def __init__(self, statement: Statement, catalogue: Catalogue, clock: Clock) -> None:
        """Begin; the clock says what time of day a stamp is."""
        self._bind = statement.bind
        self._catalogue = catalogue
        self._clock = clock
        self.asks_for_clock = False

    def term(self, condition: Query) -> str:
        """Return the term of a condition.

        Raises:
            QueryError: It names what the index does not have.
        """
        if isinstance(condition, Not):
            return f'NOT coalesce({self.term(condition.inner)}, false)'
        if isinstance(condition, (And, Or)):
            word = 'AND' if isinstance(condition, And) else 'OR'
            return f'({self.term(condition.first)} {word} {self.term(condition.second)})'
        if isinstance(condition, Named):
            return self._named(condition)
        if isinstance(condition, OfTrack):
            return f's.track = {self._bind(condition.track)}'
        if isinstance(condition, Score):
            return f's.score {condition.comparison} {self._bind(condition.value, REAL)}'
        if isinstance(condition, Lasting):
            lasts = self._bind(nanoseconds(condition.value))
            return f's."end" - s.start {condition.comparison} {lasts}'
        return self._when(condition)

    def zones(self, condition: Named) -> str:
        """Return a parameter with the numbers of the zones that are meant."""
        return self._bind(self._catalogue.named(condition), 'SMALLINT[]')

    def _named(self, condition: Named) -> str:
        if condition.kind == 'zone':
            return ' '.join(
                (
                    'EXISTS (SELECT 1 FROM stays z WHERE z.view = s.view AND z.track = s.track',
                    f'AND z.zone IN (SELECT unnest({self.zones(condition)}))',
                    'AND z.start <= s."end" AND z."end" >= s.start)',
                )
            )
        found = self._catalogue.named(condition)
        if condition.kind == 'camera':
            inner = f'v.camera IN (SELECT unnest({self._bind(found, "VARCHAR[]")}))'
        elif condition.kind == 'recording':
            inner = f'v.recording IN (SELECT unnest({self._bind(found, "INTEGER[]")}))'
        else:
            models = f'SELECT unnest({self._bind(found, "VARCHAR[]")})'
            inner = ' '.join(
                ('v.recording IN (SELECT recording FROM recordings WHERE model IN (', models, '))')
            )
        return ' '.join(('s.view IN (SELECT v.view FROM views v WHERE', inner, ')'))

    def _when(self, condition: Query) -> str:
        if isinstance(condition, AtOffset):
            offset = ' '.join(
                (
                    '(SELECT s.start - r.start FROM views v',
                    'JOIN recordings r ON r.recording = v.recording WHERE v.view = s.view)',
                )
            )
            bounds = (condition.after, condition.before)
            return self._between(offset, *(b if b is None else nanoseconds(b) for b in bounds))
        self.asks_for_clock = True
        has_clock = 's.view IN (SELECT v.view FROM views v WHERE v.wall_clock)'
        if isinstance(condition, OnDates):
            dates = (condition.after, condition.before)
            bounds_ = (d if d is None else self._clock.stamp(d) for d in dates)
            return f'({has_clock} AND {self._between("s.start", *bounds_)})'
        if isinstance(condition, AtTime):
            return f'({has_clock} AND {self._time_of_day(condition)})'
        raise TypeError(f'{condition} is no condition')

    def _time_of_day(self, condition: AtTime) -> str:
        local = f'((s.start + {self._offset()}) % {DAY})'
        after, before = since_midnight(condition.after), since_midnight(condition.before)
        if before == 0:
            return self._between(local, after, None)
        if after <= before:
            return self._between(local, after, before)
        return f'({local} >= {self._bind(after)} OR {local} < {self._bind(before)})'

    def _offset(self) -> str:
        """Return the term of what the clock is ahead of UTC at a span's start."""
        (_, first), *changes = self._clock.offsets
        whens = ' '.join(
            f'WHEN s.start >= {self._bind(stamp)} THEN {self._bind(offset)}'
            for stamp, offset in reversed(changes)
        )
        return f'CASE {whens} ELSE {self._bind(first)} END' if whens else self._bind(first)

    def _between(self, value: str, after: int | None, before: int | None) -> str:
        terms = [] if after is None else [f'{value} >= {self._bind(after)}']
        terms += [] if before is None else [f'{value} < {self._bind(before)}']
        return f'({" AND ".join(terms)})'

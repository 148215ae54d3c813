"""Say what is unusual: more or less of it than in the days before, new, or longer than ever.

Counts of a label in a day are compared with the footage before that day: if it happened at the same
rate, how probable were as many, or as few? With k occurrences in t hours before and h hours that
day, counts follow a negative binomial distribution with k + ½ and t / (t + h) (the predictive
distribution of a Poisson rate under Jeffreys' prior). Where counts vary from day to day by more
than chance, they are divided by by how much (Pearson's χ² a degree of freedom), as in quasi-Poisson
models. A day is unusual if the probability, times the number of comparisons made, is below 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.summary.clock import Clock
from actloc_ros.recordings.summary.tables import Tables

SIGNIFICANCE = 0.05
LEAST_HISTORY = 2  # periods before, without which nothing is compared
LEAST_DURATIONS = 10  # instances before, without which none is called the longest
LONGER = 2.0  # times the longest before


@dataclass(frozen=True)
class Unusual:
    """Something that stands out against what was before.

    Attributes:
        kind: `more`, `less`, `new` or `long`.
        period: The day, or the recording.
        label: What was done.
        value: How often; of `long` the duration in s.
        usual: How often it was to be expected; of `long` the longest before, in s.
        probability: Of a difference as large by chance, times the comparisons made; of `new` and
            `long` none.
    """

    kind: str
    period: str
    label: str
    value: float
    usual: float
    probability: float | None = None


@dataclass(frozen=True, eq=False)
class Periods:
    """Days, or recordings where there is no time of day, in order.

    Attributes:
        names: Of the P periods.
        hours: float64 (P,), footage of each.
        counts: int64 (P, L), instances of each label.
        of: int64 (N,), the period in which each instance began.
        by_day: Whether periods are days.
    """

    names: tuple[str, ...]
    hours: np.ndarray
    counts: np.ndarray
    of: np.ndarray
    by_day: bool


def find_periods(tables: Tables, clock: Clock) -> Periods:
    """Return the days of the footage; its recordings where stamps are no times of day."""
    found, views = tables.instances, tables.views
    if tables.wall_clock:
        pieces = [(v, *piece) for v, f in views.items() for piece in _days(f.start, f.end, clock)]
        names = tuple(sorted({name for _, name, _ in pieces}))
        numbers = {name: index for index, name in enumerate(names)}
        of = _day_numbers(found.start, numbers, clock)
    else:
        pieces = [
            (v, str(f.path), (f.end - f.start) / NANOSECONDS / 3600) for v, f in views.items()
        ]
        names = tuple(dict.fromkeys(str(f.path) for f in views.values()))
        numbers = {name: index for index, name in enumerate(names)}
        by_view = {v: numbers[str(f.path)] for v, f in views.items()}
        of = np.array([by_view[v] for v in found.view.tolist()], np.int64)
    hours = np.zeros(len(names))
    for _, name, length in pieces:
        hours[numbers[name]] += length
    counts = np.zeros((len(names), len(tables.labels)), np.int64)
    np.add.at(counts, (of, found.label), 1)
    return Periods(names, hours, counts, of, tables.wall_clock)


def _days(start: int, end: int, clock: Clock) -> list[tuple[str, float]]:
    """Return the days between two stamps, each with its hours."""
    pieces, now = [], start
    while True:
        day = clock.day(now)
        midnight = _next_day(now, clock)
        until = min(end, midnight)
        pieces.append((day, (until - now) / NANOSECONDS / 3600))
        if until >= end:
            return pieces
        now = until


def _next_day(stamp: int, clock: Clock) -> int:
    moment = clock.moment(stamp)
    low, high = stamp, stamp + 26 * 3600 * NANOSECONDS
    while high - low > NANOSECONDS // 1000:  # days have 23 to 25 h
        middle = (low + high) // 2
        if clock.moment(middle).date() == moment.date():
            low = middle
        else:
            high = middle
    return high


def _day_numbers(starts: np.ndarray, numbers: dict[str, int], clock: Clock) -> np.ndarray:
    """Return each start's day; hours, of which each lies in one day, are looked up once."""
    quarter = 900 * NANOSECONDS  # time zones differ by quarters of an hour
    cells, inverse = np.unique(starts // quarter, return_inverse=True)
    days = [numbers[clock.day(int(cell) * quarter)] for cell in cells.tolist()]
    return np.array(days, np.int64)[inverse] if len(days) else np.zeros(0, np.int64)


def find_unusual(tables: Tables, periods: Periods) -> list[Unusual]:
    """Return what is unusual, in order of periods; none where there are fewer than 3 of them."""
    compared = [
        (period, label)
        for period in range(LEAST_HISTORY, len(periods.names))
        for label in range(len(tables.labels))
        if periods.counts[: period + 1, label].any()
    ]
    found: list[tuple[int, Unusual]] = []
    for period, label in compared:
        each = _compare(tables.labels[label], periods, period, label, len(compared))
        if each is not None:
            found.append((period, each))
    found += _long_ones(tables, periods)
    return [each for _, each in sorted(found, key=lambda pair: (pair[0], pair[1].label))]


def _compare(
    name: str, periods: Periods, period: int, label: int, comparisons: int
) -> Unusual | None:
    before, hours = periods.counts[:period, label], periods.hours[:period]
    count, length = int(periods.counts[period, label]), float(periods.hours[period])
    past, exposure = int(before.sum()), float(hours.sum())
    if not exposure or not length:
        return None
    usual = past / exposure * length
    spread = dispersion(before, hours)
    if count > usual:
        chance = tail(count / spread, past / spread, exposure, length, more=True)
    else:
        chance = tail(count / spread, past / spread, exposure, length, more=False)
    chance *= comparisons
    if not past:
        return Unusual('new', periods.names[period], name, count, 0.0)
    if chance >= SIGNIFICANCE:
        return None
    kind = 'more' if count > usual else 'less'
    return Unusual(kind, periods.names[period], name, count, usual, chance)


def tail(count: float, past: float, exposure: float, length: float, more: bool) -> float:
    """Return the probability of at least (or at most) `count` in `length` hours.

    Args:
        count: At least 0, whole or not.
        past: How many there were in the hours before.
        exposure: Those hours, above 0.
        length: Hours in which `count` happened, above 0.
        more: At least `count`; else at most.
    """
    size, share = past + 0.5, length / (exposure + length)
    if more:
        return float(betainc(count, size, share)) if count > 0 else 1.0
    return float(1 - betainc(count + 1, size, share))


def dispersion(counts: np.ndarray, hours: np.ndarray) -> float:
    """Return by how much counts vary more than by chance, at least 1 (Pearson's χ² / (P − 1))."""
    there = hours > 0
    counts, hours = counts[there], hours[there]
    if len(counts) < LEAST_HISTORY or not counts.sum():
        return 1.0
    expected = counts.sum() / hours.sum() * hours
    return max(1.0, float(((counts - expected) ** 2 / expected).sum() / (len(counts) - 1)))


def _long_ones(tables: Tables, periods: Periods) -> list[tuple[int, Unusual]]:
    """Return the longest instance of each label and period, if it is twice the longest before."""
    found, result = tables.instances, []
    lasted = (found.end - found.start) / NANOSECONDS
    for label in np.unique(found.label).tolist():
        rows = np.flatnonzero(found.label == label)
        rows = rows[np.argsort(periods.of[rows], kind='stable')]
        longest: float = 0.0
        for period in np.unique(periods.of[rows]).tolist():
            begin, end = np.searchsorted(periods.of[rows], [period, period + 1]).tolist()
            top = float(lasted[rows[begin:end]].max())
            if begin >= LEAST_DURATIONS and top > LONGER * longest:
                name = tables.labels[label]
                result.append((period, Unusual('long', periods.names[period], name, top, longest)))
            longest = max(longest, top)
    return result


def describe(unusual: Sequence[Unusual], by_day: bool) -> list[str]:
    """Return a sentence for each."""
    before = 'the days before' if by_day else 'the recordings before'
    sentences = {
        'more': '{0}: {1} {2:.0f} times; {3:.1f} were to be expected from {4} (p = {5:.1g})',
        'less': '{0}: {1} {2:.0f} times; {3:.1f} were to be expected from {4} (p = {5:.1g})',
        'new': '{0}: {1} for the first time, {2:.0f} in all',
        'long': '{0}: {1} for {2:.1f} s; the longest of {4} lasted {3:.1f} s',
    }
    return [
        sentences[u.kind].format(u.period, u.label, u.value, u.usual, before, u.probability or 0)
        for u in unusual
    ]

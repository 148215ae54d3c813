"""Choose moments for a reel: interest and variety, maximized within a length.

The objective is a mixture of a modular and a submodular part, as Lin and Bilmes (2011) sum up
texts:

    F(S) = Σ_m∈S interest(m) + Σ_p weight(p) Σ_g∈p √(Σ_m∈S share(m, g))

where partitions p divide events by what they are, by the camera of a recording, and by time. The
square root makes the second event of a group worth less than the first. F is monotone and
submodular, so the better of greedy choice by gain a second and of the best single moment reaches
½ (1 − 1/e) of the best possible (Leskovec et al. 2007). Beside the best single moment goes what
else there is room for.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.recordings.summary.interest import Events
from actloc_ros.recordings.summary.moments import Moment, moment_costs

VARIETY = {'kind': 0.5, 'camera': 0.2, 'time': 0.2}  # weights of the partitions
ALARM_SHARE = 100.0  # of its rule: the first alarm of each comes first, also where it lasts long
PERIODS = 24  # parts into which the time from the first to the last moment is divided
GUARANTEE = 0.5 * (1 - 1 / np.e)


@dataclass(frozen=True)
class Choice:
    """Moments that were chosen.

    Attributes:
        moments: Their places, rising.
        value: F of them.
        bound: What share of the best possible F they reach at least, by the gains of what was left
            out (never below `GUARANTEE`).
    """

    moments: tuple[int, ...]
    value: float
    bound: float


class Objective:
    """F of moments, and what each further one would add.

    Attributes:
        interest: float64 (M,), the greatest of each moment's events.
    """

    def __init__(self, events: Events, moments: Sequence[Moment]) -> None:
        """Prepare it for all moments there are."""
        self.interest = np.array(
            [events.interest[m.first : m.last].max() for m in moments], np.float64
        )
        self._entries = _entries(events, moments, self.interest)
        self._sums = np.zeros(self._entries.groups)

    def gain(self, moment: int) -> float:
        """Return what a moment would add."""
        there = self._entries.of(moment)
        group, share, weight = (column[there] for column in self._entries.columns)
        before = self._sums[group]
        more = weight * (np.sqrt(before + share) - np.sqrt(before))
        return float(self.interest[moment] + more.sum())

    def gains(self) -> np.ndarray:
        """Return what each of the M moments would add: float64 (M,)."""
        group, share, weight = self._entries.columns
        before = self._sums[group]
        more = weight * (np.sqrt(before + share) - np.sqrt(before))
        return self.interest + np.bincount(
            self._entries.moment, weights=more, minlength=len(self.interest)
        )

    def add(self, moment: int) -> None:
        """Count a moment as chosen."""
        there = self._entries.of(moment)
        group, share, _ = (column[there] for column in self._entries.columns)
        np.add.at(self._sums, group, share)

    def clear(self) -> None:
        """Choose nothing again."""
        self._sums[:] = 0


@dataclass(frozen=True, eq=False)
class _Entries:
    """What moments give to groups: rows (moment, group), sorted by moment.

    Attributes:
        moment: int64 (R,).
        first: int64 (M + 1,): where each moment's rows begin.
        columns: Group int64 (R,), share and weight float64 (R,).
        groups: How many groups there are.
    """

    moment: np.ndarray
    first: np.ndarray
    columns: tuple[np.ndarray, np.ndarray, np.ndarray]
    groups: int

    def of(self, moment: int) -> slice:
        return slice(self.first[moment], self.first[moment + 1])


def _entries(events: Events, moments: Sequence[Moment], interest: np.ndarray) -> _Entries:
    """Return shares: of a kind its greatest interest in the moment, of camera and time all.

    Alarms have `ALARM_SHARE` times as much of their rule.
    """
    count, kinds = len(moments), len(events.kinds)
    owner = np.repeat(np.arange(count), [m.last - m.first for m in moments])
    pairs, inverse = np.unique(owner * kinds + events.kind, return_inverse=True)
    greatest = np.zeros(len(pairs))
    np.maximum.at(greatest, inverse, events.interest * np.where(events.row < 0, ALARM_SHARE, 1.0))
    views = np.array([m.view for m in moments], np.int64)
    cameras = np.unique(views, return_inverse=True)[1].reshape(-1)
    columns = [
        (pairs // max(kinds, 1), pairs % max(kinds, 1), greatest, VARIETY['kind']),
        (np.arange(count), kinds + cameras, interest, VARIETY['camera']),
    ]
    periods = _periods(moments)
    first = kinds + (int(cameras.max()) + 1 if count else 0)
    columns.append((np.arange(count), first + periods, interest, VARIETY['time']))
    moment = np.concatenate([column[0] for column in columns]).astype(np.int64)
    order = np.argsort(moment, kind='stable')
    group = np.concatenate([column[1] for column in columns]).astype(np.int64)[order]
    share = np.concatenate([column[2] for column in columns])[order]
    weight = np.concatenate([np.full(len(c[0]), c[3]) for c in columns])[order]
    begins = np.searchsorted(moment[order], np.arange(count + 1))
    return _Entries(moment[order], begins, (group, share, weight), first + PERIODS)


def _periods(moments: Sequence[Moment]) -> np.ndarray:
    """Return in which of `PERIODS` parts of the whole time each moment begins: int64 (M,)."""
    starts = np.array([moment.start for moment in moments], np.int64)
    if not len(starts):
        return starts
    since = starts - starts.min()
    return since // (int(since.max()) // PERIODS + 1)


def choose(objective: Objective, moments: Sequence[Moment], seconds: float) -> Choice:
    """Choose moments that cost at most `seconds` s in all.

    Args:
        objective: Of these moments.
        moments: All there are.
        seconds: Above 0.
    """
    lengths = moment_costs(moments)
    fits = lengths <= seconds
    objective.clear()
    single = objective.gains()
    greedy, value = _greedy(objective, lengths, seconds, single)
    best = int(np.argmax(np.where(fits, single, -1))) if fits.any() else -1
    if best >= 0 and single[best] > value:
        objective.clear()
        greedy, value = _greedy(objective, lengths, seconds, single, best)
    most = min(
        _most(single, lengths, seconds, fits),
        value + _most(objective.gains(), lengths, seconds, _without(fits, greedy)),
    )
    bound = max(GUARANTEE, value / most) if most > 0 else 1.0
    return Choice(tuple(sorted(greedy)), value, min(1.0, float(bound)))


def _greedy(
    objective: Objective,
    lengths: np.ndarray,
    seconds: float,
    single: np.ndarray,
    first: int | None = None,
) -> tuple[list[int], float]:
    """Choose by gain a second, after `first`, if there is one.

    Gains only fall, so that old ones are bounds (Minoux 1978).
    """
    heap = [
        (-gain / length, moment)
        for moment, (gain, length) in enumerate(zip(single.tolist(), lengths.tolist(), strict=True))
        if length <= seconds and moment != first
    ]
    heapq.heapify(heap)
    chosen: list[int] = []
    left, value = seconds, 0.0
    if first is not None:
        objective.add(first)
        chosen.append(first)
        left, value = left - float(lengths[first]), float(single[first])
    while heap:
        _, moment = heapq.heappop(heap)
        if lengths[moment] > left:
            continue
        gain = objective.gain(moment)
        density = gain / lengths[moment]
        if heap and density < -heap[0][0]:
            heapq.heappush(heap, (-density, moment))
            continue
        objective.add(moment)
        chosen.append(moment)
        left -= float(lengths[moment])
        value += gain
    return chosen, value


def _without(fits: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    left = fits.copy()
    left[list(chosen)] = False
    return left


def _most(gains: np.ndarray, lengths: np.ndarray, seconds: float, allowed: np.ndarray) -> float:
    """Return the most that allowed moments could add: of the last one, the part that fits."""
    places = np.flatnonzero(allowed)
    places = places[np.argsort(-gains[places] / lengths[places], kind='stable')]
    used = np.cumsum(lengths[places])
    whole = int(np.searchsorted(used, seconds, side='right'))
    total = float(gains[places[:whole]].sum())
    if whole < len(places):
        left = seconds - (float(used[whole - 1]) if whole else 0.0)
        total += float(gains[places[whole]] * left / lengths[places[whole]])
    return total

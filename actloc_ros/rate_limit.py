"""Let frames pass at no more than a rate."""

from __future__ import annotations

from actloc_ros.frames import NANOSECONDS, nanoseconds


class RateLimit:
    """Lets frames pass at no more than a rate, by their stamps.

    Frames that are late by less than `max_lateness` s pass: others drop and count them.
    """

    def __init__(self, max_lateness: float = 0.0) -> None:
        self._max_lateness = nanoseconds(max_lateness)
        self._next: int | None = None
        self._previous = 0

    def due(self, stamp: int, rate: float) -> bool:
        """Say whether the frame of `stamp` (ns) passes at `rate` (Hz; 0: no limit)."""
        if rate <= 0:
            self._next = None
            return True
        period = round(NANOSECONDS / rate)
        if 0 < self._previous - stamp < self._max_lateness:
            return True
        jumped = stamp < self._previous
        self._previous = stamp
        if self._next is None or jumped or stamp >= self._next + period:
            self._next = stamp + period
            return True
        if stamp < self._next:
            return False
        self._next += period  # on the beat, so that the mean rate is the one asked for
        return True

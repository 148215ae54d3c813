"""Let frames pass at no more than a rate."""

from __future__ import annotations

from actloc_ros.frames import NANOSECONDS


class RateLimit:
    """Lets frames pass at no more than a rate, by their stamps."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._previous = 0

    def due(self, stamp: int, rate: float) -> bool:
        """Say whether the frame of `stamp` (ns) passes at `rate` (Hz; 0: no limit)."""
        if rate <= 0:
            self._next = None
            return True
        period = round(NANOSECONDS / rate)
        jumped = stamp < self._previous
        self._previous = stamp
        if self._next is None or jumped or stamp >= self._next + period:
            self._next = stamp + period
            return True
        if stamp < self._next:
            return False
        self._next += period  # on the beat, so that the mean rate is the one asked for
        return True

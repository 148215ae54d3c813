"""Say over which share of the last seconds something held, for what has no row of an actor."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Key = TypeVar('Key')


class HeldShare:
    """Whether something held at each of the newest key frames, over a window of time."""

    def __init__(self, duration: int, min_fraction: float) -> None:
        """Begin; `duration` in ns."""
        self._duration, self._min_fraction = duration, min_fraction
        self._steps: deque[tuple[int, bool]] = deque()
        self._held = 0
        self._since: int | None = None

    def step(self, stamp: int, holds: bool) -> bool:
        """Take a key frame; return whether it held over the whole window, for its share."""
        if self._since is None:
            self._since = stamp
        self._steps.append((stamp, holds))
        self._held += holds
        while self._steps[0][0] < stamp - self._duration:
            self._held -= self._steps.popleft()[1]
        share = self._held / len(self._steps)
        return (
            stamp - self._since >= self._duration
            and self._held > 0
            and (share >= self._min_fraction)
        )

    @property
    def began(self) -> int:
        """Stamp of the first key frame in the window at which it held."""
        return next((stamp for stamp, holds in self._steps if holds), self._steps[-1][0])

    @property
    def idle(self) -> bool:
        """Whether it held at no key frame in the window."""
        return not self._held


class DwellClocks(Generic[Key]):
    """Since when each of many things has held, with gaps up to a time; by key."""

    def __init__(self, gap: int) -> None:
        """Begin; `gap` in ns."""
        self._gap = gap
        self._since: dict[Key, int] = {}
        self._last: dict[Key, int] = {}

    def step(self, stamp: int, holding: dict[Key, int]) -> dict[Key, int]:
        """Take what holds, with the stamp of its first evidence; return since when each has."""
        for key in [k for k, last in self._last.items() if stamp - last > self._gap]:
            del self._since[key], self._last[key]
        for key, began in holding.items():
            self._since.setdefault(key, began)
            self._last[key] = stamp
        return {key: self._since[key] for key in holding}

"""Decide how fast the robot may drive beside people.

`nav2_msgs/SpeedLimit` has traps: 0 means no limit, more than 100 % makes some controllers faster,
nobody forgets a limit by time, and whoever wrote last wins.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from actloc_ros.frames import nanoseconds

FULL = 100.0
LEAST = 1.0  # %: what can be said that is nearest to standing still


@dataclass(frozen=True)
class SpeedOptions:
    """How the limit follows from the distance.

    Attributes:
        low: Limit in % within `near`, and while nothing is known.
        near: Distance in m within which `low` holds.
        far: Distance in m from which there is no limit.
        release: Time in s for which a higher limit must have been due before it is given.
        max_speed: The controller's greatest speed in m/s, to compare with limits in m/s.
    """

    low: float = 20.0
    near: float = 1.0
    far: float = 3.0
    release: float = 2.0
    max_speed: float = 0.5

    def __post_init__(self) -> None:
        if self.far <= self.near:
            raise ValueError(
                f'speed_limit.far is {self.far} m; it must be above speed_limit.near ({self.near})'
            )


@dataclass(frozen=True)
class Limit:
    """A limit as in `nav2_msgs/SpeedLimit`.

    Attributes:
        value: In % of the greatest speed, or in m/s; 0 means no limit.
        percentage: Whether it is in %.
    """

    value: float
    percentage: bool = True


NO_LIMIT = Limit(0.0)


class SpeedLimiter:
    """The least of what people ask for and what others last asked for.

    A limit falls at once, and rises to the least that was due in the last `release` s: people at
    the edge of a distance do not make the robot go on and off.
    """

    def __init__(self, options: SpeedOptions) -> None:
        self._options = options
        self._due: deque[tuple[int, float]] = deque()
        self._others = NO_LIMIT
        self._low = max(options.low, LEAST)

    def update(self, now: int, gap: float | None, known: bool) -> Limit:
        """Return the limit at `now` (ns).

        Args:
            now: The time.
            gap: Distance in m to the nearest person that the robot meets; None without any.
            known: Whether it is known who is where; if not, the limit is low.
        """
        if self._due and now < self._due[-1][0]:
            self.reset()  # time jumped back
        if not self._due:
            self._due.append((now, self._low))
        due = self._of_distance(gap) if known else self._low
        while self._due and self._due[-1][1] >= due:
            self._due.pop()
        self._due.append((now, due))
        # Values rise from the first, which is the least, to the last; times are when each was due
        # last.
        while len(self._due) > 1 and now - self._due[0][0] > nanoseconds(self._options.release):
            self._due.popleft()
        return self.current()

    def current(self) -> Limit:
        """Return the limit that holds now, with that of others."""
        ours = self._due[0][1] if self._due else self._low
        return self._others if self._in_percent(self._others) < ours else Limit(ours)

    def take(self, limit: Limit) -> bool:
        """Take what somebody else asked for; return whether it is a limit at all."""
        if not math.isfinite(limit.value) or limit.value < 0:
            return False
        cut = min(limit.value, FULL) if limit.percentage else limit.value
        self._others = Limit(cut, limit.percentage)
        return True

    def released(self) -> Limit:
        """Return the limit to leave behind: that of others, or none."""
        return self._others

    def reset(self) -> None:
        """Forget what was due; the limit is low until people are known again."""
        self._due.clear()

    def _of_distance(self, gap: float | None) -> float:
        if gap is None:
            return FULL
        options = self._options
        share = (gap - options.near) / (options.far - options.near)
        return math.floor(self._low + (FULL - self._low) * min(max(share, 0.0), 1.0))

    def _in_percent(self, limit: Limit) -> float:
        if limit.value == 0:
            return math.inf
        return limit.value if limit.percentage else FULL * limit.value / self._options.max_speed

"""Thin a track's boxes: keep those that a line between kept ones does not say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from actloc_ros.frames import seconds

TOLERANCE = 1.999  # px: how far a box may lie off the line; a little is left for rounding


@dataclass(frozen=True, eq=False)
class KeyBox:
    """A box of a track at a key frame that is kept.

    Attributes:
        stamp: In ns.
        box: x1, y1, x2, y2 in pixels.
        joints: float (K, 3); None where there are none.
    """

    stamp: int
    box: tuple[float, float, float, float]
    joints: np.ndarray | None


@dataclass
class BoxThinner:
    """Takes the boxes of one track in order, and keeps as few as it can without looking ahead.

    From the last kept box on, each box leaves a range of slopes in which a line passes it near
    enough; a box whose own line lies outside of the range is not reached, and the one before it is
    kept.
    """

    kept: list[KeyBox] = field(default_factory=list)
    _last: KeyBox | None = None
    _low: list[float] = field(default_factory=list)
    _high: list[float] = field(default_factory=list)

    def add(self, box: KeyBox) -> None:
        """Take the next box; its stamp is above that of the one before."""
        if self._last is None:
            self._keep(box)
        elif not self._reaches(box):
            self._keep(self._last)
        self._last = box
        self._narrow(box)

    def finish(self) -> list[KeyBox]:
        """Return all that is kept: the first and the last box, and what is needed between."""
        if self._last is not None and self._last is not self.kept[-1]:
            self._keep(self._last)
        return self.kept

    def _keep(self, box: KeyBox) -> None:
        self.kept.append(box)
        self._low, self._high = [-math.inf] * 4, [math.inf] * 4

    def _reaches(self, box: KeyBox) -> bool:
        anchor = self.kept[-1]
        time = seconds(box.stamp - anchor.stamp)
        slopes = ((b - a) / time for a, b in zip(anchor.box, box.box, strict=True))
        ranges = zip(self._low, slopes, self._high, strict=True)
        return all(low <= slope <= high for low, slope, high in ranges)

    def _narrow(self, box: KeyBox) -> None:
        anchor = self.kept[-1]
        time = seconds(box.stamp - anchor.stamp)
        if not time:
            return
        for i, (a, b) in enumerate(zip(anchor.box, box.box, strict=True)):
            self._low[i] = max(self._low[i], (b - TOLERANCE - a) / time)
            self._high[i] = min(self._high[i], (b + TOLERANCE - a) / time)

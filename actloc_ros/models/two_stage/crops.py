"""Cut the clip of one actor out of a camera's frames, along the actor's own smoothed boxes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.models.ops.squares import squares_around

SMOOTHING = nanoseconds(0.3)  # ns over which a detector's jitter is averaged
SAMPLES = 7  # of the boxes over that time


class TrackBoxes:
    """The boxes of one actor over time.

    Args:
        length: Time in ns that clips span.
    """

    def __init__(self, length: int) -> None:
        self._length = length + SMOOTHING
        self._past: deque[tuple[int, np.ndarray]] = deque()

    def add(self, stamp: int, box: np.ndarray) -> None:
        """Add the box at a stamp (ns) above the last one's: x1, y1, x2, y2."""
        self._past.append((stamp, np.array(box, np.float64)))
        while len(self._past) > 1 and self._past[1][0] <= stamp - self._length:
            self._past.popleft()

    def squares(self, stamps: Sequence[int]) -> np.ndarray:
        """Return the squares around the actor at `stamps` (ns): float64 (K, 4), x1, y1, x2, y2.

        Boxes are interpolated where the actor was not detected, held before the first and after
        the last one, and averaged over 0.3 s.
        """
        known = np.array([(stamp - self._past[0][0]) / NANOSECONDS for stamp, _ in self._past])
        offsets = np.linspace(-SMOOTHING / 2, SMOOTHING / 2, SAMPLES)
        wanted = np.array([stamp - self._past[0][0] for stamp in stamps], np.float64)
        times = (wanted[:, None] + offsets) / NANOSECONDS
        boxes = np.stack([box for _, box in self._past])
        corners = np.stack([np.interp(times, known, column).mean(1) for column in boxes.T], 1)
        return squares_around(corners)

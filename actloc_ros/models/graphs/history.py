"""Remember the joints of one track, and give them at other times. No PyTorch."""

from __future__ import annotations

from collections import deque

import numpy as np

from actloc_ros.models.graphs.streams import KNOWN


class JointHistory:
    """The joints of one track over time, V of them.

    Args:
        length: Time in ns that is remembered.
        confident: Whether the third value of a joint is a confidence in [0, 1]. It then says from
            which frame a joint is taken where only one of two neighbours knows it.
    """

    def __init__(self, length: int, confident: bool) -> None:
        self._length, self._confident = length, confident
        self._past: deque[tuple[int, np.ndarray]] = deque()

    @property
    def first(self) -> int:
        """Stamp of the oldest frame that is remembered, in ns."""
        return self._past[0][0]

    def add(self, stamp: int, joints: np.ndarray) -> None:
        """Add the joints (V, 3) at a stamp in ns above the last one's."""
        self._past.append((stamp, np.array(joints, np.float32)))
        while len(self._past) > 2 and self._past[1][0] <= stamp - self._length:
            self._past.popleft()

    def at(self, stamps: np.ndarray) -> np.ndarray:
        """Return the joints at `stamps`, int64 (K,) in ns, interpolated: float32 (K, V, 3).

        Before the first and after the last frame they are those frames'.
        """
        known = np.array([stamp for stamp, _ in self._past])
        values = np.stack([joints for _, joints in self._past])
        high = np.searchsorted(known, stamps).clip(1, max(1, len(known) - 1))
        low = high - 1
        high = np.minimum(high, len(known) - 1)
        span = np.maximum(known[high] - known[low], 1)
        share = ((stamps - known[low]) / span).clip(0, 1).astype(np.float32)[:, None, None]
        before, after = values[low], values[high]
        mixed = before + (after - before) * share
        if self._confident:
            one_known = (before[..., 2:] > KNOWN) != (after[..., 2:] > KNOWN)
            mixed = np.where(one_known, np.where(share < 0.5, before, after), mixed)
        return mixed

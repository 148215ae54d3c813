"""Make one vector of each short part of a track, of the features that the localizer offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from actloc_ros.frames import nanoseconds

LONGEST = nanoseconds(3.0)  # of a segment
MOST_NUMBERS = 64  # of a vector: ten million of them are to be searched in little memory
SEED = 20260


@dataclass
class SegmentMaker:
    """Takes the features of one track in order.

    Attributes:
        spans: Start and end of each segment in ns, of those that are complete.
        vectors: float32 (D,) of each, of any length.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    vectors: list[np.ndarray] = field(default_factory=list)
    _span: tuple[int, int] | None = None
    _sum: np.ndarray | None = None

    def add(self, stamp: int, features: np.ndarray) -> None:
        """Take the features (D,) of the next key frame."""
        if self._span is not None and stamp - self._span[0] >= LONGEST:
            self.finish()
        start = stamp if self._span is None else self._span[0]
        self._span = start, stamp
        values = features.astype(np.float64)
        self._sum = values if self._sum is None else self._sum + values

    def finish(self) -> None:
        """Complete the segment that is open."""
        if self._span is not None and self._sum is not None:
            self.spans.append(self._span)
            self.vectors.append(self._sum.astype(np.float32))
        self._span = self._sum = None


def as_vectors(features: list[np.ndarray]) -> np.ndarray:
    """Return features as float16 (N, D) of length 1, D at most `MOST_NUMBERS`.

    More numbers are turned into fewer by a fixed random projection, which keeps angles about as
    they are.
    """
    if not features:
        return np.zeros((0, 0), np.float16)
    values = np.stack(features).astype(np.float64)
    if values.shape[1] > MOST_NUMBERS:
        values = values @ _projection(values.shape[1])
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.maximum(lengths, 1e-9)).astype(np.float16)


@cache
def _projection(numbers: int) -> np.ndarray:
    random = np.random.default_rng(SEED).normal(size=(numbers, MOST_NUMBERS))
    return random / np.sqrt(MOST_NUMBERS)

"""Turn blocks of sound, each with a stamp, into mono sound at one rate, by their times."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.localizer import SOUND_RATE

JITTER = nanoseconds(0.1)
"""How far in ns a stamp may be from where the blocks before it end, before it counts."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Sound from one time on.

    Attributes:
        index: Of its first sample, counted from time 0 at `SOUND_RATE`.
        samples: float32 (N,) mono in [-1, 1] at `SOUND_RATE`.
    """

    index: int
    samples: np.ndarray

    @property
    def end(self) -> int:
        """The index after its last sample."""
        return self.index + len(self.samples)


def index_at(stamp: int) -> int:
    """Return the index of the sample nearest to a time in ns."""
    return (stamp * SOUND_RATE + NANOSECONDS // 2) // NANOSECONDS


class SoundStream:
    """Joins blocks that follow each other without a gap; a gap begins again at its stamp.

    Clocks of microphones and stamps differ, and stamps of arrival jitter: blocks follow each other
    by their lengths, until a stamp is more than `JITTER` away.
    """

    def __init__(self) -> None:
        self._rate = 0
        self._anchor = self._fed = self._next = 0
        self._resampler: av.AudioResampler | None = None

    def add(self, stamp: int, samples: np.ndarray, rate: int) -> list[Piece]:
        """Take a block, and return what of it and of blocks before is complete.

        Args:
            stamp: When its first sample was recorded, in ns.
            samples: float32 (N, channels) in [-1, 1].
            rate: Samples a second, 1 or more.
        """
        pieces = []
        if rate != self._rate or abs(stamp - self._expected()) > JITTER:
            pieces = self.flush()
            self._begin(stamp, rate)
        mono = samples.mean(axis=1, dtype=np.float32)
        resampled = self._resample(mono)
        self._fed += len(mono)
        return [*pieces, *self._pieces(resampled)]

    def flush(self) -> list[Piece]:
        """Return what is left, and begin again with the next block."""
        left = [] if self._resampler is None else self._resampler.resample(None)
        pieces = self._pieces(_joined(left))
        self._rate, self._resampler = 0, None
        return pieces

    def _begin(self, stamp: int, rate: int) -> None:
        self._rate, self._anchor, self._fed = rate, stamp, 0
        self._next = index_at(stamp)
        if rate != SOUND_RATE:
            self._resampler = av.AudioResampler(format='flt', layout='mono', rate=SOUND_RATE)

    def _expected(self) -> int:
        return self._anchor + self._fed * NANOSECONDS // max(self._rate, 1)

    def _resample(self, mono: np.ndarray) -> np.ndarray:
        if self._resampler is None or not len(mono):
            return mono
        frame = av.AudioFrame.from_ndarray(mono[None], format='flt', layout='mono')
        frame.sample_rate, frame.pts = self._rate, self._fed
        frame.time_base = Fraction(1, self._rate)
        return _joined(self._resampler.resample(frame))

    def _pieces(self, samples: np.ndarray) -> list[Piece]:
        if not len(samples):
            return []
        piece = Piece(self._next, samples)
        self._next = piece.end
        return [piece]


def _joined(frames: list[av.AudioFrame]) -> np.ndarray:
    parts = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate([np.zeros(0, np.float32), *parts])

"""Keep the newest sound, and give what was heard between two times."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from actloc_ros.io.sound.stream import Piece, index_at
from actloc_ros.localizer import SOUND_RATE


class SoundBuffer:
    """The newest pieces of one microphone; any thread may use it."""

    def __init__(self, duration: float) -> None:
        """Prepare to keep the last `duration` s."""
        self._kept = round(duration * SOUND_RATE)
        self._pieces: deque[Piece] = deque()
        self._changed = threading.Condition()

    @property
    def end(self) -> int | None:
        """The index after the newest sample; None without any."""
        with self._changed:
            return self._end()

    @property
    def begin(self) -> int | None:
        """The index of the oldest sample that is kept; None without any."""
        with self._changed:
            return self._pieces[0].index if self._pieces else None

    def add(self, piece: Piece) -> None:
        """Keep a piece; where time has gone back, all that was before is forgotten."""
        with self._changed:
            end = self._end()
            if end is not None and piece.index < end:
                self._step_back(piece.index, end)
            self._pieces.append(piece)
            oldest = piece.end - self._kept
            while self._pieces[0].end <= oldest:
                self._pieces.popleft()
            self._changed.notify_all()

    def read(self, start: int, end: int) -> np.ndarray | None:
        """Return the sound from `start` to `end` in ns, see `SideInputs.sound`."""
        first, last = index_at(start), index_at(end)
        with self._changed:
            found = [p for p in self._pieces if p.index < last and p.end > first]
        if not found:
            return None
        sound = np.zeros(last - first, np.float32)
        for piece in found:
            begin, stop = max(piece.index, first), min(piece.end, last)
            sound[begin - first : stop - first] = piece.samples[
                begin - piece.index : stop - piece.index
            ]
        return sound

    def wait(self, end: int, patience: float) -> bool:
        """Wait at most `patience` s for sound up to `end` in ns; return whether it is there."""
        last = index_at(end)
        with self._changed:
            return self._changed.wait_for(lambda: (self._end() or last - 1) >= last, patience)

    def clear(self) -> None:
        """Forget all."""
        with self._changed:
            self._pieces.clear()

    def _end(self) -> int | None:
        return self._pieces[-1].end if self._pieces else None

    def _step_back(self, index: int, end: int) -> None:
        """Make room for a piece that begins before the end: it counts for what both hold."""
        if end - index > self._kept:
            self._pieces.clear()
        while self._pieces and self._pieces[-1].end > index:
            last = self._pieces.pop()
            if last.index < index:
                self._pieces.append(Piece(last.index, last.samples[: index - last.index]))

"""Give the sound of a recording by the stamps of its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from actloc_ros.io.sound.buffer import SoundBuffer
from actloc_ros.io.sound.stream import Piece, index_at
from actloc_ros.localizer import PersonBoxes, PersonJoints

KEPT = 30.0  # s, above the window of any model


class SoundTrack:
    """The sound of one recording: the `SideInputs` of what runs without ROS.

    It is read on as it is asked for, so that a long recording takes no more memory than a short
    one; whoever asks for what is long past makes it begin again.
    """

    def __init__(self, read: Callable[[], Iterator[Piece]]) -> None:
        """Prepare; `read` gives the pieces from the beginning, in order."""
        self._read = read
        self._buffer = SoundBuffer(KEPT)
        self._pieces: Iterator[Piece] | None = None

    def sound(self, camera: str, start: int, end: int) -> np.ndarray | None:
        """Return what was heard, see `SideInputs.sound`; the recording has one camera."""
        begin = self._buffer.begin
        if self._pieces is None or (begin is not None and index_at(end) <= begin):
            self._buffer.clear()
            self._pieces = self._read()
        last = index_at(end)
        while (self._buffer.end or last - 1) < last or self._buffer.end is None:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._buffer.add(piece)
        return self._buffer.read(start, end)

    def boxes(self, camera: str, stamp: int) -> PersonBoxes | None:
        """Return None: nobody else finds people."""
        return None

    def joints(self, camera: str, stamp: int) -> PersonJoints | None:
        """Return None: nobody else finds joints."""
        return None

"""Turn a live stream's own times into stamps by the wall clock."""

from __future__ import annotations

from actloc_ros.frames import nanoseconds

LONGEST_LAG = nanoseconds(5.0)


class StreamClock:
    """Stamps are the stream's times, moved by one offset to the wall clock.

    So they keep the even pace of the camera, and do not shake as arrivals over a network do. A
    frame cannot come from the future: the offset is that of the frame that was quickest to come,
    and a stamp is late by the shortest time that a frame has taken. A stamp that is more than 5 s
    behind the arrival shows that the stream's clock was set, or that ours was: the offset is then
    taken again. Stamps rise, also over a new connection, unless our clock was set back by more.
    """

    def __init__(self) -> None:
        self._offset: int | None = None
        self._newest: int | None = None

    def connect(self) -> None:
        """Begin a connection: its times have nothing to do with those of the one before."""
        self._offset = None

    def stamp(self, time: int | None, now: int) -> int:
        """Return a frame's stamp in ns.

        Args:
            time: Of the stream, in ns; None where it has none: the frame is stamped as it comes.
            now: When it came by the wall clock, in ns.
        """
        stamp = now if time is None else self._by_offset(time, now)
        if self._newest is not None and self._newest - LONGEST_LAG <= stamp <= self._newest:
            stamp = self._newest + 1
        self._newest = stamp
        return stamp

    def _by_offset(self, time: int, now: int) -> int:
        offset = now - time
        if self._offset is None or not 0 <= offset - self._offset <= LONGEST_LAG:
            self._offset = offset
        return time + self._offset

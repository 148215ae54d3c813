"""Keep the newest stamped messages of a topic, and find the one that belongs to an image."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from actloc_ros.frames import nanoseconds

Item = TypeVar('Item')

PERIODS = 16  # newest differences of stamps, by which a period is estimated
REMEMBERED = 10_000  # stamps of images: minutes, by which a replay may lag behind
MISSED = 100  # images without a message that are remembered, to count messages that come too late


class StampHistory:
    """The newest stamps of one topic in the order they came; any thread may use it."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque(maxlen=REMEMBERED)
        self._steps: deque[int] = deque(maxlen=PERIODS)
        self._lock = threading.Lock()

    def add(self, stamp: int) -> None:
        """Take the stamp in ns of a message that came."""
        with self._lock:
            if self._stamps and stamp > self._stamps[-1]:
                self._steps.append(stamp - self._stamps[-1])
            self._stamps.append(stamp)

    def half_period(self) -> int:
        """Return half the time in ns between two messages; 0 while it is unknown.

        The lower quartile counts, so that messages that got lost do not make it longer.
        """
        with self._lock:
            steps = sorted(self._steps)
        return steps[len(steps) // 4] // 2 if steps else 0

    def nearest(self, stamp: int) -> int | None:
        """Return the stamp nearest to `stamp`, or None without any."""
        with self._lock:
            return min(self._stamps, key=lambda found: abs(found - stamp), default=None)


@dataclass(frozen=True)
class BufferLimits:
    """How much a buffer keeps.

    Attributes:
        duration: Time in s between the oldest and the newest message.
        memory: Size of all messages in bytes; the newest message is kept whatever its size.
    """

    duration: float
    memory: float


@dataclass(frozen=True, eq=False)
class Match(Generic[Item]):
    """What a search gave.

    Attributes:
        item: The message that belongs to the image; None without one.
        offset: Its stamp minus the image's in ns.
        settled: Whether messages that are still to come cannot change that.
    """

    item: Item | None
    offset: int
    settled: bool


@dataclass(eq=False)
class _Entry(Generic[Item]):
    """A message, and the stamp of the image that has it."""

    stamp: int
    item: Item
    size: int
    owner: int | None = None


class StampedBuffer(Generic[Item]):
    """The newest messages of one topic that accompanies a camera's images.

    To an image belongs the message of its stamp. Without one, it is the nearest message, if that
    is at most half a frame's time away (half the images' period, and half the messages' own), and
    if no other image is nearer to it or has it. Any thread may use it.

    Attributes:
        late: Messages that came after the search for them was given up.
        evicted: Messages that were discarded for memory.
    """

    def __init__(self, images: StampHistory, limits: BufferLimits | None) -> None:
        """Prepare an empty buffer.

        Args:
            images: The stamps of the camera's images, which others add.
            limits: How much to keep; None keeps all until `forget`.
        """
        self.late = self.evicted = 0
        self._images, self._limits = images, limits
        self._own = StampHistory()
        self._entries: list[_Entry[Item]] = []  # by rising stamp
        self._size = 0
        self._newest: int | None = None  # the stamp that came last
        self._missed: deque[int] = deque(maxlen=MISSED)
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._entries)

    def put(self, stamp: int, item: Item, size: int = 0) -> None:
        """Keep a message of `size` bytes; another of the same stamp is replaced."""
        with self._changed:
            if self._jumped(stamp):
                self._clear()
            self._own.add(stamp)
            self._newest = stamp
            at = self._index(stamp)
            if at < len(self._entries) and self._entries[at].stamp == stamp:
                self._size -= self._entries.pop(at).size
            self._entries.insert(at, _Entry(stamp, item, size))
            self._size += size
            self._count_late(stamp)
            self._trim()
            self._changed.notify_all()

    def find(self, stamp: int, tolerance: int) -> Match[Item]:
        """Return what belongs to the image of `stamp`, at most `tolerance` away, both in ns."""
        with self._changed:
            return self._find(stamp, tolerance)

    def wait(self, stamp: int, tolerance: int, patience: float) -> Match[Item]:
        """Do as `find`, but wait for at most `patience` s until it is settled."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(stamp, tolerance).settled, patience)
            return self._find(stamp, tolerance)

    def latest(self, stamp: int) -> Item | None:
        """Return the newest message that is not after `stamp`, else the oldest, else None."""
        with self._changed:
            if not self._entries:
                return None
            return self._entries[self._not_after(stamp)].item

    def give_up(self, stamp: int) -> None:
        """Note that the image of `stamp` goes on without a message: one for it is late."""
        with self._changed:
            self._missed.append(stamp)

    def forget(self, stamp: int) -> None:
        """Discard what is older than the newest message that is not after `stamp`."""
        with self._changed:
            del self._entries[: self._not_after(stamp)]
            self._size = sum(entry.size for entry in self._entries)

    def clear(self) -> None:
        """Discard all messages."""
        with self._changed:
            self._clear()

    def _find(self, stamp: int, tolerance: int) -> Match[Item]:
        at = self._index(stamp)
        if at < len(self._entries) and self._entries[at].stamp == stamp:
            self._entries[at].owner = stamp
            return Match(self._entries[at].item, 0, settled=True)
        reach = min(tolerance, self._reach())
        near = [e for e in self._entries[max(at - 1, 0) : at + 1] if self._fits(e, stamp, reach)]
        best = min(near, key=lambda entry: abs(entry.stamp - stamp), default=None)
        if best is None:
            passed = self._newest is not None and self._newest >= stamp
            return Match(None, 0, settled=passed)
        # It is less than half their period away: the next one is farther.
        best.owner = stamp
        return Match(best.item, best.stamp - stamp, settled=True)

    def _fits(self, entry: _Entry[Item], stamp: int, reach: int) -> bool:
        return (
            abs(entry.stamp - stamp) <= reach
            and entry.owner in (None, stamp)
            and self._images.nearest(entry.stamp) in (None, stamp)
        )

    def _reach(self) -> int:
        return min(self._images.half_period(), self._own.half_period())

    def _index(self, stamp: int) -> int:
        return bisect_left(self._entries, stamp, key=_stamp)

    def _not_after(self, stamp: int) -> int:
        return max(bisect_left(self._entries, stamp + 1, key=_stamp) - 1, 0)

    def _jumped(self, stamp: int) -> bool:
        """Say whether time went back by more than is kept."""
        if self._limits is None or self._newest is None:
            return False
        return stamp < self._newest - nanoseconds(self._limits.duration)

    def _count_late(self, stamp: int) -> None:
        reach = self._reach()
        missed = next((m for m in self._missed if abs(m - stamp) <= reach), None)
        if missed is not None:
            self._missed.remove(missed)
            self.late += 1

    def _trim(self) -> None:
        if self._limits is None:
            return
        oldest = self._entries[-1].stamp - nanoseconds(self._limits.duration)
        while self._entries[0].stamp < oldest:
            self._size -= self._entries.pop(0).size
        while self._size > self._limits.memory and len(self._entries) > 1:
            self._size -= self._entries.pop(0).size
            self.evicted += 1

    def _clear(self) -> None:
        self._entries.clear()
        self._size, self._newest = 0, None


def _stamp(entry: _Entry) -> int:
    return entry.stamp

"""Keep what came last, bounded in time and in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from actloc_ros.frames import nanoseconds

Item = TypeVar('Item')


class StampedRing(Generic[Item]):
    """Keeps items in the order of their stamps, unless too old, or too large together.

    Attributes:
        lost: The newest stamp in ns that was thrown away; None where nothing was.
    """

    def __init__(self, history: float, memory: int) -> None:
        """Prepare an empty ring.

        Args:
            history: For how long an item is kept, in s before the newest one.
            memory: Bytes of all items together, at most.
        """
        self.lost: int | None = None
        self._history, self._memory = nanoseconds(history), memory
        self._items: deque[tuple[int, int, Item]] = deque()
        self._bytes = 0

    def add(self, stamp: int, item: Item, size: int) -> None:
        """Add an item of `size` bytes by its stamp in ns.

        One that is older than anything that is kept begins again: the clock has jumped.
        """
        newest = self.newest
        if newest is not None and stamp < newest - self._history:
            self.clear()
        later = 0
        while later < len(self._items) and self._items[-1 - later][0] > stamp:
            later += 1
        self._items.insert(len(self._items) - later, (stamp, size, item))
        self._bytes += size
        while self._items and self._is_too_much():
            self.lost, freed, _ = self._items.popleft()
            self._bytes -= freed

    def after(self, stamp: int, until: int) -> list[tuple[int, Item]]:
        """Return the items of stamps above `stamp`, up to and with `until`, in order."""
        found = []
        for there, _, item in reversed(self._items):
            if there <= stamp:
                break
            if there <= until:
                found.append((there, item))
        return found[::-1]

    def nearest(self, stamp: int) -> tuple[int, Item] | None:
        """Return the item whose stamp is nearest; None in an empty ring."""
        best: tuple[int, Item] | None = None
        for there, _, item in reversed(self._items):
            if best is not None and abs(there - stamp) >= abs(best[0] - stamp):
                break
            best = there, item
        return best

    def before(self, stamp: int) -> tuple[int, Item] | None:
        """Return the newest item of a stamp not above `stamp`; None where there is none."""
        for there, _, item in reversed(self._items):
            if there <= stamp:
                return there, item
        return None

    def clear(self) -> None:
        """Throw everything away."""
        self._items.clear()
        self._bytes, self.lost = 0, None

    def _is_too_much(self) -> bool:
        age = self._items[-1][0] - self._items[0][0]
        return self._bytes > self._memory or age > self._history

    @property
    def newest(self) -> int | None:
        """The newest stamp in ns; None in an empty ring."""
        return self._items[-1][0] if self._items else None

    @property
    def bytes(self) -> int:
        """Of all items together."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[int, Item]]:
        """Yield stamps and items in order."""
        return ((stamp, item) for stamp, _, item in self._items)

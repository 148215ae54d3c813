"""Hand frames from the threads that receive them to the one thread that processes them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar('Item')

PATIENCE = 0.5  # s that a camera's frame waits for a silent camera's, to be taken in order of stamp


class Mailbox(Generic[Item]):
    """Keeps the newest frame of each camera, and counts those that it replaced.

    With `lossless` it keeps every frame instead, and gives one at a time in the order of stamps
    over all cameras, as far as a silent camera does not hold the others up for long.

    Attributes:
        untaken: Frames that were replaced by newer ones, or cleared, before anyone took them, by
            camera.
        late: Frames that were left out since a newer one waited already, by camera.
    """

    def __init__(
        self, cameras: Sequence[str], lossless: bool = False, max_lateness: int = 0
    ) -> None:
        """Prepare an empty mailbox; a frame that is `max_lateness` ns late or more is newer."""
        self.untaken = dict.fromkeys(cameras, 0)
        self.late = dict.fromkeys(cameras, 0)
        self._max_lateness = max_lateness
        self._lossless = lossless
        self._queues: dict[str, deque[tuple[int, Item]]] = {name: deque() for name in cameras}
        self._silent = set(cameras)  # those that nobody waits for
        self._changed = threading.Condition()
        self._woken = False

    def put(self, camera: str, stamp: int, item: Item) -> None:
        """Leave a frame; never blocks."""
        with self._changed:
            queue = self._queues[camera]
            if queue and not self._lossless:
                if 0 < queue[0][0] - stamp < self._max_lateness:
                    self.late[camera] += 1
                    return
                queue.clear()
                self.untaken[camera] += 1
            queue.append((stamp, item))
            self._silent.discard(camera)
            self._changed.notify()

    def take(self, timeout: float) -> list[Item]:
        """Take the newest frame of each camera that has one; with `lossless`, the next frame.

        Returns:
            Nothing where no frame came for `timeout` s, or where `wake` was called.
        """
        with self._changed:
            self._changed.wait_for(self._ready, timeout)
            self._woken = False
            if self._lossless:
                return self._take_next()
            return [queue.popleft()[1] for queue in self._queues.values() if queue]

    def wake(self) -> None:
        """Make the present or the next `take` return at once."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def clear(self) -> int:
        """Throw away what nobody took; return how many frames that were."""
        with self._changed:
            count = len(self)
            for camera, queue in self._queues.items():
                self.untaken[camera] += len(queue)
                queue.clear()
            return count

    def __len__(self) -> int:
        """Return the number of frames that wait."""
        return sum(map(len, self._queues.values()))

    def _ready(self) -> bool:
        return self._woken or any(self._queues.values())

    def _take_next(self) -> list[Item]:
        if not any(self._queues.values()):
            return []
        if not self._changed.wait_for(self._all_sent, PATIENCE):
            self._silent = {name for name, queue in self._queues.items() if not queue}
        heads = {name: queue[0][0] for name, queue in self._queues.items() if queue}
        if not heads:
            return []
        earliest = min(heads, key=lambda name: (heads[name], name))
        return [self._queues[earliest].popleft()[1]]

    def _all_sent(self) -> bool:
        """Say whether every camera that is expected to send has a frame here."""
        return all(queue or name in self._silent for name, queue in self._queues.items())

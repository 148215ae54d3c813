"""Hand frames, messages and steps of alarms to the thread that writes evidence, within bounds."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.alarms.alarm_bag import SerializedMessage
from actloc_ros.alarms.evidence_options import Capture
from actloc_ros.frames import Frame
from actloc_ros.io.drawing import ActionRow

MOST_FRAMES = 8  # of a camera that wait, as they are not encoded yet
MOST_STEPS = 1000
MOST_MESSAGES = 1000
MOST_BYTES = 20_000_000  # of messages that wait


@dataclass(frozen=True)
class FrameItem:
    """A frame, and its JPEG where it came as one."""

    frame: Frame
    jpeg: bytes | None


@dataclass(frozen=True)
class RowsItem:
    """What was detected in a frame."""

    camera: str
    stamp: int
    rows: tuple[ActionRow, ...]


@dataclass(frozen=True)
class MessageItem:
    """A message for the bag."""

    message: SerializedMessage


@dataclass(frozen=True)
class StepItem:
    """A step of an alarm, and what it was promised; see `EvidenceRecorder.attach`."""

    alarm: Alarm
    name: str
    capture: Capture


Item = FrameItem | RowsItem | MessageItem | StepItem


class EvidenceInbox:
    """A queue that never blocks who fills it, unless it is to lose nothing."""

    def __init__(self, lossless: bool) -> None:
        self._lossless = lossless
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._waiting: Counter[object] = Counter()
        self._bytes = 0
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave an item; say whether it was taken.

        One is refused where too many of its kind wait, or nobody takes any more. With `lossless`,
        the caller waits instead.
        """
        with self._changed:
            if self._lossless:
                self._changed.wait_for(lambda: self._closed or self._has_room(item))
            if self._closed or not self._has_room(item):
                return False
            self._items.append(item)
            self._count(item, 1)
            self._changed.notify_all()
            return True

    def take(self, most: int, timeout: float) -> list[Item]:
        """Take up to `most` items in order; wait for the first for up to `timeout` s."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            for item in taken:
                self._count(item, -1)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Take nothing more; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    def _has_room(self, item: Item) -> bool:
        waiting = self._waiting[_kind(item)]
        if isinstance(item, FrameItem):
            return waiting < MOST_FRAMES
        if isinstance(item, StepItem):
            return waiting < MOST_STEPS
        return waiting < MOST_MESSAGES and self._bytes < MOST_BYTES

    def _count(self, item: Item, change: int) -> None:
        self._waiting[_kind(item)] += change
        if isinstance(item, MessageItem):
            self._bytes += change * len(item.message.data)


def _kind(item: Item) -> object:
    """Return what is counted together."""
    return item.frame.camera if isinstance(item, FrameItem) else type(item)

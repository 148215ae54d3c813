"""Keep account of all results and events, and say where they do not agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

from actloc_ros.messages import stamp_of

STARTED, ENDED = 1, 3  # of ActionDetection
Change = tuple[str, int, int, int]  # camera, stamp, instance, state


class Ledger:
    """What came since the node was activated; ids are unique within that.

    Attributes:
        faults: What should not have happened, one text each.
        results: Results of processed frames, by camera.
        events: All events, from the beginning on.
        openings: All instances that started, likewise.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.results: Counter[str] = Counter()
        self.events = self.openings = 0
        self._told: Counter[Change] = Counter()
        self._shown: Counter[Change] = Counter()
        self._open: set[tuple[str, int]] = set()
        self._known: set[tuple[str, int]] = set()

    def add_result(self, message: Any) -> None:
        """Take an `ActionDetectionArray`."""
        if message.inference_time.sec or message.inference_time.nanosec:
            self.results[message.camera] += 1  # the others only end what was open
        for detection in message.detections:
            if detection.state in (STARTED, ENDED):
                self._shown[_change(detection)] += 1

    def add_event(self, message: Any) -> None:
        """Take an `ActionDetection` of the topic of events."""
        self.events += 1
        change = _change(message)
        self._told[change] += 1
        camera, _, instance, state = change
        key = (camera, instance)
        if state == STARTED:
            self.openings += 1
            if key in self._known:
                self._fault(f'{_name(key)} started twice')
            self._known.add(key)
            self._open.add(key)
        elif state == ENDED and key in self._open:
            self._open.remove(key)
        else:
            self._fault(f'{_name(key)} came as an event with state {state}, and is not open')

    def settle(self) -> None:
        """Compare events and results, when all messages have come."""
        for change, count in (self._told - self._shown).items():
            self._fault(f'{count} events {change} without their detection')
        for change, count in (self._shown - self._told).items():
            self._fault(f'{count} detections {change} without their event')
        for change, count in self._told.items():
            if count > 1:
                self._fault(f'the event {change} came {count} times')
        self._told.clear()
        self._shown.clear()

    def end(self) -> None:
        """Close the account, when the node was deactivated and all messages have come."""
        self.settle()
        for key in sorted(self._open):
            self._fault(f'{_name(key)} was not ended')
        self._open.clear()
        self._known.clear()
        self.results.clear()

    def _fault(self, text: str) -> None:
        self.faults.append(text)


def check_counters(values: dict[str, str], results: int) -> list[str]:
    """Return what does not add up in a camera's diagnostic values, while no frame is on its way.

    Args:
        values: As in the message.
        results: Of processed frames that came since the node was activated.
    """
    count = {key: int(text) for key, text in values.items() if text.isdigit()}
    came, processed, dropped = (count[f'frames {k}'] for k in ('in', 'processed', 'dropped'))
    broken = sum(n for key, n in count.items() if key.startswith('frames broken'))
    parts = broken + count['frames late'] + count['frames limited by max_rate']
    faults = []
    if came != processed + dropped:
        faults.append(f'{came} frames came, {processed} were processed and {dropped} dropped')
    if parts > dropped:
        faults.append(f'{parts} frames were broken, late or limited, and {dropped} dropped')
    if processed != results:
        faults.append(f'{processed} frames were processed, and {results} results came')
    return [f'camera {values["topic"]}: {fault}' for fault in faults]


def _change(detection: Any) -> Change:
    stamp = stamp_of(detection.header.stamp)
    return detection.camera, stamp, detection.instance_id, detection.state


def _name(key: tuple[str, int]) -> str:
    return f'instance {key[1]} of camera {key[0]}'

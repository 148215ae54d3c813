"""Keep the people that one or more localizers report, by time, and say when reports are stale."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from actloc_ros.frames import seconds

LATE = 0.5  # s: a report that is older than the last by less is out of order; by more, time jumped
CLOCK_ERROR = 0.5  # s that a stamp may lie in the future before the clocks are said to disagree


class PersonKey(NamedTuple):
    """Who somebody is: ids are unique within a camera of a localizer."""

    localizer: str
    camera: str
    track_id: int

    @property
    def name(self) -> str:
        """What others call this person: letters, digits and `_`, e.g. `left_front_7` or `7`."""
        parts = (self.localizer, self.camera, str(self.track_id))
        return '_'.join(re.sub(r'\W+', '_', part.strip('/')) for part in parts if part)


@dataclass(frozen=True, eq=False)
class Person:
    """One person at one key frame, placed in the planners' frame.

    Attributes:
        key: Who it is.
        stamp: Of the key frame, in ns.
        position: float64 (3,): centre of the visible body, in m.
        velocity: float64 (3,): in m/s, over ground; None while unknown.
        labels: The actions that go on.
        joints: float64 (3,) in m by joint's name, where known.
        score: Confidence in [0, 1] that somebody is there.
    """

    key: PersonKey
    stamp: int
    position: np.ndarray
    velocity: np.ndarray | None = None
    labels: frozenset[str] = frozenset()
    joints: Mapping[str, np.ndarray] = field(default_factory=dict)
    score: float = 1.0


@dataclass
class _Camera:
    stamp: int
    received: int
    people: dict[PersonKey, Person]
    unplaced: int


class PeopleMemory:
    """The newest report of each camera, and who was detected a moment ago.

    Attributes:
        ignored: Reports that came out of order.
        restarts: How often a camera's time jumped back, and its people were forgotten.
    """

    def __init__(self, localizers: Sequence[str], stale: float, hold: float) -> None:
        """Expect reports.

        Args:
            localizers: Names of all that reports are expected from.
            stale: Age in s from which a report says nothing any more.
            hold: Time in s for which a person is kept after the last report that had it.
        """
        self._localizers, self._stale, self._hold = tuple(localizers), stale, hold
        self._cameras: dict[tuple[str, str], _Camera] = {}
        self.ignored = self.restarts = 0

    def take(
        self,
        localizer: str,
        camera: str,
        stamp: int,
        people: Sequence[Person],
        unplaced: int,
        now: int,
    ) -> bool:
        """Take a report; return whether it was used.

        Args:
            localizer: Whose.
            camera: Of which camera.
            stamp: The key frame's, in ns.
            people: Who is there.
            unplaced: How many more are there whose place in the frame is not known.
            now: The time, in ns.
        """
        last = self._cameras.get((localizer, camera))
        if last is not None and stamp < last.stamp:
            if seconds(last.stamp - stamp) < LATE:
                self.ignored += 1
                return False
            self.restarts += 1
            last = None
        kept = {} if last is None else last.people
        kept = {k: p for k, p in kept.items() if seconds(stamp - p.stamp) <= self._hold}
        found = kept | {person.key: person for person in people}
        self._cameras[localizer, camera] = _Camera(stamp, now, found, unplaced)
        return True

    def reset(self) -> None:
        """Forget all: everybody is stale until the next report."""
        self._cameras.clear()

    def people(self, now: int) -> list[Person]:
        """Return who is there at `now` (ns), by key."""
        found = [p for camera in self._cameras.values() for p in camera.people.values()]
        return sorted((p for p in found if self._kept(p, now)), key=lambda p: p.key)

    def unplaced(self) -> int:
        """Return how many people the newest reports have without a place."""
        return sum(camera.unplaced for camera in self._cameras.values())

    def oldest_stamp(self) -> int | None:
        """Return the stamp (ns) up to which all cameras have reported; None before any did."""
        return min((camera.stamp for camera in self._cameras.values()), default=None)

    def faults(self, now: int) -> list[str]:
        """Return why the reports do not say who is there at `now` (ns); empty if they do."""
        heard = {localizer for localizer, _ in self._cameras}
        faults = [
            f'no report of {name or "the localizer"}'
            for name in self._localizers
            if name not in heard
        ]
        for (localizer, name), camera in sorted(self._cameras.items()):
            who = '/'.join(part for part in (localizer, name) if part) or 'the camera'
            age = seconds(now - min(camera.stamp, camera.received))
            if age > self._stale:
                faults.append(f'the last report of {who} is {age:.1f} s old')
            elif seconds(camera.stamp - now) > CLOCK_ERROR:
                ahead = seconds(camera.stamp - now)
                faults.append(f'the clock of {who} is {ahead:.1f} s ahead of this node')
        return faults

    def _kept(self, person: Person, now: int) -> bool:
        return seconds(now - person.stamp) <= self._hold + self._stale

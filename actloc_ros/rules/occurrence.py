"""Make one alarm of an occurrence: new, updated, ended."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from actloc_ros.alarms.alarm import Alarm, AlarmType
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.compiled import CompiledRule

MOST_A_MINUTE = 1000
SAID = ('track_ids', 'labels', 'zones', 'entered_zones', 'lines')  # a change of it is an update
LASTING = {'dwell_s', 'absence_s'}  # measures that grow to the alarm's end
MINUTE = nanoseconds(60.0)
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Description:
    """What is said of an occurrence, beside its times; as in `Alarm`."""

    track_ids: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    score: float = 1.0
    values: dict[str, float] = field(default_factory=dict)
    boxes: dict[int, Box] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A rule that holds at a key frame.

    Attributes:
        rule: Which.
        start: Returns the stamp of its first evidence in ns.
        last: Stamp of its last evidence in ns.
        describe: Makes the description.
    """

    rule: CompiledRule
    start: Callable[[], int]
    last: int
    describe: Callable[[], Description]


class Issuer:
    """Begins occurrences: gives alarms their ids, and bounds how many begin in a minute.

    Attributes:
        issued: Alarms that began.
        suppressed: Occurrences that made none, since there were too many.
    """

    def __init__(self, most_a_minute: int = MOST_A_MINUTE) -> None:
        self.issued = self.suppressed = 0
        self._run, self._most = secrets.token_hex(6), most_a_minute
        self._newest: deque[int] = deque()

    def begin(self, camera: str, stamp: int, finding: Finding) -> Occurrence:
        """Begin an occurrence; without an alarm if there are too many."""
        alarm_id = self._next_id(stamp)
        return Occurrence(
            self.issued + self.suppressed,
            None if alarm_id is None else _new_alarm(alarm_id, camera, stamp, finding),
        )

    def _next_id(self, stamp: int) -> str | None:
        while self._newest and not 0 <= stamp - self._newest[0] < MINUTE:
            self._newest.popleft()
        if len(self._newest) >= self._most:
            self.suppressed += 1
            return None
        self._newest.append(stamp)
        self.issued += 1
        return f'{self._run}-{self.issued}'


@dataclass
class Occurrence:
    """What goes on from the first evidence of a rule to the last.

    Attributes:
        order: Those that began later have a greater one.
        alarm: Its last step; None where too many began: it is followed all the same, so that it is
            counted once.
    """

    order: int
    alarm: Alarm | None

    def go_on(self, stamp: int, finding: Finding) -> list[Alarm]:
        """Take a key frame at which the rule holds; return an update if what is said changes."""
        before = self.alarm
        if before is None:
            return []
        said = finding.describe()
        fields = _fields(said)
        fields['labels'] = _joined(before.labels, said.labels)
        fields['lines'] = _joined(before.lines, said.lines)
        fields['entered_zones'] = _joined(before.entered_zones, said.zones)
        if all(fields[name] == getattr(before, name) for name in SAID):
            return []
        self.alarm = replace(before, type=AlarmType.UPDATE, stamp=stamp, end=finding.last, **fields)
        return [self.alarm]

    def end(self, stamp: int, last: int) -> None:
        """Take the last step, with the stamp of the last evidence as the alarm's end."""
        if self.alarm is None:
            return
        values = dict(self.alarm.values)
        for name in LASTING & values.keys():
            values[name] += seconds(last - self.alarm.end)
        self.alarm = replace(self.alarm, type=AlarmType.END, stamp=stamp, end=last, values=values)


def _new_alarm(alarm_id: str, camera: str, stamp: int, finding: Finding) -> Alarm:
    said = finding.describe()
    return Alarm(
        type=AlarmType.NEW,
        id=alarm_id,
        rule=finding.rule.name,
        severity=finding.rule.rule.severity,
        camera=camera,
        stamp=stamp,
        start=finding.start(),
        end=finding.last,
        entered_zones=said.zones,
        **_fields(said),
    )


def _fields(said: Description) -> dict:
    return {name: getattr(said, name) for name in Description.__dataclass_fields__}


def _joined(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    return (*before, *(each for each in now if each not in before))

"""Make one alarm of each occurrence: new, updated, ended, and not again before its cool-down."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace

from actloc_ros.alarms.alarm import Alarm, AlarmType
from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.compiled import CompiledRule

MOST_A_MINUTE = 1000
NEVER = 2**63  # ns
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
        key: Whose it is: an actor, a pair, the camera; one occurrence has one key.
        start: Returns the stamp of its first evidence in ns.
        last: Stamp of its last evidence in ns.
        version: Another one where its description may have changed.
        describe: Makes the description.
    """

    rule: CompiledRule
    key: Hashable
    start: Callable[[], int]
    last: int
    version: Hashable
    describe: Callable[[], Description]


class Issuer:
    """Gives alarms their ids, and bounds how many begin in a minute.

    Attributes:
        issued: Alarms that began.
        suppressed: Occurrences that made none, since there were too many.
    """

    def __init__(self, most_a_minute: int = MOST_A_MINUTE) -> None:
        self.issued = self.suppressed = 0
        self._run, self._most = secrets.token_hex(6), most_a_minute
        self._newest: deque[int] = deque()

    def next_id(self, stamp: int) -> str | None:
        """Return the id of an alarm that begins at a stamp; None if there are too many."""
        while self._newest and not 0 <= stamp - self._newest[0] < MINUTE:
            self._newest.popleft()
        if len(self._newest) >= self._most:
            self.suppressed += 1
            return None
        self._newest.append(stamp)
        self.issued += 1
        return f'{self._run}-{self.issued}'


class Occurrences:
    """The alarms of one camera that are open, and the cool-down of those that were."""

    def __init__(self, camera: str, issuer: Issuer) -> None:
        self._camera, self._issuer = camera, issuer
        self._open: dict[tuple[str, Hashable], _Open] = {}
        self._cooling: dict[tuple[str, Hashable], int] = {}
        self._next_end = NEVER  # before this stamp none of those that are open ends

    @property
    def open_count(self) -> int:
        """How many alarms are open."""
        return sum(each.alarm is not None for each in self._open.values())

    def step(self, stamp: int, findings: Iterable[Finding]) -> list[Alarm]:
        """Take what holds at a key frame; return the steps of alarms that follow."""
        alarms = []
        for finding in findings:
            key = (finding.rule.name, finding.key)
            known = self._open.get(key)
            if known is not None:
                alarms += known.go_on(stamp, finding)
            elif stamp >= self._cooling.get(key, stamp):
                self._open[key] = begun = self._begin(stamp, finding)
                self._next_end = min(self._next_end, begun.over_after)
                alarms += [begun.alarm] if begun.alarm else []
        return self._end_passed(stamp) + alarms

    def holds_on(
        self, stamp: int, last: int, rule: str, key: Hashable, version: Hashable | None
    ) -> bool:
        """Say whether an alarm is open that this key frame changes nothing of; note that it holds.

        Args:
            stamp: Of the key frame in ns.
            last: Stamp of the last evidence in ns.
            rule: The rule's name.
            key: As in `Finding`.
            version: As in `Finding`; None for any.
        """
        known = self._open.get((rule, key))
        if known is None or version not in (None, known.version):
            return False
        known.held, known.last = stamp, last
        return True

    def end_all(self, stamp: int) -> list[Alarm]:
        """End all that is open, and forget all."""
        alarms = [alarm for each in self._open.values() for alarm in each.end(stamp)]
        self._open.clear()
        self._next_end = NEVER
        self._cooling.clear()
        return alarms

    def _begin(self, stamp: int, finding: Finding) -> _Open:
        alarm_id = self._issuer.next_id(stamp)
        rule = finding.rule
        times = nanoseconds(rule.rule.end_after), nanoseconds(rule.rule.cooldown)
        if alarm_id is None:  # it is followed all the same, so that it is counted once
            return _Open(None, finding.version, stamp, finding.last, *times)
        said = finding.describe()
        alarm = Alarm(
            type=AlarmType.NEW,
            id=alarm_id,
            rule=rule.name,
            severity=rule.rule.severity,
            camera=self._camera,
            stamp=stamp,
            start=finding.start(),
            end=finding.last,
            entered_zones=said.zones,
            **_fields(said),
        )
        return _Open(alarm, finding.version, stamp, finding.last, *times)

    def _end_passed(self, stamp: int) -> list[Alarm]:
        if stamp <= self._next_end:
            return []
        alarms = []
        over = [k for k, each in self._open.items() if stamp > each.over_after]
        for key in over:
            each = self._open.pop(key)
            alarms += each.end(stamp)
            if each.cooldown:
                self._cooling[key] = stamp + each.cooldown
        self._next_end = min((each.over_after for each in self._open.values()), default=NEVER)
        if over:
            self._cooling = {k: until for k, until in self._cooling.items() if until > stamp}
        return alarms


@dataclass
class _Open:
    """An occurrence that goes on.

    Attributes:
        alarm: Its last step; None where it was suppressed.
        version: Of its description.
        held: Stamp of the last key frame at which the rule held, in ns.
        last: Stamp of the last evidence in ns: of an actor, when it was last detected.
        end_after: Time in ns without holding after which it ends.
        cooldown: In ns.
    """

    alarm: Alarm | None
    version: Hashable
    held: int
    last: int
    end_after: int
    cooldown: int

    @property
    def over_after(self) -> int:
        """Stamp in ns after which it has ended, if it does not hold again."""
        return self.held + self.end_after

    def go_on(self, stamp: int, finding: Finding) -> list[Alarm]:
        """Take a key frame at which the rule holds; return an update if what is said changes."""
        self.held, self.last = stamp, finding.last
        if self.alarm is None or finding.version == self.version:
            return []
        self.version = finding.version
        said, before = finding.describe(), self.alarm
        added = [zone for zone in said.zones if zone not in before.entered_zones]
        fields = _fields(said)
        fields['labels'] = _joined(before.labels, said.labels)
        fields['lines'] = _joined(before.lines, said.lines)
        after = replace(
            before,
            type=AlarmType.UPDATE,
            stamp=stamp,
            end=finding.last,
            entered_zones=(*before.entered_zones, *added),
            **fields,
        )
        if _says(after) == _says(before):
            return []
        self.alarm = after
        return [after]

    def end(self, stamp: int) -> list[Alarm]:
        """Return the last step, with the stamp of the last evidence as its end."""
        if self.alarm is None:
            return []
        values = dict(self.alarm.values)
        for name in LASTING & values.keys():
            values[name] = seconds(self.last - self.alarm.start)
        return [replace(self.alarm, type=AlarmType.END, stamp=stamp, end=self.last, values=values)]


def _fields(said: Description) -> dict:
    return {name: getattr(said, name) for name in Description.__dataclass_fields__}


def _joined(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
    return (*before, *(each for each in now if each not in before))


def _says(alarm: Alarm) -> tuple:
    return alarm.track_ids, alarm.labels, alarm.zones, alarm.entered_zones, alarm.lines

"""Follow the occurrences of rules over groups of actors, and do not repeat them too soon."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.occurrence import Finding, Issuer, Occurrence


@dataclass(frozen=True)
class GroupFinding(Finding):
    """A rule over several actors that holds at a key frame.

    Attributes:
        key: Whose it is: a pair, a track, the camera; one occurrence has one key.
        version: Another one where its description may have changed.
    """

    key: Hashable
    version: Hashable


@dataclass
class _Open:
    """An occurrence that goes on.

    Attributes:
        occurrence: Itself.
        version: Of its description.
        last: Stamp of the last evidence in ns.
        over_after: Stamp in ns after which it has ended, if it does not hold again.
        cooldown: In ns.
    """

    occurrence: Occurrence
    version: Hashable
    last: int
    over_after: int
    cooldown: int


class GroupOccurrences:
    """The occurrences of one camera that are of several actors, and what cools down after them."""

    def __init__(self, camera: str, issuer: Issuer) -> None:
        self._camera, self._issuer = camera, issuer
        self._open: dict[tuple[str, Hashable], _Open] = {}
        self._cooling: dict[tuple[str, Hashable], int] = {}

    def open(self) -> list[Occurrence]:
        """Return those that go on."""
        return [each.occurrence for each in self._open.values()]

    def take(self, stamp: int, findings: Iterable[GroupFinding]) -> list[Alarm]:
        """Take what holds at a key frame; return alarms that begin or change."""
        alarms = []
        for finding in findings:
            key, rule = (finding.rule.name, finding.key), finding.rule.rule
            known = self._open.get(key)
            over_after = stamp + nanoseconds(rule.end_after)
            if known is not None:
                known.last, known.over_after = finding.last, over_after
                if finding.version != known.version:
                    known.version = finding.version
                    alarms += known.occurrence.go_on(stamp, finding)
            elif stamp >= self._cooling.get(key, stamp):
                begun = self._issuer.begin(self._camera, stamp, finding)
                self._open[key] = _Open(
                    begun, finding.version, finding.last, over_after, nanoseconds(rule.cooldown)
                )
                alarms += [begun.alarm] if begun.alarm else []
        return alarms

    def end(self, stamp: int, before: int) -> list[Occurrence]:
        """End what is over before a stamp, and return it; `stamp` is that of the key frame."""
        over = [key for key, each in self._open.items() if each.over_after < before]
        if over:
            self._cooling = {k: until for k, until in self._cooling.items() if until > stamp}
        ended = []
        for key in over:
            each = self._open.pop(key)
            each.occurrence.end(stamp, each.last)
            self._cooling[key] = stamp + each.cooldown
            ended.append(each.occurrence)
        return ended

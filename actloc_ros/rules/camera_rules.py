"""Apply the rules of one camera to its scenes, one after another."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.compiled import CompiledRule, compile_camera
from actloc_ros.rules.condition_matrix import ConditionMatrix
from actloc_ros.rules.counts import CameraCounts, CountSink
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.file.names import ground_of
from actloc_ros.rules.groups.open import open_group
from actloc_ros.rules.occurrences import Finding, Issuer, Occurrences
from actloc_ros.rules.scene import Scene
from actloc_ros.rules.tracks.track_state import TrackState
from actloc_ros.time_zone import find_zone

MINUTE = nanoseconds(60.0)
NEVER = -1


class CameraRules:
    """Everything that is remembered of one camera."""

    def __init__(
        self, rules: Rules, camera: str, issuer: Issuer, counted: CountSink | None = None
    ) -> None:
        """Begin; `counted` takes each minute's counts, if they are asked for."""
        self._compiled = compile_camera(rules, camera)
        self.state = TrackState(self._compiled, ground_of(rules, camera), counted is not None)
        self._counts = (
            None if counted is None else CameraCounts(camera, self._compiled, self.state, counted)
        )
        self.occurrences = Occurrences(camera, issuer)
        self.last: int | None = None
        self._timezone = find_zone(rules.timezone)
        self._conditions = ConditionMatrix(self._compiled)
        self._describer = Describer(self._compiled, self.state)
        opened = (
            (index, open_group(rule, self.state, self._describer, self._compiled))
            for index, rule in enumerate(self._compiled.rules)
        )
        self._of_groups = {index: group for index, group in opened if group is not None}
        self._clocks = _Clocks(self._compiled.rules, len(self.state.table), self._of_groups)
        self._active: np.ndarray = np.zeros(0, bool)
        self._minute: int | None = None

    def step(self, scene: Scene) -> list[Alarm]:
        """Take a scene later than all before; return the steps of alarms that follow."""
        rows = self.state.step(scene)
        if self._counts is not None:
            self._counts.step(scene.stamp)
        return self.occurrences.step(scene.stamp, list(self._find(scene, rows)))

    def inside(self) -> dict[str, set[int]]:
        """Return the tracks detected at the last key frame, by the zones that they are in."""
        table, inside = self.state.table, self.state.zones.inside
        here = table.used() & (table.last_detected == self.last)
        return {
            name: set(table.ids[here & inside[:, index]].tolist())
            for index, name in enumerate(self._compiled.zones)
        }

    def end_all(self) -> list[Alarm]:
        """End all alarms at the last key frame, and the minute that is counted."""
        if self._counts is not None:
            self._counts.flush()
        return [] if self.last is None else self.occurrences.end_all(self.last)

    def _find(self, scene: Scene, rows: np.ndarray) -> Iterator[Finding]:
        active = self._schedules(scene.stamp)
        holding, columns = self._conditions.holding(self.state, scene.stamp)
        holding &= active
        self._describer.begin(scene.stamp, columns)
        for index, group in self._of_groups.items():
            yield from group.step(scene.stamp, holding[:, index], bool(active[index]), rows)
        since, ready = self._clocks.step(scene.stamp, holding, self.state.table.serials)
        found = (each.tolist() for each in np.nonzero(ready))
        detected = self.state.table.last_detected.tolist()
        for row, index in zip(*found, strict=True):
            rule, serial = self._compiled.rules[index], int(self.state.table.serials[row])
            here = detected[row] == scene.stamp
            version = self._describer.version(rule, [row]) if here else None
            known = self.occurrences.holds_on(
                scene.stamp, detected[row], rule.name, serial, version
            )
            # Hidden actors keep their alarms, but none begins of who is not detected now.
            if here and version is not None and not known:
                yield self._finding(index, row, int(since[row, index]), version)

    def _schedules(self, stamp: int) -> np.ndarray:
        """Return which rules hold by their schedules, bool (R,)."""
        minute = stamp // MINUTE
        if minute != self._minute:
            self._minute = minute
            self._active = np.array(
                [r.rule.schedule.holds(stamp, self._timezone) for r in self._compiled.rules], bool
            )
        return self._active

    def _finding(self, index: int, row: int, since: int, version: tuple[int, ...]) -> Finding:
        rule, describer = self._compiled.rules[index], self._describer
        first = self._conditions.first_column(index)
        return Finding(
            rule,
            int(self.state.table.serials[row]),
            lambda: describer.began(rule, row, since, first),
            int(self.state.table.last_detected[row]),
            version,
            lambda: describer.of_row(rule, row, since),
        )


class _Clocks:
    """Since when each actor has fulfilled each rule: N rows, R rules."""

    def __init__(self, rules: list[CompiledRule], rows: int, groups: Collection[int]) -> None:
        count = len(rules)
        self._dwell = np.array([nanoseconds(r.rule.dwell) for r in rules], np.int64)
        self._gap = np.array([r.gap for r in rules], np.int64)
        self._single = np.array([i not in groups for i in range(count)], bool)
        self._since = np.full((rows, count), NEVER, np.int64)
        self._last = np.full((rows, count), NEVER, np.int64)
        self._serials = np.zeros(rows, np.int64)

    def step(
        self, stamp: int, holding: np.ndarray, serials: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Take who holds now, bool (N, R); return since when, and who has for long enough."""
        if len(holding) > len(self._since):
            more = np.full((len(holding) - len(self._since), holding.shape[1]), NEVER, np.int64)
            self._since = np.concatenate([self._since, more])
            self._last = np.concatenate([self._last, more])
            self._serials = np.concatenate([self._serials, more[:, 0] * 0])
        other = serials != self._serials
        self._since[other] = self._last[other] = NEVER
        self._serials = serials.copy()
        holding = holding & self._single
        broken = (self._last != NEVER) & (stamp - self._last > self._gap)
        self._since[broken] = self._last[broken] = NEVER
        self._since[holding & (self._since == NEVER)] = stamp
        self._last[holding] = stamp
        return self._since, holding & (stamp - self._since >= self._dwell)

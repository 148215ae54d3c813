"""Apply the rules of one camera to its scenes, one after another."""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.frames import nanoseconds
from actloc_ros.rules.actor_rules import NEVER, ActorRules
from actloc_ros.rules.compiled import compile_camera
from actloc_ros.rules.condition_matrix import ConditionMatrix
from actloc_ros.rules.counts import CameraCounts, CountSink
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.file.names import ground_of
from actloc_ros.rules.groups.open import open_group
from actloc_ros.rules.occurrence import Issuer
from actloc_ros.rules.occurrences import GroupOccurrences
from actloc_ros.rules.scene import Scene
from actloc_ros.rules.tracks.track_state import TrackState
from actloc_ros.time_zone import find_zone

MINUTE = nanoseconds(60.0)


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
        self.last: int | None = None
        self._timezone = find_zone(rules.timezone)
        self._conditions = ConditionMatrix(self._compiled)
        self._describer = Describer(self._compiled, self.state, self._conditions.first_columns)
        opened = (
            (index, open_group(rule, self.state, self._describer, self._compiled))
            for index, rule in enumerate(self._compiled.rules)
        )
        self._groups = {index: group for index, group in opened if group is not None}
        self._of_groups = GroupOccurrences(camera, issuer)
        self._of_actors = ActorRules(
            self._compiled.rules, self._groups, self.state.table, self._describer, camera, issuer
        )
        self._active: np.ndarray = np.zeros(0, bool)
        self._minute: int | None = None

    @property
    def open_count(self) -> int:
        """How many alarms are open."""
        going_on = [*self._of_groups.open(), *self._of_actors.open()]
        return sum(each.alarm is not None for each in going_on)

    def step(self, scene: Scene) -> list[Alarm]:
        """Take a scene later than all before; return the steps of alarms that follow."""
        stamp, update = scene.stamp, self.state.step(scene)
        if update.widened:
            self._of_actors.widen(update.widened)
        for row in update.fresh:
            self._of_actors.clear(row)
        if self._counts is not None:
            self._counts.step(stamp)
        holding, columns = self._conditions.holding(self.state, stamp)
        active = self._schedules(stamp)
        holding &= active
        self._describer.begin(stamp, columns)
        found = (
            finding
            for index, group in self._groups.items()
            for finding in group.step(stamp, holding[:, index], bool(active[index]), update.rows)
        )
        alarms = self._of_groups.take(stamp, found) + self._of_actors.take(stamp, holding)
        return self._end(stamp, stamp) + alarms

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
        return [] if self.last is None else self._end(self.last, NEVER)

    def _end(self, stamp: int, before: int) -> list[Alarm]:
        """End what is over before a stamp, in the order in which it began."""
        ended = self._of_groups.end(stamp, before) + self._of_actors.end(stamp, before)
        ended.sort(key=attrgetter('order'))
        return [each.alarm for each in ended if each.alarm is not None]

    def _schedules(self, stamp: int) -> np.ndarray:
        """Return which rules hold by their schedules, bool (R,)."""
        minute = stamp // MINUTE
        if minute != self._minute:
            self._minute = minute
            self._active = np.array(
                [r.rule.schedule.holds(stamp, self._timezone) for r in self._compiled.rules], bool
            )
        return self._active

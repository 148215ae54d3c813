"""Density and flow of a zone over a minute, by Edie's generalized definitions (1963).

Over a stretch of length L and a time T, with t_i the time that track i spent in it and d_i the way
that it went in it: density k = sum t_i / (L T), flow q = sum d_i / (L T), speed v = q / k. Over an
area A, density is sum t_i / (A T). Ways are fitted speeds times time, since differences of noisy
positions add up to ways that nobody went.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import shapely

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.compiled import CompiledCamera, CompiledRule
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.file.model import Zone
from actloc_ros.rules.groups.group_rules import CAMERA, SILENCE, GroupRule
from actloc_ros.rules.occurrences import GroupFinding
from actloc_ros.rules.shapes import points_of
from actloc_ros.rules.tracks.track_state import TrackState

MINUTE = nanoseconds(60.0)  # T
HOUR, KILOMETRE = 3600.0, 1000.0


class FlowRule(GroupRule):
    """Density or flow in the rule's zones together, over the last minute, reaches a limit.

    It is known once a minute with key frames has passed.
    """

    def __init__(
        self, rule: CompiledRule, state: TrackState, describer: Describer, compiled: CompiledCamera
    ) -> None:
        super().__init__(rule, state, describer)
        assert rule.rule.traffic is not None
        self._traffic = rule.rule.traffic
        zones = [compiled.zones[name] for name in rule.rule.zones if name in compiled.zones]
        self._area = float(sum(area_of(zone) for zone in zones))
        self._length = self._traffic.length or float(sum(longer_side(zone) for zone in zones))
        self._steps: deque[tuple[int, float, float, float]] = deque()
        self._totals = np.zeros(3)  # time known, time of tracks, way of tracks
        self._last: int | None = None
        self._since: int | None = None

    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield a finding while the limit is reached; see `GroupRule`."""
        assert self._traffic.min is not None
        self._add(stamp, np.flatnonzero(holding))
        if self._totals[0] < 0.95 * seconds(MINUTE):
            return
        values = self._values()
        key = 'flow_per_h' if self._traffic.type == 'flow' else 'density_per_km'
        if self._traffic.type == 'density' and self._traffic.per == 'area':
            key = 'density_per_m2'
        if values[key] < self._traffic.min or not active:
            self._since = None
            return
        self._since = stamp if self._since is None else self._since
        yield self.finding(CAMERA, self._since, stamp, np.flatnonzero(holding).tolist(), values)

    def _add(self, stamp: int, inside: np.ndarray) -> None:
        if self._last is not None:
            passed = seconds(stamp - self._last) if stamp - self._last <= SILENCE else 0.0
            speeds = np.nan_to_num(self.state.motion.fit.speed[inside])
            step = (stamp, passed, passed * len(inside), passed * float(speeds.sum()))
            self._steps.append(step)
            self._totals += step[1:]
        self._last = stamp
        while self._steps and self._steps[0][0] <= stamp - MINUTE:
            self._totals -= self._steps.popleft()[1:]

    def _values(self) -> dict[str, float]:
        time, spent, gone = (float(total) for total in self._totals)
        density, flow = spent / (self._length * time), gone / (self._length * time)
        return {
            'density_per_km': KILOMETRE * density,
            'density_per_m2': spent / (self._area * time),
            'flow_per_h': HOUR * flow,
            'speed_mps': gone / spent if spent else 0.0,
        }


def area_of(zone: Zone) -> float:
    """Return a zone's area A, in units of its coordinates."""
    return float(shapely.Polygon(points_of(zone.coordinates)).area)


def longer_side(zone: Zone) -> float:
    """Return the longer side of the smallest rectangle around a zone: L, by default."""
    polygon = shapely.Polygon(points_of(zone.coordinates))
    corners = np.array(shapely.minimum_rotated_rectangle(polygon).exterior.coords)
    return float(np.hypot(*np.diff(corners, axis=0).T).max())

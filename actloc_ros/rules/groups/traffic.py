"""Rules over how single vehicles, or anything tracked, move on the ground; all in SI units.

Velocity v and acceleration a are those of parabolas by least squares over 1 s, with standard
deviations from their residuals (`motion`). What an acceleration shows is reported only while three
of them are below the limit: else it is noise. There is no standard for any of these; the limits
are those of vendors of telematics, and each can be set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.rules.areas.lines import meets, signed_distance
from actloc_ros.rules.compiled import CompiledCamera, CompiledRule
from actloc_ros.rules.describe import Describer
from actloc_ros.rules.groups.group_rules import GroupRule
from actloc_ros.rules.occurrences import GroupFinding
from actloc_ros.rules.shapes import points_of
from actloc_ros.rules.tracks.track_state import TrackState

SURE = 3.0  # standard deviations
KEEP = nanoseconds(60.0)  # after which what is known of a track that is gone is forgotten
LANE_CHANGE_DURATION = 1.0  # s
BRAKING_DURATION, BRAKING_SPEED = 0.6, 6.9  # s; m/s = 25 km/h
WRONG_DURATION, WRONG_SPEED = 2.0, 1.5  # s; m/s


class TrackTraffic(GroupRule):
    """A measure of each track for itself; subclasses say when it holds."""

    def __init__(
        self, rule: CompiledRule, state: TrackState, describer: Describer, compiled: CompiledCamera
    ) -> None:
        super().__init__(rule, state, describer)
        assert rule.rule.traffic is not None
        self.traffic = rule.rule.traffic
        self.lines = [
            (points_of(compiled.lines[name].coordinates), compiled.lines[name].frame)
            for name in self.traffic.lines
            if name in compiled.lines
        ]
        self._known: dict[int, int] = {}

    def step(
        self, stamp: int, holding: np.ndarray, active: bool, rows: np.ndarray
    ) -> Iterator[GroupFinding]:
        """Yield a finding for each track for which the measure holds; see `GroupRule`."""
        table = self.state.table
        for row in rows[holding[rows]].tolist():
            serial = int(table.serials[row])
            self._known[serial] = stamp
            found = self.measure(stamp, row, serial)
            if found is not None:
                yield self.finding(serial, found.start, stamp, [row], found.values)
        gone = [serial for serial, last in self._known.items() if stamp - last > KEEP]
        for serial in gone:
            del self._known[serial]
            self.forget(serial)

    def measure(self, stamp: int, row: int, serial: int) -> Measured | None:
        """Return what was measured of a track, while it makes an alarm."""
        raise NotImplementedError

    def forget(self, serial: int) -> None:
        """Forget a track."""
        raise NotImplementedError


@dataclass(frozen=True)
class Measured:
    """A measure that holds: since when in ns, and values by name with their unit."""

    start: int
    values: dict[str, float]


class SuddenBraking(TrackTraffic):
    """Longitudinal acceleration <= -a0 for >= t0, begun at a speed >= v0.

    a0 3.0 m/s^2, t0 0.6 s, v0 6.9 m/s (25 km/h). Damoov takes -2.7 m/s^2 for 600 ms from 25 km/h;
    PosiTrace 2.45; Verizon 2.2, 3.1 and 4.0 at 64 km/h. Fits over 1 s flatten what is shorter.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._since: dict[int, tuple[int, float]] = {}
        limits = self.traffic.duration, self.traffic.min_speed
        self._duration = nanoseconds(BRAKING_DURATION if limits[0] is None else limits[0])
        self._speed = BRAKING_SPEED if limits[1] is None else limits[1]

    def measure(self, stamp: int, row: int, serial: int) -> Measured | None:
        """Return acceleration and speed; see `TrackTraffic`."""
        fit, limit = self.state.motion.fit, self.traffic.deceleration
        speed, sigma = float(fit.speed[row]), float(fit.acceleration_sigma[row])
        along = along_path(fit.acceleration[row], fit.velocity[row])
        if not (along <= -limit and SURE * sigma <= limit):
            self._since.pop(serial, None)
            return None
        begun = self._since.get(serial)
        if begun is None:
            if speed < self._speed:
                return None
            begun = self._since[serial] = (stamp, speed)
        if stamp - begun[0] < self._duration:
            return None
        return Measured(
            begun[0],
            {
                'acceleration_mps2': along,
                'acceleration_sigma_mps2': sigma,
                'speed_mps': begun[1],
            },
        )

    def forget(self, serial: int) -> None:
        """Forget a track."""
        self._since.pop(serial, None)


class Swerving(TrackTraffic):
    """Lateral acceleration v w >= a1 to one side, then >= a1 to the other within 3 s.

    w is the yaw rate of the path in rad/s: v w = (v x a) / |v|. a1 is 2.9 m/s^2, PosiTrace's
    300 mg (eDriving takes 4.9); that both sides follow each other is our own definition.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._last: dict[int, dict[int, tuple[int, float]]] = {}

    def measure(self, stamp: int, row: int, serial: int) -> Measured | None:
        """Return both lateral accelerations; see `TrackTraffic`."""
        fit, limit = self.state.motion.fit, self.traffic.lateral
        across = across_path(fit.acceleration[row], fit.velocity[row])
        sigma = float(fit.acceleration_sigma[row])
        if not (abs(across) >= limit and SURE * sigma <= limit):
            return None
        sides, side = self._last.setdefault(serial, {}), 1 if across > 0 else -1
        sides[side] = (stamp, across)
        other = sides.get(-side)
        if other is None or stamp - other[0] > nanoseconds(self.traffic.within):
            return None
        return Measured(
            other[0],
            {
                'lateral_acceleration_mps2': across,
                'lateral_acceleration_before_mps2': other[1],
                'acceleration_sigma_mps2': sigma,
                'speed_mps': float(fit.speed[row]),
            },
        )

    def forget(self, serial: int) -> None:
        """Forget a track."""
        self._last.pop(serial, None)


class LaneChange(TrackTraffic):
    """A ground point >= 0.5 m beyond a painted line for >= 1 s, after it was on the other side.

    Our own definition. The way across must meet the line between its ends.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._duration = nanoseconds(
            LANE_CHANGE_DURATION if self.traffic.duration is None else self.traffic.duration
        )
        # Of each track and line: the side, where it was there last, since when it is on the other.
        self._side: dict[tuple[int, int], tuple[int, np.ndarray]] = {}
        self._since: dict[tuple[int, int], int] = {}

    def measure(self, stamp: int, row: int, serial: int) -> Measured | None:
        """Return how far beyond the line the track is; see `TrackTraffic`."""
        point, found = self.state.metres[row], None
        for index, (ends, frame) in enumerate(self.lines):
            if frame == self.state.frame and np.isfinite(point).all():
                found = self._cross(stamp, (serial, index), point, ends) or found
        return found

    def _cross(
        self, stamp: int, key: tuple[int, int], point: np.ndarray, ends: np.ndarray
    ) -> Measured | None:
        off = float(signed_distance(point[None], ends)[0])
        side = int(np.sign(off)) if abs(off) >= self.traffic.beyond else 0
        before = self._side.get(key)
        if before is None or side in (0, before[0]):
            if side:
                self._side[key] = (side, point.copy())
                self._since.pop(key, None)
            return None
        if key not in self._since:
            if not meets(before[1][None], point[None], ends)[0]:
                self._side[key] = (side, point.copy())
                return None
            self._since[key] = stamp
        if stamp - self._since[key] < self._duration:
            return None
        self._side[key] = (side, point.copy())
        return Measured(self._since.pop(key), {'beyond_m': abs(off)})

    def forget(self, serial: int) -> None:
        """Forget a track."""
        for memory in (self._side, self._since):
            for key in [key for key in memory if key[0] == serial]:
                del memory[key]


class WrongWay(TrackTraffic):
    """>= 5 m with a heading more than 120 degrees off the lane's, at >= 1.5 m/s, for >= 2 s.

    Our own definition. The lane's direction is that of a line from A to B.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        limits = self.traffic.duration, self.traffic.min_speed
        self._duration = nanoseconds(WRONG_DURATION if limits[0] is None else limits[0])
        self._speed = WRONG_SPEED if limits[1] is None else limits[1]
        self._begun: dict[int, tuple[int, np.ndarray]] = {}

    def measure(self, stamp: int, row: int, serial: int) -> Measured | None:
        """Return how far the track went, how fast and at which angle; see `TrackTraffic`."""
        velocity, point = self.state.motion.fit.velocity[row], self.state.metres[row]
        speed = float(np.hypot(*velocity))
        angles = [
            angle_between(velocity, ends[1] - ends[0])
            for ends, frame in self.lines
            if frame == self.state.frame
        ]
        # Against one lane is with another: all of them must be the other way.
        angle = min(angles, default=0.0)
        if not (speed >= self._speed and angle > np.deg2rad(self.traffic.angle)):
            self._begun.pop(serial, None)
            return None
        start, origin = self._begun.setdefault(serial, (stamp, point.copy()))
        far = float(np.hypot(*(point - origin)))
        if stamp - start < self._duration or not far >= self.traffic.distance:
            return None
        return Measured(
            start,
            {
                'distance_m': far,
                'duration_s': seconds(stamp - start),
                'speed_mps': speed,
                'angle_rad': angle,
            },
        )

    def forget(self, serial: int) -> None:
        """Forget a track."""
        self._begun.pop(serial, None)


def along_path(acceleration: np.ndarray, velocity: np.ndarray) -> float:
    """Return the acceleration (2,) along the velocity (2,) in m/s^2; NaN where there is none."""
    with np.errstate(divide='ignore', invalid='ignore'):
        return float(acceleration @ velocity / np.hypot(*velocity))


def across_path(acceleration: np.ndarray, velocity: np.ndarray) -> float:
    """Return the acceleration across the velocity in m/s^2, v times the yaw rate of the path."""
    turn = velocity[0] * acceleration[1] - velocity[1] * acceleration[0]
    with np.errstate(divide='ignore', invalid='ignore'):
        return float(turn / np.hypot(*velocity))


def angle_between(one: np.ndarray, other: np.ndarray) -> float:
    """Return the angle between two vectors (2,) in rad, from 0 to pi."""
    cross = one[0] * other[1] - one[1] * other[0]
    return float(np.abs(np.arctan2(cross, one @ other)))

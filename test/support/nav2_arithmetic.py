"""Do with our messages what Nav2 does: its published arithmetic, restated.

collision_monitor: nav2_collision_monitor/src/{polygon_source,pointcloud,source,
collision_monitor_node}.cpp; costmaps: nav2_costmap_2d/src/observation_buffer.cpp,
plugins/obstacle_layer.cpp; controllers: setSpeedLimit of nav2_mppi_controller and
nav2_regulated_pure_pursuit_controller. Branch jazzy, read at f4108e5b (1.3.13).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np

from actloc_ros.messages import stamp_of

SAMPLING_DISTANCE = 0.1
QUEUE = 5  # SensorDataQoS
LETHAL, FREE = 254, 0
STOP = 'stop'


def cloud_points(message: Any) -> np.ndarray:
    """Return the points (P, 3) of a cloud by its fields x, y and z, which must be there."""
    offsets = {field.name: field.offset for field in message.fields}
    rows = np.frombuffer(bytes(message.data), np.uint8).reshape(-1, message.point_step)
    assert len(rows) == message.width * message.height
    columns = [rows[:, offsets[n] : offsets[n] + 4].copy().view(np.float32)[:, 0] for n in 'xyz']
    return np.stack(columns, axis=1)


class PolygonSource:
    """collision_monitor's source `polygon`, where all frames are the robot's."""

    def __init__(self, source_timeout: float) -> None:
        self._timeout = source_timeout
        self._queue: deque[Any] = deque(maxlen=QUEUE)
        self._kept: list[Any] = []

    def receive(self, message: Any) -> None:
        """Take a message from the network: into the queue."""
        self._queue.append(message)

    def spin(self) -> None:
        """Call back for all that waits: one polygon is kept for each id."""
        while self._queue:
            message = self._queue.popleft()
            for index, kept in enumerate(self._kept):
                if kept.polygon.id == message.polygon.id:
                    self._kept[index] = message
                    break
            else:
                self._kept.append(message)

    def get_data(self, now: int) -> np.ndarray | None:
        """Return points (P, 2), or None where the source is invalid: the robot stops."""
        if not self._kept:
            return None
        limit = self._timeout * 1e9
        self._kept = [m for m in self._kept if now - stamp_of(m.header.stamp) <= limit]
        points = [sampled(m.polygon.polygon.points) for m in self._kept]
        return np.concatenate([np.zeros((0, 2)), *points])


def sampled(corners: list[Any]) -> np.ndarray:
    """Return points (P, 2) on the edges of a polygon, the last with the first."""
    points = []
    for index, current in enumerate(corners):
        following = corners[(index + 1) % len(corners)]
        dx, dy = following.x - current.x, following.y - current.y
        count = max(math.ceil(math.hypot(dx, dy) / SAMPLING_DISTANCE), 1)
        points += [
            (current.x + j * dx / count, current.y + j * dy / count) for j in range(count + 1)
        ]
    return np.array(points).reshape(-1, 2)


def cloud_source(message: Any, now: int, source_timeout: float) -> np.ndarray | None:
    """Return what the source `pointcloud` keeps, (P, 2), at its defaults; None: invalid, stop."""
    if source_timeout != 0.0 and now - stamp_of(message.header.stamp) > source_timeout * 1e9:
        return None
    points = cloud_points(message)
    return points[(points[:, 2] >= 0.05) & (points[:, 2] <= 0.5), :2]


def zone_action(points: np.ndarray | None, half: float, min_points: int = 4) -> str:
    """Return what a stopping zone makes of a source's points: a square of 2 `half` m a side."""
    if points is None:
        return STOP
    inside = (np.abs(points) < half).all(axis=1).sum()
    return STOP if inside >= min_points else 'drive'


class ObstacleLayer:
    """A layer of 12 m x 12 m around the origin with a marking and a clearing source of clouds."""

    RESOLUTION, HALF = 0.05, 6.0

    def __init__(
        self, max_obstacle_height: float, obstacle_max_range: float, raytrace_max_range: float
    ) -> None:
        self._height = max_obstacle_height
        self._obstacle, self._raytrace = obstacle_max_range, raytrace_max_range
        self.size = round(2 * self.HALF / self.RESOLUTION)
        self.costs = np.zeros((self.size, self.size), np.uint8)

    def update(self, marking: Any, clearing: Any, origin: tuple[float, float]) -> None:
        """Clear along all rays from `origin`, then mark."""
        for x, y, _ in self._buffered(clearing):
            self._raytrace_free(origin, float(x), float(y))
        for x, y, _ in self._buffered(marking):
            cell = self._cell(float(x), float(y))
            if cell is not None and math.hypot(x - origin[0], y - origin[1]) <= self._obstacle:
                self.costs[cell[1], cell[0]] = LETHAL

    def marked(self) -> np.ndarray:
        """Return the centres (P, 2) of lethal cells in m."""
        rows, columns = np.nonzero(self.costs == LETHAL)
        return (np.stack([columns, rows], axis=1) + 0.5) * self.RESOLUTION - self.HALF

    def _buffered(self, message: Any) -> np.ndarray:
        points = cloud_points(message)
        return points[(points[:, 2] <= self._height) & (points[:, 2] >= 0.0)]

    def _cell(self, x: float, y: float) -> tuple[int, int] | None:
        if x < -self.HALF or y < -self.HALF:
            return None
        cell = int((x + self.HALF) / self.RESOLUTION), int((y + self.HALF) / self.RESOLUTION)
        return cell if max(cell) < self.size else None

    def _raytrace_free(self, origin: tuple[float, float], x: float, y: float) -> None:
        """Cut the ray at the map's edge, then clear at most `raytrace_max_range` of its cells."""
        ox, oy = origin
        a, b = x - ox, y - oy
        if x < -self.HALF:
            x, y = -self.HALF, oy + b * (-self.HALF - ox) / a
        if y < -self.HALF:
            x, y = ox + a * (-self.HALF - oy) / b, -self.HALF
        if x > self.HALF:
            x, y = self.HALF - 0.001, oy + b * (self.HALF - ox) / a
        if y > self.HALF:
            x, y = ox + a * (self.HALF - oy) / b, self.HALF - 0.001
        start, end = self._cell(ox, oy), self._cell(x, y)
        if start is None or end is None:
            return
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy)
        most = math.ceil(self._raytrace / self.RESOLUTION)
        steps = max(abs(dx), abs(dy))
        for step in range(int(steps * min(1.0, most / length if length else 1.0)) + 1):
            share = step / steps if steps else 0.0
            self.costs[start[1] + round(share * dy), start[0] + round(share * dx)] = FREE


def mppi_speed(message: Any, base: float) -> float:
    """Return the greatest speed in m/s that MPPI and RPP make of a limit."""
    if message.speed_limit == 0.0:
        return base
    return base * message.speed_limit / 100.0 if message.percentage else message.speed_limit

"""Draw people as points that costmaps and collision_monitor take, and clear where nobody is.

Nav2's obstacle layer marks the cells of points between its height limits and never erases them by
itself: only a ray of a clearing source does. collision_monitor takes points from 0.05 to 0.5 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.planners.encounters import Robot
from actloc_ros.planners.motion import BodySize, Movers

SPACING = 0.1  # m between points of a column and between its columns
LOWEST = 0.05  # m over the floor: collision_monitor's min_height
RAY_HEIGHT = 0.3  # m over the floor: within the height limits of both consumers
MARGIN = 0.1  # m before somebody, where a clearing ray ends


@dataclass(frozen=True)
class ClearingOptions:
    """Where the second cloud clears.

    Attributes:
        distance: Range of its points in m; at least the layer's raytrace_max_range.
        angle: Width of the view in rad, symmetric about the robot's heading.
        step: Angle in rad between two rays.
    """

    distance: float = 10.0
    angle: float = 2 * np.pi
    step: float = np.radians(0.5)


def column_points(people: Movers, body: BodySize, time: float) -> np.ndarray:
    """Return points, float32 (P, 3) in m, of people as columns from the floor to their height.

    Each column stands on discs along the way that its person is expected to go in `time` s: a
    disc each radius, so that no gap is left between them.
    """
    heights = body.floor + np.arange(LOWEST, body.height + SPACING / 2, SPACING)
    bases = [_bases(people, index, time) for index in range(len(people))]
    if not bases:
        return np.zeros((0, 3), np.float32)
    base = np.concatenate(bases)
    points = np.empty((len(base), len(heights), 3), np.float32)
    points[..., :2], points[..., 2] = base[:, None], heights
    return points.reshape(-1, 3)


def _bases(people: Movers, index: int, time: float) -> np.ndarray:
    """Return the footprint (B, 2) of one person's columns."""
    radius, velocity = people.radius[index], people.velocity[index]
    count = 1 + int(np.ceil(np.hypot(*velocity) * time / radius))
    places = people.position[index] + np.linspace(0, time, count)[:, None] * velocity
    grown = radius + people.growth[index] * time
    return (places[:, None] + _disc(grown)).reshape(-1, 2)


def _disc(radius: float) -> np.ndarray:
    """Return points (D, 2) that fill a disc: circles from its edge inwards."""
    radii = np.linspace(0, radius, 1 + int(np.ceil(radius / SPACING)))
    circles = []
    for each in radii:
        count = max(1, int(np.ceil(2 * np.pi * each / SPACING)))
        angles = np.arange(count) * 2 * np.pi / count
        circles.append(each * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return np.concatenate(circles)


def clearing_points(
    people: Movers, robot: Robot, body: BodySize, options: ClearingOptions
) -> np.ndarray:
    """Return ends of rays, float32 (R, 3) in m, from the robot over all that is free.

    A ray in whose way somebody is ends before him.
    """
    half = options.angle / 2
    count = max(2, int(np.ceil(options.angle / options.step)))
    angles = robot.yaw + np.linspace(-half, half, count, endpoint=options.angle < 2 * np.pi)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    origin = np.array([robot.x, robot.y])
    length = _free_length(people, origin, directions, options.distance)
    ends = origin + length[:, None] * directions
    heights = np.full(len(ends), body.floor + RAY_HEIGHT)
    return np.column_stack([ends, heights])[length > 0].astype(np.float32)


def _free_length(
    people: Movers, origin: np.ndarray, directions: np.ndarray, distance: float
) -> np.ndarray:
    """Return how far (R,) each ray goes before it comes within a margin of somebody."""
    length = np.full(len(directions), distance)
    for position, radius in zip(people.position, people.radius + MARGIN, strict=True):
        along = directions @ (position - origin)
        aside = (
            directions[:, 0] * (position - origin)[1] - directions[:, 1] * (position - origin)[0]
        )
        hit = (along > 0) & (np.abs(aside) < radius)
        half = np.sqrt(np.maximum(radius**2 - aside**2, 0))
        length[hit] = np.minimum(length[hit], (along - half)[hit])
    return np.maximum(length, 0)

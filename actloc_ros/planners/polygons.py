"""Lay out people as polygons for collision_monitor, so that none overflows its queue.

collision_monitor keeps one polygon for each id, takes them from a queue of 5, and stops the robot
for ever once none is left that is fresh: a polygon without corners and with a fresh stamp says
that nobody is there. So each cycle sends the same 5 ids: 4 for the nearest people who meet the
robot, empty where there are fewer, and the heartbeat last.

It takes points of the edges alone, so that a robot within an outline would not be stopped by it:
the corners wind inwards from the outline to the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.planners.encounters import Encounters
from actloc_ros.planners.motion import Movers, swept_polygon

RING = 0.25  # m between the windings: less than any robot's own zone is wide
HEARTBEAT = 0  # id of the polygon that never has corners
PLACES = (1, 2, 3, 4)  # ids of people: with the heartbeat as many as the queue holds


@dataclass(frozen=True, eq=False)
class NumberedPolygon:
    """One polygon.

    Attributes:
        id: The consumer replaces what it has of this id.
        corners: float64 (M, 2) in m; none: nothing is there.
    """

    id: int
    corners: np.ndarray


def polygons(people: Movers, met: Encounters, time: float) -> list[NumberedPolygon]:
    """Return all that one cycle sends, in order: where people are from now to `time` s later."""
    found = [wound(swept_polygon(people, index, time)) for index in met.nearest(len(PLACES))]
    nothing = np.zeros((0, 2))
    padded = found + [nothing] * (len(PLACES) - len(found))
    places = [NumberedPolygon(*pair) for pair in zip(PLACES, padded, strict=True)]
    return [*places, NumberedPolygon(HEARTBEAT, nothing)]


def wound(outline: np.ndarray) -> np.ndarray:
    """Return corners (M, 2) that wind from a convex outline (N, 2) to its middle."""
    middle = outline.mean(axis=0)
    farthest = float(np.linalg.norm(outline - middle, axis=1).max())
    shares = np.linspace(1, 0, 1 + max(1, int(np.ceil(farthest / RING))))[:-1]
    rings = [middle + share * (outline - middle) for share in shares]
    # Each ring is closed by its first corner again, before the next begins.
    return np.concatenate([*(np.concatenate([ring, ring[:1]]) for ring in rings), [middle]])

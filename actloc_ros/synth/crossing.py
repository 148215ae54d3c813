"""Find when actors walk across the way ahead of the camera, as it looks at that moment."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from actloc_ros.synth.camera import CameraPath
from actloc_ros.synth.script import Action, Segment, to_ns

LANE = 1.2  # metres to each side of the camera's axis: a robot's way, with room to pass
STEEPEST = 1.5  # metres to the side for a metre along the axis: less is no crossing
MOMENTS = 50  # a second, at which a walk is looked at
ON_FOOT = {'walking', 'running'}


@dataclass(frozen=True, eq=False)
class _Way:
    """A walk as the camera sees it, over the ground, at T moments.

    Attributes:
        times: float64 (T,), seconds.
        ahead: float64 (T,), metres along the camera's heading.
        left: float64 (T,), metres to its left.
    """

    times: np.ndarray
    ahead: np.ndarray
    left: np.ndarray


def crossings(segments: Iterable[Segment], path: CameraPath) -> list[Action]:
    """Return when an actor is in the camera's lane, for each walk from one side to the other."""
    walks = (segment for segment in segments if ON_FOOT & set(segment.labels))
    ways = (_seen_from(path, walk) for walk in walks)
    return [action for way in ways for action in _crossing(way)]


def _seen_from(path: CameraPath, walk: Segment) -> _Way:
    count = max(2, round((walk.end - walk.start) * MOMENTS))
    times = np.linspace(walk.start, walk.end, count)
    rows = []
    for time in times.tolist():
        (x, y), (camera_x, camera_y, heading) = walk.place(time), path.on_ground(time)
        x, y = x - camera_x, y - camera_y
        cos, sin = math.cos(heading), math.sin(heading)
        rows.append((cos * x + sin * y, cos * y - sin * x))
    ahead, left = np.array(rows).T
    return _Way(times, ahead, left)


def _crossing(way: _Way) -> list[Action]:
    along, aside = np.ptp(way.ahead[[0, -1]]), np.ptp(way.left[[0, -1]])
    other_side = way.left[0] * way.left[-1] <= 0
    if not other_side or aside < max(LANE, STEEPEST * along):
        return []
    inside = np.flatnonzero((np.abs(way.left) < LANE) & (way.ahead > 0))
    if not len(inside):
        return []
    first, last = way.times[inside[[0, -1]]].tolist()
    return [Action('crossing', to_ns(first), to_ns(last))]

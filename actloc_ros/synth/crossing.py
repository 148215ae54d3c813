"""Find when actors walk across the way ahead of the camera, by its heading at that time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from actloc_ros.synth.camera import CameraPath
from actloc_ros.synth.script import Action, Segment, to_ns

LANE = 1.2  # metres to each side of the camera's axis: a robot's way, with room to pass
STEEPEST = 1.5  # metres to the side for a metre along the axis: less is a walk along it
SHORTEST = 0.3  # seconds in the lane: less does not count
SAMPLES = 50  # a second, of a walk
ON_FOOT = {'walking', 'running'}


@dataclass(frozen=True, eq=False)
class _Way:
    """A walk over the ground, relative to the camera, at T times.

    Attributes:
        times: float64 (T,), seconds.
        ahead: float64 (T,), metres along the camera's heading.
        left: float64 (T,), metres to its left.
        across: bool (T,), whether it goes across the heading rather than along.
    """

    times: np.ndarray
    ahead: np.ndarray
    left: np.ndarray
    across: np.ndarray


def crossings(segments: Iterable[Segment], path: CameraPath) -> list[Action]:
    """Return when an actor walks or runs across the camera's lane, while in it.

    Where the walk will end does not matter, so that a viewer can know at any time; only what
    is over before `SHORTEST` is left out.
    """
    walks = (segment for segment in segments if ON_FOOT & set(segment.labels))
    ways = (_relative_to(path, walk) for walk in walks)
    return [action for way in ways for action in _crossings(way)]


def _relative_to(path: CameraPath, walk: Segment) -> _Way:
    count = max(2, round((walk.end - walk.start) * SAMPLES))
    times = np.linspace(walk.start, walk.end, count)
    rows = [(*walk.place(time), *path.on_ground(time)) for time in times.tolist()]
    x, y, camera_x, camera_y, heading = np.array(rows).T
    ahead, left = _turned(x - camera_x, y - camera_y, heading)
    (x1, y1), (x2, y2) = walk.begin, walk.finish
    along, across = _turned(x2 - x1, y2 - y1, heading)
    return _Way(times, ahead, left, np.abs(across) >= STEEPEST * np.abs(along))


def _turned(
    x: np.ndarray | float, y: np.ndarray | float, heading: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of a vector lies along headings, and how much to the left of them."""
    cos, sin = np.cos(heading), np.sin(heading)
    return cos * x + sin * y, cos * y - sin * x


def _crossings(way: _Way) -> list[Action]:
    inside = (np.abs(way.left) < LANE) & (way.ahead > 0) & way.across
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    spans = [(way.times[first], way.times[after - 1]) for first, after in edges.reshape(-1, 2)]
    return [
        Action('crossing', to_ns(start), to_ns(end))
        for start, end in spans
        if end - start >= SHORTEST
    ]

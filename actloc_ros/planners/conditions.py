"""Answer what behaviour trees ask of people: who does what, and whether a zone is free.

An answer is known only from reports that are young enough: silence is no empty room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from actloc_ros.frames import seconds


@dataclass(frozen=True)
class Actor:
    """Somebody in one report.

    Attributes:
        track_id: Unique in the camera.
        labels: The actions that go on.
        foot: x, y of the box's bottom centre, in [0, 1] of the image.
        place: x, y in m, if known.
        frame: Coordinate frame of `place`.
    """

    track_id: int
    labels: frozenset[str]
    foot: tuple[float, float]
    place: tuple[float, float] | None = None
    frame: str = ''


@dataclass(frozen=True)
class Zone:
    """A polygon on the floor or in the image.

    Attributes:
        corners: x, y of each corner in order: in m in `frame`, or in [0, 1] of the image.
        frame: Coordinate frame; empty: the image.
        camera: Whose image; all cameras' if None.
    """

    corners: tuple[tuple[float, float], ...]
    frame: str = ''
    camera: str | None = None

    def __post_init__(self) -> None:
        polygon = np.array(self.corners, np.float32).reshape(-1, 2)
        if len(polygon) < 3 or not np.isfinite(polygon).all() or not cv2.contourArea(polygon):
            raise ValueError(f'the zone {self.corners} is no area: it needs 3 corners or more')

    def holds(self, actor: Actor) -> bool | None:
        """Return whether somebody is in it; None if that is not known."""
        point = actor.place if self.frame else actor.foot
        if point is None or (self.frame and actor.frame != self.frame):
            return None
        polygon = np.array(self.corners, np.float32)
        return bool(cv2.pointPolygonTest(polygon, point, measureDist=False) >= 0)


@dataclass(frozen=True)
class _Report:
    stamp: int
    actors: Sequence[Actor]


@dataclass
class Watch:
    """The newest report of each camera.

    Attributes:
        max_age: Age in s above which a report says nothing.
    """

    max_age: float
    _reports: dict[str, _Report] = field(default_factory=dict)

    def take(self, camera: str, stamp: int, actors: Sequence[Actor]) -> None:
        """Take a report of the key frame at `stamp` (ns)."""
        self._reports[camera] = _Report(stamp, actors)

    def unknown(self, now: int) -> str:
        """Return why nothing is known at `now` (ns); empty if all is."""
        if not self._reports:
            return 'no report yet'
        age = seconds(now - min(report.stamp for report in self._reports.values()))
        return '' if age <= self.max_age else f'the last report is {age:.1f} s old'

    def doing(self, label: str) -> list[int]:
        """Return the tracks of who does something."""
        return [actor.track_id for _, actor in self._actors() if label in actor.labels]

    def is_free(self, zone: Zone) -> bool:
        """Return whether nobody is in a zone; who has no known place may be in it."""
        watched = [a for camera, a in self._actors() if zone.camera in (None, camera)]
        return all(zone.holds(actor) is False for actor in watched)

    def _actors(self) -> list[tuple[str, Actor]]:
        return [(camera, a) for camera, report in self._reports.items() for a in report.actors]

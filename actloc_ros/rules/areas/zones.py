"""Remember which actors of a camera are inside which zones, with inertia and occlusion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely

from actloc_ros.frames import nanoseconds
from actloc_ros.rules.areas.places import Places
from actloc_ros.rules.file.model import Zone
from actloc_ros.rules.shapes import points_of

NEVER = -1


class ZoneMemory:
    """N rows of actors, Z zones.

    Attributes:
        inside: bool (N, Z): who is inside, after inertia; unseen actors stay for `hold`.
        since: int64 (N, Z): when continuous presence began; -1 without.
    """

    def __init__(self, zones: Sequence[Zone], rows: int) -> None:
        self._zones = tuple(zones)
        self._groups = _Polygons((z.frame, z.anchor, z.coordinates) for z in zones)
        count = len(zones)
        self._inertia = np.array([nanoseconds(z.inertia) for z in zones], np.int64)
        self._exit = np.array([nanoseconds(z.exit_inertia) for z in zones], np.int64)
        self._hold = np.array([nanoseconds(z.hold) for z in zones], np.int64)
        self.inside = np.zeros((rows, count), bool)
        self.since = np.full((rows, count), NEVER, np.int64)
        self._outside_since = np.full((rows, count), NEVER, np.int64)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name, empty in _BY_ROW:
            old = getattr(self, name)
            new = np.full((rows, old.shape[1]), empty, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for name, empty in _BY_ROW:
            getattr(self, name)[row] = empty

    def step(self, stamp: int, rows: np.ndarray, places: Places, last_detected: np.ndarray) -> None:
        """Take where the actors of `rows` are, and let those unseen for too long leave."""
        if not self._zones:
            return
        if len(rows):
            self._take(stamp, rows, self._groups.contains(places))
        gone = stamp - last_detected[:, None] > self._hold
        self.inside &= ~gone
        np.copyto(self.since, NEVER, where=gone)

    def _take(self, stamp: int, rows: np.ndarray, found: np.ndarray) -> None:
        within, outside = np.zeros((2, *self.inside.shape), bool)
        within[rows], outside[rows] = found, ~found
        np.copyto(self.since, stamp, where=within & (self.since == NEVER))
        np.copyto(self.since, NEVER, where=outside)
        np.copyto(self._outside_since, stamp, where=outside & (self._outside_since == NEVER))
        np.copyto(self._outside_since, NEVER, where=within)
        # Those inside stay until they were detected outside for long enough.
        self.inside &= ~outside | (self._outside_since >= stamp - self._exit)
        self.inside |= within & (self.since <= stamp - self._inertia)


_BY_ROW = (('inside', False), ('since', NEVER), ('_outside_since', NEVER))


class Masks:
    """Polygons of the image in which anchors do not count."""

    def __init__(self, polygons: Sequence[Sequence[float]]) -> None:
        self._groups = _Polygons((None, 'bottom_center', tuple(p)) for p in polygons)

    def contain(self, places: Places) -> np.ndarray:
        """Return which of K actors are in which of M polygons, bool (K, M)."""
        return self._groups.contains(places)


class _Polygons:
    """Polygons of shapely, prepared and grouped by whose points they are asked for."""

    def __init__(self, areas: Iterable[tuple[str | None, str, Sequence[float]]]) -> None:
        self._count = 0
        groups: dict[tuple[str | None, str], dict[int, shapely.Polygon]] = {}
        for index, (frame, anchor, flat) in enumerate(areas):
            key = (frame, '') if frame is not None else (None, anchor)
            groups.setdefault(key, {})[index] = shapely.Polygon(points_of(flat))
            self._count += 1
        self._groups = {key: _PolygonGroup(polygons) for key, polygons in groups.items()}

    def contains(self, places: Places) -> np.ndarray:
        """Return bool (K, Z); a point on the border is inside, one that is not known is not."""
        within = np.zeros((len(places.metres), self._count), bool)
        for (frame, anchor), group in self._groups.items():
            if frame is not None and frame != places.frame:
                continue
            group.mark(places.metres if frame is not None else places.image[anchor], within)
        return within


class _PolygonGroup:
    """Polygons that are asked for the same points, by their column."""

    def __init__(self, polygons: Mapping[int, shapely.Polygon]) -> None:
        self._columns = np.array(list(polygons), np.int64)
        self._polygons = np.array(list(polygons.values()), object)
        shapely.prepare(self._polygons)
        self._bounds = shapely.bounds(self._polygons).T

    def mark(self, points: np.ndarray, within: np.ndarray) -> None:
        """Write into `within`, bool (K, Z), which points (K, 2) the polygons hold."""
        x, y = points[:, :1], points[:, 1:]
        left, top, right, bottom = self._bounds
        # Most points are far from most polygons: shapely is asked for the others.
        near = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        rows, which = near.nonzero()
        found = shapely.intersects_xy(self._polygons[which], x[rows, 0], y[rows, 0])
        within[rows, self._columns[which]] = found

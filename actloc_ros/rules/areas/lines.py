"""Notice when actors of a camera cross lines, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.rules.areas.places import Places
from actloc_ros.rules.file.model import Line
from actloc_ros.rules.shapes import points_of

BAND_IMAGE, BAND_METRES = 0.01, 0.2  # heights of the image; m
IN, OUT = 1, -1
DIRECTIONS = {'in': (IN,), 'out': (OUT,), 'both': (IN, OUT)}


class LineMemory:
    """N rows of actors, L lines.

    An actor has crossed a line once it is beyond the band on the other side, if the way between
    the last points on both sides meets the segment. Who stands on the line crosses nothing.

    Attributes:
        crossed: int8 (N, L): 1 for in, -1 for out, 0 for neither, at the last key frame.
    """

    def __init__(self, lines: Sequence[Line], rows: int) -> None:
        count = len(lines)
        self._ends = np.array([points_of(line.coordinates) for line in lines]).reshape(count, 2, 2)
        bands = (BAND_IMAGE if line.frame is None else BAND_METRES for line in lines)
        own = (line.band for line in lines)
        self._band = np.array([d if b is None else b for d, b in zip(bands, own, strict=True)])
        groups: dict[tuple[str | None, str], list[int]] = {}
        for index, line in enumerate(lines):
            key = (line.frame, '') if line.frame is not None else (None, line.anchor)
            groups.setdefault(key, []).append(index)
        self._groups = {key: np.array(columns) for key, columns in groups.items()}
        self.crossed = np.zeros((rows, count), np.int8)
        self._side = np.zeros((rows, count), np.int8)
        self._point = np.full((rows, count, 2), np.nan)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        for name, empty in _BY_ROW:
            old = getattr(self, name)
            new = np.full((rows, *old.shape[1:]), empty, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        for name, empty in _BY_ROW:
            getattr(self, name)[row] = empty

    def step(self, rows: np.ndarray, places: Places, aspect: float) -> None:
        """Take where the actors of `rows` are.

        Args:
            rows: (K,).
            places: Of K actors.
            aspect: Width by height of the image.
        """
        self.crossed[:] = 0
        if not len(rows):
            return
        for (frame, anchor), columns in self._groups.items():
            if frame is not None and frame != places.frame:
                continue
            # Of the image: in heights, so that lengths are alike both ways.
            scale = np.array([1.0 if frame is not None else aspect, 1.0])
            points = places.metres if frame is not None else places.image[anchor]
            self._take(columns, rows, points * scale, self._ends[columns] * scale)

    def _take(
        self, columns: np.ndarray, rows: np.ndarray, points: np.ndarray, ends: np.ndarray
    ) -> None:
        """Take points (K, 2) for lines with ends (L, 2, 2)."""
        distance, band = _distances(points, ends), self._band[columns]
        side = (distance > band).astype(np.int8) - (distance < -band)
        beyond = side != 0
        cells = np.ix_(rows, columns) if len(columns) < len(self._band) else rows
        before, point = self._side[cells], self._point[cells]
        changed = (side * before) < 0
        if changed.any():
            changed &= meets(point, points[:, None], ends)
            self.crossed[cells] = side * changed
        self._side[cells] = np.where(beyond, side, before)
        self._point[cells] = np.where(beyond[..., None], points[:, None], point)


_BY_ROW = (('crossed', 0), ('_side', 0), ('_point', np.nan))


def _distances(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the signed distances (K, L) of points (K, 2) from lines through ends (L, 2, 2)."""
    a, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    normal = np.stack([-along[:, 1], along[:, 0]]) / np.hypot(along[:, 0], along[:, 1])
    return points @ normal - (a.T * normal).sum(0)


def signed_distance(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return distances (…,) of points (…, 2) from straight lines through ends (…, 2, 2).

    It is above 0 on the right of A to B on the screen, where y goes down.
    """
    a, along = ends[..., 0, :], ends[..., 1, :] - ends[..., 0, :]
    off = points - a
    cross = along[..., 0] * off[..., 1] - along[..., 1] * off[..., 0]
    return cross / np.hypot(along[..., 0], along[..., 1])


def meets(start: np.ndarray, end: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return whether ways (…, 2) to (…, 2) that cross straight lines meet their segments."""
    first, last = signed_distance(start, ends), signed_distance(end, ends)
    with np.errstate(divide='ignore', invalid='ignore'):
        share = (first / (first - last))[..., None]
        point = start + share * (end - start)
    a, along = ends[..., 0, :], ends[..., 1, :] - ends[..., 0, :]
    where = ((point - a) * along).sum(-1) / (along**2).sum(-1)
    return (where >= 0) & (where <= 1)

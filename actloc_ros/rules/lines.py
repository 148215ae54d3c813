"""Notice when actors of a camera cross lines, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.rules.model import Line
from actloc_ros.rules.places import Places
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
        self._lines = tuple(lines)
        self.crossed = np.zeros((rows, len(lines)), np.int8)
        self._side = np.zeros((rows, len(lines)), np.int8)
        self._point = np.full((rows, len(lines), 2), np.nan)

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
        for column, line in enumerate(self._lines):
            if line.frame is not None and line.frame != places.frame:
                continue
            # Of the image: in heights, so that lengths are alike both ways.
            scale = np.array([1.0 if line.frame is not None else aspect, 1.0])
            points = places.metres if line.frame is not None else places.image[line.anchor]
            ends = points_of(line.coordinates) * scale
            band = line.band
            if band is None:
                band = BAND_IMAGE if line.frame is None else BAND_METRES
            self._take(column, rows, points * scale, ends, band)

    def _take(
        self, column: int, rows: np.ndarray, points: np.ndarray, ends: np.ndarray, band: float
    ) -> None:
        distance = signed_distance(points, ends)
        side = np.where(np.abs(distance) > band, np.sign(np.nan_to_num(distance)), 0).astype(
            np.int8
        )
        before, start = self._side[rows, column], self._point[rows, column]
        changed = (side != 0) & (before != 0) & (side != before)
        if changed.any():
            changed &= meets(start, points, ends)
        self.crossed[rows, column] = np.where(changed, side, 0)
        beyond = side != 0
        self._side[rows[beyond], column] = side[beyond]
        self._point[rows[beyond], column] = points[beyond]


_BY_ROW = (('crossed', 0), ('_side', 0), ('_point', np.nan))


def signed_distance(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return distances (K,) of points (K, 2) from the straight line through ends (2, 2).

    It is above 0 on the right of A to B on the screen, where y goes down.
    """
    a, b = ends
    along = b - a
    off = points - a
    return (along[0] * off[:, 1] - along[1] * off[:, 0]) / np.hypot(*along)


def meets(start: np.ndarray, end: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return whether ways (K, 2) to (K, 2) that cross the straight line meet the segment."""
    first, last = signed_distance(start, ends), signed_distance(end, ends)
    with np.errstate(divide='ignore', invalid='ignore'):
        share = (first / (first - last))[:, None]
        point = start + share * (end - start)
    a, b = ends
    along = ((point - a) @ (b - a)) / ((b - a) @ (b - a))
    return (along >= 0) & (along <= 1)

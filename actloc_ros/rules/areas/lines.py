"""Notice when actors of a camera cross lines, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
        groups: dict[tuple[str | None, str], dict[int, Line]] = {}
        for index, line in enumerate(lines):
            key = (line.frame, '') if line.frame is not None else (None, line.anchor)
            groups.setdefault(key, {})[index] = line
        self._groups = [_LineGroup(*key, some, rows) for key, some in groups.items()]
        self.crossed = np.zeros((rows, len(lines)), np.int8)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        self.crossed = _widened(self.crossed, rows, 0)
        for group in self._groups:
            group.widen(rows)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        self.crossed[row] = 0
        for group in self._groups:
            group.clear(row)

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
        for group in self._groups:
            group.step(rows, places, aspect, self.crossed)


class _LineGroup:
    """Lines for which the same points count: of an anchor in the image, or in m in a frame."""

    def __init__(
        self, frame: str | None, anchor: str, lines: Mapping[int, Line], rows: int
    ) -> None:
        """Begin with lines by their index among all."""
        self._frame, self._anchor = frame, anchor
        self._columns = np.array(list(lines))
        self._ends = np.array([points_of(line.coordinates) for line in lines.values()])
        usual = BAND_IMAGE if frame is None else BAND_METRES
        self._band = np.array([usual if n.band is None else n.band for n in lines.values()])
        self._aspect, self._straight = 0.0, _straight(self._ends)
        # On which side of each line an actor was last, and where; 0 and NaN where that is unknown.
        self._side = np.zeros((rows, len(lines)), np.int8)
        self._point = np.full((rows, len(lines), 2), np.nan)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        self._side = _widened(self._side, rows, 0)
        self._point = _widened(self._point, rows, np.nan)

    def clear(self, row: int) -> None:
        """Forget an actor."""
        self._side[row], self._point[row] = 0, np.nan

    def step(self, rows: np.ndarray, places: Places, aspect: float, crossed: np.ndarray) -> None:
        """Take where the actors of `rows` are; write into `crossed` as `LineMemory` has it."""
        points = np.full((len(self._side), 1, 2), np.nan)
        if self._frame is None:
            # In heights of the image, so that lengths are alike both ways.
            points[rows, 0] = places.image[self._anchor] * (aspect, 1.0)
            if aspect != self._aspect:
                self._aspect, self._straight = aspect, _straight(self._ends * (aspect, 1.0))
        elif self._frame == places.frame:
            points[rows, 0] = places.metres
        distance = points[:, 0] @ self._straight.normal - self._straight.offset
        side = (distance > self._band).astype(np.int8) - (distance < -self._band)
        cells = (side * self._side < 0).nonzero()
        if len(cells[0]):
            actors, lines = cells
            met = meets(self._point[cells], points[actors, 0], self._straight.ends[lines])
            crossed[actors, self._columns[lines]] = side[cells] * met
        beyond = side != 0
        np.copyto(self._side, side, where=beyond)
        np.copyto(self._point, points, where=beyond[..., None])


@dataclass(frozen=True)
class _Straight:
    """Lines in the form that gives distances from them.

    Attributes:
        ends: float64 (L, 2, 2).
        normal: float64 (2, L), of length 1, to the right of A to B.
        offset: float64 (L,): distance from the origin along it.
    """

    ends: np.ndarray
    normal: np.ndarray
    offset: np.ndarray


def _straight(ends: np.ndarray) -> _Straight:
    a, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    normal = np.stack([-along[:, 1], along[:, 0]]) / np.hypot(along[:, 0], along[:, 1])
    return _Straight(ends, normal, (a.T * normal).sum(0))


def _widened(array: np.ndarray, rows: int, empty: float) -> np.ndarray:
    wider = np.full((rows, *array.shape[1:]), empty, array.dtype)
    wider[: len(array)] = array
    return wider


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

"""Notice when actors of a camera cross lines, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence
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
        self._aspect = 0.0
        self._straight: list[_Straight] = []
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
        if aspect != self._aspect:
            self._aspect = aspect
            self._straight = [
                _straight(frame, anchor, columns, self._ends[columns], aspect)
                for (frame, anchor), columns in self._groups.items()
            ]
        for lines in self._straight:
            if lines.frame is None:
                self._take(lines, rows, places.image[lines.anchor] * lines.scale)
            elif lines.frame == places.frame:
                self._take(lines, rows, places.metres)

    def _take(self, lines: _Straight, rows: np.ndarray, points: np.ndarray) -> None:
        """Take points (K, 2) for some lines."""
        columns = lines.columns
        distance, band = points @ lines.normal - lines.offset, self._band[columns]
        side = (distance > band).astype(np.int8) - (distance < -band)
        cells = (rows[:, None], columns)
        before = self._side[cells]
        changed = (side * before) < 0
        if changed.any():
            changed &= meets(self._point[cells], points[:, None], lines.ends)
            self.crossed[cells] = side * changed
        self._side[cells] = np.where(side, side, before)
        actors, beyond = side.nonzero()
        self._point[rows[actors], columns[beyond]] = points[actors]


@dataclass(frozen=True)
class _Straight:
    """Lines for which the same points count, in m, or of the image in heights.

    Attributes:
        frame: Of points in m; None for points of the image.
        anchor: Of boxes, for points of the image.
        columns: (L,) indices of the lines.
        scale: (2,) from shares of the image to heights, so that lengths are alike both ways.
        ends: float64 (L, 2, 2).
        normal: float64 (2, L), of length 1, to the right of A to B.
        offset: float64 (L,): distance from the origin along it.
    """

    frame: str | None
    anchor: str
    columns: np.ndarray
    scale: np.ndarray
    ends: np.ndarray
    normal: np.ndarray
    offset: np.ndarray


def _straight(
    frame: str | None, anchor: str, columns: np.ndarray, ends: np.ndarray, aspect: float
) -> _Straight:
    scale = np.array([aspect if frame is None else 1.0, 1.0])
    ends = ends * scale
    a, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    normal = np.stack([-along[:, 1], along[:, 0]]) / np.hypot(along[:, 0], along[:, 1])
    return _Straight(frame, anchor, columns, scale, ends, normal, (a.T * normal).sum(0))


_BY_ROW = (('crossed', 0), ('_side', 0), ('_point', np.nan))


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

"""Fit velocity and acceleration of actors to their positions in m over windows of a second or more.

Derivatives of positions are noise: with n positions of standard deviation s within T seconds, a
straight line gives a velocity with s sqrt(12 / n) / T, and a parabola an acceleration with
s sqrt(720 / n) / T^2. So fits over a window come with the standard deviation that their own
residuals give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS, nanoseconds
from actloc_ros.rules.history import History

WINDOW = 1.0  # s
LEAST = 5  # positions in a window
HALF = 0.5  # s: half of the time over which a path has a direction
COVERED = 0.9  # of the window from its first position to its last


@dataclass(frozen=True)
class Fit:
    """Straight lines and parabolas through the newest positions of N actors; NaN where unknown.

    Attributes:
        velocity: float64 (N, 2) in m/s, over the window.
        speed: float64 (N,) in m/s.
        speed_sigma: float64 (N,): its standard deviation; asked for with accelerations.
        acceleration: float64 (N, 2) in m/s^2, that of the window.
        acceleration_sigma: float64 (N,): its standard deviation along each axis.
    """

    velocity: np.ndarray
    speed: np.ndarray
    speed_sigma: np.ndarray
    acceleration: np.ndarray
    acceleration_sigma: np.ndarray


class MotionMemory:
    """Positions of N rows of actors over the last seconds, at the stamps of their measurement."""

    def __init__(self, rows: int, span: float = WINDOW, curved: bool = True) -> None:
        """Begin.

        Args:
            rows: N.
            span: For how long paths are kept at least, in s.
            curved: Whether accelerations are asked for.
        """
        self._window, self._curved = nanoseconds(WINDOW), curved
        self._history = History(
            nanoseconds(max(WINDOW, span)) + NANOSECONDS,
            points=((rows, 3), np.float64),
        )
        self._rows, self._newest = rows, np.zeros(rows, np.int64)
        self.fit = _unknown(rows)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        old, self._rows = self._rows, rows
        self._history.widen(rows)
        self._history.rows('points')[:, old:] = np.nan
        self.fit = _unknown(rows)  # until the step that widens fits again
        self._newest = np.concatenate([self._newest, np.zeros(rows - old, np.int64)])

    def clear(self, row: int) -> None:
        """Forget an actor."""
        self._history.clear_column(row, points=np.nan)
        self._newest[row] = 0

    def step(self, stamp: int, rows: np.ndarray, stamps: np.ndarray, metres: np.ndarray) -> None:
        """Take positions, and fit all actors' motion again.

        Args:
            stamp: Of the key frame in ns.
            rows: (K,) of the actors.
            stamps: int64 (K,): when each position was measured; one that was given before is left
                out.
            metres: float64 (K, 2); NaN where not known.
        """
        points = np.full((self._rows, 3), np.nan)
        new = stamps > self._newest[rows]
        given = rows[new]
        # Seconds from the key frame: such differences are exact enough in float64.
        points[given, 0] = stamps[new] / NANOSECONDS
        points[given, 1:] = metres[new]
        self._newest[given] = stamps[new]
        self._history.append(stamp, points=points)
        begin = self._history.since(stamp - self._window)
        newest = self._history.rows('points')[begin:]
        self.fit = fit_motion(newest, WINDOW, self._curved)

    def path(self, row: int, stamp: int, span: float) -> tuple[np.ndarray, np.ndarray]:
        """Return where an actor was in the last `span` s before a stamp, and how it moved.

        Returns:
            float64 (T, 3): seconds, x and y in m; and float64 (T, 2) in m/s, from half a second
            before to half a second after, as far as that is known; oldest first.
        """
        begin = self._history.since(stamp - nanoseconds(span + HALF))
        points = self._history.rows('points')[begin:, row]
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return points, points[:, 1:]
        t = points[:, 0]
        before = np.searchsorted(t, t - HALF)
        after = np.searchsorted(t, t + HALF, side='right') - 1
        with np.errstate(divide='ignore', invalid='ignore'):
            chord = (points[after] - points[before])[:, 1:] / (t[after] - t[before])[:, None]
        kept = t >= stamp / NANOSECONDS - span
        return points[kept], chord[kept]


def fit_motion(points: np.ndarray, window: float, curved: bool = True) -> Fit:
    """Return what least squares give.

    Args:
        points: float64 (T, N, 3): seconds, x and y in m; NaN where there is none.
        window: In s; who was measured over less than 0.9 of it is not known.
        curved: Whether accelerations and standard deviations are asked for too.
    """
    ordered = np.ascontiguousarray(points.transpose(2, 0, 1))
    known = np.isfinite(ordered.sum(0))
    n = known.sum(0)
    t = np.where(known, ordered[0], np.nan)
    first = np.fmin.reduce(t)
    good = (n >= LEAST) & (np.fmax.reduce(t) - first >= COVERED * window)
    fit = _unknown(len(n))
    if not good.any():
        return fit
    with np.errstate(divide='ignore', invalid='ignore'):
        u = np.where(known, t - first, 0.0)
        u = np.where(known, u - u.sum(0) / n, 0.0)
        d = np.where(known, ordered[1:], 0.0)
        if curved:
            d = np.where(known, d - d.sum(1, keepdims=True) / n, 0.0)
        s2 = (u * u).sum(0)
        # u sums up to 0. What is not good is NaN here, and so in all that follows from it.
        velocity = np.where(good, (u * d).sum(1) / s2, np.nan)
        fit.velocity[:] = velocity.T
        fit.speed[:] = np.hypot(*velocity)
        if curved:
            line = d - u * velocity[:, None]
            noise = np.sqrt((line * line).sum((0, 1)) / (2 * (n - 2)))
            fit.speed_sigma[:] = noise / np.sqrt(s2)
            curve, fit.acceleration_sigma[:] = _curve(u, line, known, n)
            fit.acceleration[:] = curve.T
    return fit


def _curve(
    u: np.ndarray, line: np.ndarray, known: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return accelerations (2, N) and their standard deviations (N,).

    The parabola is fitted in orthogonal parts: 1, u, and q = u^2 - a u - b.

    Args:
        u: float64 (T, N), seconds from the mean; 0 where nothing is known.
        line: float64 (2, T, N), residuals of the straight line; 0 where nothing is known.
        known: bool (T, N).
        n: (N,), how many are known.
    """
    s2, s3 = (u**2).sum(0), (u**3).sum(0)
    q = np.where(known, u**2 - s3 / s2 * u - s2 / n, 0.0)
    q2 = (q * q).sum(0)
    curve = (q * line).sum(1) / q2
    rest = line - q * curve[:, None]
    noise = np.sqrt((rest * rest).sum((0, 1)) / (2 * (n - 3)))
    return 2 * curve, 2 * noise / np.sqrt(q2)


def _unknown(rows: int) -> Fit:
    columns = np.full((7, rows), np.nan)
    return Fit(columns[:2].T, columns[2], columns[3], columns[4:6].T, columns[6])

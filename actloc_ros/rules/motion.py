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
COVERED = 0.9  # of the window from its first position to its last


@dataclass(frozen=True)
class Fit:
    """Straight lines and parabolas through the newest positions of N actors; NaN where unknown.

    Attributes:
        velocity: float64 (N, 2) in m/s, over the window.
        speed: float64 (N,) in m/s.
        speed_sigma: float64 (N,): its standard deviation.
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

    def __init__(self, rows: int, window: float = WINDOW, span: float = WINDOW) -> None:
        """Begin.

        Args:
            rows: N.
            window: Of fits, in s.
            span: For how long paths are kept at least, in s.
        """
        self._window = nanoseconds(window)
        self._history = History(
            nanoseconds(max(window, span)) + NANOSECONDS,
            points=((rows, 3), np.float64),
            velocity=((rows, 2), np.float64),
        )
        self._rows, self._newest = rows, np.zeros(rows, np.int64)
        self.fit = _unknown(rows)

    def widen(self, rows: int) -> None:
        """Make room for more actors."""
        old, self._rows = self._rows, rows
        self._history.widen(rows)
        for name in ('points', 'velocity'):
            self._history.rows(name)[:, old:] = np.nan
        self.fit = _unknown(rows)  # until the step that widens fits again
        self._newest = np.concatenate([self._newest, np.zeros(rows - old, np.int64)])

    def clear(self, row: int) -> None:
        """Forget an actor."""
        self._history.clear_column(row, points=np.nan, velocity=np.nan)
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
        self._history.append(stamp, points=points, velocity=self.fit.velocity)
        begin = self._history.since(stamp - self._window)
        self.fit = fit_motion(self._history.rows('points')[begin:], self._window / NANOSECONDS)
        self._history.rows('velocity')[-1] = self.fit.velocity

    def path(self, row: int, stamp: int, span: float) -> tuple[np.ndarray, np.ndarray]:
        """Return where an actor was in the last `span` s before a stamp, and how it moved.

        Returns:
            float64 (T, 3): seconds, x and y in m; float64 (T, 2) in m/s; oldest first.
        """
        begin = self._history.since(stamp - nanoseconds(span))
        points = self._history.rows('points')[begin:, row]
        known = np.isfinite(points).all(axis=1)
        return points[known], self._history.rows('velocity')[begin:, row][known]


def fit_motion(points: np.ndarray, window: float) -> Fit:
    """Return what least squares give.

    Args:
        points: float64 (T, N, 3): seconds, x and y in m; NaN where there is none.
        window: In s; who was measured over less than 0.9 of it is not known.
    """
    known = np.isfinite(points).all(axis=2)
    n = known.sum(axis=0)
    t, xy = points[..., 0], points[..., 1:]
    with np.errstate(divide='ignore', invalid='ignore'):
        mean = np.where(known, t, 0).sum(0) / n
        u = np.where(known, t - mean, 0.0)
        centre = np.where(known[..., None], xy, 0).sum(0) / n[:, None]
        d = np.where(known[..., None], xy - centre, 0.0)
        s2, s3, s4 = (u**2).sum(0), (u**3).sum(0), (u**4).sum(0)
        velocity = (u[..., None] * d).sum(0) / s2[:, None]
        # A parabola in orthogonal parts: 1, u, and q = u^2 - a u - b.
        a, b = s3 / s2, s2 / n
        q = np.where(known, u**2 - a * u - b, 0.0)
        q2 = s4 - a * s3 - b * s2
        curve = (q[..., None] * d).sum(0) / q2[:, None]
        line = d - u[..., None] * velocity
        parabola = line - q[..., None] * curve
        line_noise = np.sqrt((line**2).sum((0, 2)) / (2 * (n - 2)))
        noise = np.sqrt((parabola**2).sum((0, 2)) / (2 * (n - 3)))
        speed_sigma, sigma = line_noise / np.sqrt(s2), 2 * noise / np.sqrt(q2)
        span = np.where(known, t, -np.inf).max(0, initial=-np.inf) - np.where(known, t, np.inf).min(
            0, initial=np.inf
        )
    good = (n >= LEAST) & (span >= COVERED * window)
    nan = np.where(good, 1.0, np.nan)
    return Fit(
        velocity * nan[:, None],
        np.hypot(*velocity.T) * nan,
        speed_sigma * nan,
        2 * curve * nan[:, None],
        sigma * nan,
    )


def _unknown(rows: int) -> Fit:
    nan = np.full(rows, np.nan)
    return Fit(np.full((rows, 2), np.nan), nan, nan, np.full((rows, 2), np.nan), nan)

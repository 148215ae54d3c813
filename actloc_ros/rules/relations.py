"""Measure what two tracks have to do with each other, in SI units.

Tracks are discs on the ground, with radii by kind. Definitions, with dp the difference of
positions and dv that of velocities:

- distance, m: |dp|, from centre to centre.
- closing speed, m/s: -(dp . dv) / |dp|.
- time to collision (TTC, s): both keep their velocity; the smaller root t of |dp + dv t| = R1 + R2,
  only if dp . dv < 0 (Hayward 1972; SSAM calls 1.5 s and less a conflict).
- post-encroachment time (PET, s): the second arrives less the first has left the same place: the
  least lag at which the one is nearer than R1 + R2 to where the other was. 0 is a collision.
  (SSAM user manual, appendix A, which needs a TTC below its limit first; here PET needs none.)
  Their paths must cross by more than 30 degrees, which SSAM's types of conflict take for less
  than a crossing or a lane change: who follows another is no near miss by PET.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property

import numpy as np

RADII = {
    'person': 0.3,
    'bicycle': 0.5,
    'motorcycle': 0.6,
    'robot': 0.4,
    'car': 1.2,
    'truck': 1.5,
    'bus': 1.5,
}
OTHER_RADIUS = 0.5  # m
CROSSING_ANGLE = np.deg2rad(30.0)
CLOSING = 0.2  # m/s from which two approach: 3 standard deviations of fits to 5 cm at 15 Hz
LEAST_SPEED = 0.2  # m/s below which a path has no direction
ROUNDED = 1 + 1e-9  # so much more than a distance is asked for by its square


def radius(kind: str) -> float:
    """Return the radius in m of the disc that stands for a kind."""
    return RADII.get(kind, OTHER_RADIUS)


def closing_speed(apart: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Return closing speeds (…,) in m/s, above 0 while two approach.

    Args:
        apart: float64 (…, 2), position of the other less that of the one, m.
        moving: float64 (…, 2), likewise of velocities, m/s.
    """
    dot = apart[..., 0] * moving[..., 0] + apart[..., 1] * moving[..., 1]
    with np.errstate(divide='ignore', invalid='ignore'):
        return -dot / np.hypot(apart[..., 0], apart[..., 1])


def time_to_collision(apart: np.ndarray, moving: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return TTC (…,) in s: infinite where none comes, 0 where discs overlap.

    Args:
        apart: float64 (…, 2) in m, as in `closing_speed`.
        moving: float64 (…, 2) in m/s.
        reach: (…,) sum of radii in m.
    """
    a = (moving**2).sum(-1)
    half_b = (apart * moving).sum(-1)
    c = (apart**2).sum(-1) - np.square(reach)
    root = half_b**2 - a * c
    with np.errstate(divide='ignore', invalid='ignore'):
        # The form that loses no digits: c / (-b + sqrt(b^2 - ac)).
        time = c / (-half_b + np.sqrt(np.maximum(root, 0)))
    meets = (half_b < 0) & (root >= 0)
    time = np.where(meets, time, np.inf)
    return np.where(c <= 0, 0.0, time)


def post_encroachment(
    point: np.ndarray,
    heading: np.ndarray,
    stamp: float,
    path: np.ndarray,
    path_velocity: np.ndarray,
    reach: float,
) -> float:
    """Return the PET in s of one who arrives where another has been; infinite without.

    Args:
        point: float64 (2,) where the one is now, m.
        heading: float64 (2,) velocity of the one, m/s.
        stamp: Now, in s.
        path: float64 (T, 3): seconds, x and y of the other, oldest first; NaN where unknown.
        path_velocity: float64 (T, 2) of the other then, m/s.
        reach: Sum of radii in m.
    """
    near = np.hypot(path[:, 1] - point[0], path[:, 2] - point[1]) <= reach
    near &= crossing(heading, path_velocity)
    rows = np.flatnonzero(near)
    return float(stamp - path[rows[-1], 0]) if len(rows) else np.inf


def crossing(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of velocities (T, 2) cross that of one (2,) by more than 30 degrees."""
    lengths = np.hypot(*others.T) * np.hypot(*one)
    slow = (np.hypot(*others.T) < LEAST_SPEED) | (np.hypot(*one) < LEAST_SPEED)
    with np.errstate(divide='ignore', invalid='ignore'):
        cosine = (others @ one) / lengths
    # As lines cross: who comes head-on does not cross a path, but drives on it.
    return ~slow & (np.abs(cosine) < np.cos(CROSSING_ANGLE))


class PairTable:
    """How detected actors of a key frame lie and move to each other, for all rules at once.

    It has P pairs of actors with known positions, each two of them in both orders.

    Attributes:
        one: int64 (P,), rows of the first.
        other: int64 (P,), rows of the second.
        apart: float64 (P, 2): position of the second less that of the first, m.
        distance: float64 (P,) in m.
        related: Which pairs are in a relation, bool (P,), by what rules ask for.
    """

    def __init__(
        self, rows: np.ndarray, metres: np.ndarray, velocity: np.ndarray, farthest: float
    ) -> None:
        """Take rows (K,), positions (K, 2) in m and velocities (K, 2) in m/s.

        Args:
            rows: Of the actors.
            metres: NaN where not known.
            velocity: Likewise.
            farthest: Pairs are left out that are farther from each other, in m.
        """
        across, down = (values - values[:, None] for values in metres.T)
        near = across * across + down * down <= (ROUNDED * farthest) ** 2
        near.flat[:: len(rows) + 1] = False  # nobody is a pair with himself
        first, second = near.nonzero()
        self._first, self._second, self._velocity = first, second, velocity
        self.one, self.other = rows[first], rows[second]
        self.apart = self._differences(metres)
        self.distance = np.hypot(self.apart[:, 0], self.apart[:, 1])
        self.related: dict[Hashable, np.ndarray] = {}

    @cached_property
    def moving(self) -> np.ndarray:
        """Velocity of the second less that of the first, float64 (P, 2) in m/s."""
        return self._differences(self._velocity)

    @cached_property
    def closing(self) -> np.ndarray:
        """Closing speeds, float64 (P,) in m/s; NaN where not known."""
        return closing_speed(self.apart, self.moving)

    def _differences(self, values: np.ndarray) -> np.ndarray:
        """Return values (K, 2) of the second less those of the first, (P, 2)."""
        return values.take(self._second, axis=0) - values.take(self._first, axis=0)

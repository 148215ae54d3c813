"""Check polygons, lines and ground points of a rules file, by shapely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import shapely
from pydantic import BeforeValidator
from shapely.validation import explain_validity

from actloc_ros.rules.homography import fit_homography, ground_residuals

FARTHEST = 1e9  # shares of an image or m: nothing is as far
MAX_RESIDUAL = 0.2  # m that a ground point may be off the homography of all


def points_of(flat: Sequence[float]) -> np.ndarray:
    """Return float64 (N, 2) of a flat list x, y, x, y, …."""
    return np.array(flat, np.float64).reshape(-1, 2)


def _flat(value: Any) -> tuple[float, ...]:
    numbers = isinstance(value, (list, tuple)) and all(
        isinstance(each, (int, float)) and not isinstance(each, bool) and abs(each) <= FARTHEST
        for each in value
    )
    if not numbers:
        raise ValueError('it must be a flat list of numbers: [x, y, x, y, …]')
    if len(value) % 2:
        raise ValueError(
            f'it holds {len(value)} numbers; x and y of each point make an even number'
        )
    return tuple(float(each) for each in value)


Flat = Annotated[tuple[float, ...], BeforeValidator(_flat)]
"""A flat list x, y, x, y, … of finite numbers."""


def check_polygon(flat: Sequence[float]) -> None:
    """Refuse what is no simple polygon.

    Raises:
        ValueError: It has less than three points, no area, or crosses itself; the text says where.
    """
    points = points_of(flat)
    if len(points) < 3:
        raise ValueError(f'a polygon needs three points or more; it has {len(points)}')
    polygon = shapely.Polygon(points)
    if not polygon.is_valid:
        raise ValueError(
            f'the polygon crosses itself ({explain_validity(polygon)}); give its corners in order, '
            'around it'
        )
    if polygon.area <= 0:
        raise ValueError('the polygon has no area')


def check_line(flat: Sequence[float]) -> None:
    """Refuse what is not a line of two different points.

    Raises:
        ValueError: It is none.
    """
    points = points_of(flat)
    if len(points) != 2:
        raise ValueError(f'a line has two points, A and B; it has {len(points)}')
    if np.array_equal(points[0], points[1]):
        raise ValueError('the two points of the line are the same')


def check_ground(image: Sequence[float], metres: Sequence[float]) -> None:
    """Refuse points that make no homography.

    Raises:
        ValueError: Too few, different numbers, on a line, or not of one plane.
    """
    pixels, ground = points_of(image), points_of(metres)
    if len(pixels) != len(ground):
        raise ValueError(f'image has {len(pixels)} points and metres has {len(ground)}')
    if len(pixels) < 4:
        raise ValueError(f'the ground needs four points or more; it has {len(pixels)}')
    for name, points in (('image', pixels), ('metres', ground)):
        for left_out in range(len(points) if len(points) == 4 else 0):
            three = np.delete(points, left_out, 0)
            if abs(shapely.Polygon(three).area) < 1e-6 * np.ptp(points, axis=0).prod():
                raise ValueError(f'three of the four points of {name} lie on one line')
    matrix = fit_homography(pixels, ground)
    worst = float(ground_residuals(matrix, pixels, ground).max())
    if not worst <= MAX_RESIDUAL:
        raise ValueError(
            f'the ground points do not fit one plane: one is off by {worst:.2f} m (limit '
            f'{MAX_RESIDUAL} m); measure them again'
        )

"""Map points of an image onto the ground by a homography."""

from __future__ import annotations

import cv2
import numpy as np


def fit_homography(image: np.ndarray, metres: np.ndarray) -> np.ndarray:
    """Return the homography, float64 (3, 3), by least squares over all points.

    Its scale is such that the third coordinate is above 0 for the points that it is fitted to:
    on the ground before the horizon.

    Args:
        image: float64 (N, 2), shares of the image, N >= 4.
        metres: float64 (N, 2).

    Raises:
        ValueError: There is none.
    """
    matrix, _ = cv2.findHomography(image, metres, 0)
    if matrix is None or not np.isfinite(matrix).all():
        raise ValueError('no homography fits the ground points; three of them may lie on one line')
    depth = image @ matrix[2, :2] + matrix[2, 2]
    if not ((depth > 0).all() or (depth < 0).all()):
        raise ValueError('the ground points lie on both sides of the horizon')
    return matrix / np.median(depth)


def ground_residuals(matrix: np.ndarray, image: np.ndarray, metres: np.ndarray) -> np.ndarray:
    """Return distances (N,) in m of mapped points from where they are."""
    return np.linalg.norm(to_ground(matrix, image) - metres, axis=1)


NEAR_HORIZON = 0.1  # of the median depth's scale: nearer to the horizon a pixel is metres long


def to_ground(matrix: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return points (N, 2) in m; NaN for those near or above the horizon.

    The scale of depth w falls to 0 at the horizon, and a pixel's length on the ground grows with
    1 / w^2: from `NEAR_HORIZON` on it is more than 100 times that amid the ground points.
    """
    mapped = image @ matrix[:, :2].T + matrix[:, 2]
    depth = mapped[:, 2:]
    points = np.full((len(image), 2), np.nan)
    return np.divide(mapped[:, :2], depth, out=points, where=depth > NEAR_HORIZON)

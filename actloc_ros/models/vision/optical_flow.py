"""Measure how each pixel moves against the background, whatever the camera itself does."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

GRID = 8  # px between the places where the background's motion is sampled, one corner in each cell
INLIER = 1.0  # px by which a background point may miss the fitted motion
STILL_CAMERA = 0.15  # px by which a fit must be better than none, or the camera stands still
NOISE_FLOW = 0.7  # px of displacement that dense flow cannot be trusted to resolve
EXPLAINED = 0.85  # share of the background's error that the right flow may leave
NOISE_GREY = 6.0  # grey levels that sensor noise and compression change from frame to frame


@dataclass(frozen=True, eq=False)
class FlowField:
    """Motion at a key frame against the background, in pixels of the analysed image.

    Attributes:
        velocity: float32 (H, W, 2): px/s, x to the right and y down, background subtracted.
        velocity_in_image: float32 (H, W, 2): the same with the background's own motion left in.
        moving: uint8 (H, W): 1 where something moves on its own, both by its flow and by what is
            left of the image's change once the background's motion is taken out.
        background: float64 (3, 3): homography that takes pixels of the key frame to where the
            same piece of background was in the frame `interval` earlier.
        noise: px by which the background misses that homography, in the median: depth, and
            errors of the flow.
        interval: s between the two frames.
    """

    velocity: np.ndarray
    velocity_in_image: np.ndarray
    moving: np.ndarray
    background: np.ndarray
    noise: float
    interval: float

    @property
    def zoom(self) -> float:
        """Relative growth of the background in 1/s: above 0 as the camera goes forward."""
        area = abs(np.linalg.det(self.background[:2, :2] / self.background[2, 2]))
        return float(-np.log(max(area, 1e-6)) / 2 / self.interval)


class FlowEstimator:
    """Dense inverse search flow (Kroeger et al., ECCV 2016) minus a robust homography."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def measure(
        self, grey: np.ndarray, reference: np.ndarray, interval: float, actors: np.ndarray
    ) -> FlowField:
        """Return the motion from `reference` to `grey`, both uint8 (H, W), `interval` s apart.

        `actors`, float (N, 4), are boxes that probably do not move with the background.
        """
        back = np.zeros((*grey.shape, 2), np.float32)
        self._flow.calc(grey, reference, back)
        background, noise = fit_background(grey, back, actors)
        moving = _moving(grey, reference, background, back, noise)
        rate = np.float32(1 / interval)
        velocity = (_drift(background, _places(grey.shape)) - back) * rate
        return FlowField(velocity, -back * rate, moving, background, noise, interval)


def fit_background(
    grey: np.ndarray, flow: np.ndarray, actors: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the homography (3, 3) that most of the background follows, and by how much it fails.

    The latter is the median distance in px between corners of the background and the fit: what
    depth and errors of the flow add. A camera that stands still is treated apart, so that its noise
    does not become motion.
    """
    points = _corners(grey)
    outside = points[~_inside(points, actors)]
    if len(outside) >= max(16, len(points) // 4):
        points = outside
    if len(points) < 16:
        return np.eye(3), 0.0
    moved = points + flow[points[:, 1].astype(int), points[:, 0].astype(int)]
    fit, _ = cv2.findHomography(points, moved, cv2.RANSAC, INLIER, maxIters=300)
    shift = float(np.median(np.hypot(*(moved - points).T)))
    if fit is None:
        return np.eye(3), shift
    miss = cv2.perspectiveTransform(points[None], fit)[0] - moved
    noise = float(np.median(np.hypot(*miss.T)))
    return (np.eye(3), shift) if shift < noise + STILL_CAMERA else (fit, noise)


def _corners(grey: np.ndarray) -> np.ndarray:
    """Return the most textured pixel of each cell, float32 (N, 2), where there is any texture."""
    strength = cv2.cornerMinEigenVal(grey, 5)
    height, width = (size // GRID for size in grey.shape)
    blocks = strength[: height * GRID, : width * GRID].reshape(height, GRID, width, GRID)
    cells = blocks.transpose(0, 2, 1, 3).reshape(height * width, GRID * GRID)
    best = cells.argmax(1)
    y, x = np.divmod(np.arange(height * width), width)
    points = np.stack([x * GRID + best % GRID, y * GRID + best // GRID], 1).astype(np.float32)
    return points[cells.max(1) > 2e-5]


def _inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return bool (N,): which points lie in any box."""
    if not len(boxes):
        return np.zeros(len(points), bool)
    inside = np.zeros(len(points), bool)
    for box in boxes:
        inside |= ((points >= box[:2]) & (points < box[2:])).all(axis=1)
    return inside


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """Return each pixel's own x and y, float32 (H, W, 2)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y], 2)


def _drift(background: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the flow of the background at places, float32 (H, W, 2)."""
    if (background == np.eye(3)).all():
        return np.zeros_like(place)
    moved = cv2.perspectiveTransform(place.reshape(1, -1, 2), background)
    return moved.reshape(place.shape) - place


def _moving(
    grey: np.ndarray, reference: np.ndarray, background: np.ndarray, back: np.ndarray, noise: float
) -> np.ndarray:
    """Return uint8 (H, W): 1 where flow and image agree that something moves on its own.

    The image must not be what the background would have it, and must be what the flow would have
    it; the latter fails where something left and background came to light.
    """
    here, before = cv2.GaussianBlur(grey, (5, 5), 0), cv2.GaussianBlur(reference, (5, 5), 0)
    place = _places(grey.shape)
    drift = _drift(background, place)
    change = cv2.absdiff(here, _look_up(before, place + drift, here)).astype(np.float32)
    error = cv2.absdiff(here, _look_up(before, place + back, here)).astype(np.float32)
    slope = cv2.magnitude(
        cv2.Sobel(here, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(here, cv2.CV_32F, 0, 1, scale=1 / 8),
    )
    own = drift - back
    moves = cv2.magnitude(own[..., 0], own[..., 1]) > max(NOISE_FLOW, 4 * noise)
    changes = change > NOISE_GREY + (0.3 + noise) * slope
    return (moves & changes & (error < EXPLAINED * change)).astype(np.uint8)


def _look_up(image: np.ndarray, place: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Return the image's values at places (H, W, 2); `otherwise` where they lie outside."""
    x, y = cv2.split(place)
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, otherwise.copy(), cv2.BORDER_TRANSPARENT)

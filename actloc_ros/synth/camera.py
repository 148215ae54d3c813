"""Move a pinhole camera through the synthetic world and project points with it.

The world is in metres: x forward from where the camera starts, y to its left, z up, the ground at
z = 0. The optical frame has x right, y down, z forward, as ROS says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR = 0.15  # metres; nothing nearer is drawn


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera at one moment.

    Attributes:
        width: Pixels across.
        height: Pixels down.
        focal: Focal length in pixels; the principal point is the image's middle.
        rotation: float64 (3, 3), world to optical frame.
        position: float64 (3,), metres in the world.
        heading: Radians to the left of the world's x axis.
    """

    width: int
    height: int
    focal: float
    rotation: np.ndarray
    position: np.ndarray
    heading: float

    @cached_property
    def matrix(self) -> np.ndarray:
        """The 3x3 intrinsic matrix, for pixel centres at integers."""
        centre = ((self.width - 1) / 2, (self.height - 1) / 2)
        return np.array([[self.focal, 0, centre[0]], [0, self.focal, centre[1]], [0, 0, 1.0]])

    def to_optical(self, points: np.ndarray) -> np.ndarray:
        """Turn world points (..., 3) into optical ones, metres."""
        return (points - self.position) @ self.rotation.T

    def project(self, optical: np.ndarray) -> np.ndarray:
        """Return pixels (..., 2) of optical points (..., 3) that lie in front of the camera."""
        scaled = optical[..., :2] * (self.focal / np.maximum(optical[..., 2:], NEAR))
        return scaled + np.array([(self.width - 1) / 2, (self.height - 1) / 2])


def rotation_of(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Return the world-to-optical rotation; pitch is downwards, roll clockwise in the image."""
    forward = np.array(
        [math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), -math.sin(pitch)]
    )
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    return np.stack([c * right + s * down, c * down - s * right, forward])


class CameraPath:
    """A smooth, bounded path: sums of slow waves, more or less lively by the draw."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.height = float(rng.choice([0.5, 0.9, 1.2, 1.5])) + float(rng.uniform(-0.1, 0.1))
        field_of_view = math.radians(rng.uniform(58, 78))
        self.focal_share = 0.5 / math.tan(field_of_view / 2)  # of the image's width
        # A person from 2.5 m on should be visible whole where the lens allows: aim at 0.9 m height.
        self.pitch = math.atan2(self.height - 0.9, 5.0) + float(rng.normal(0, 0.02))
        lively = float(rng.choice([0.0, 0.35, 0.7, 1.0], p=[0.15, 0.3, 0.35, 0.2]))
        # Rows: x, y, z, yaw, pitch, roll; columns: three waves.
        reach = np.array([0.9, 0.6, 0.02, 0.20, 0.02, 0.015])[:, None] * [0.7, 0.25, 0.05]
        self.reach = lively * reach * rng.uniform(0.5, 1.2, (6, 3))
        self.rate = 2 * math.pi / rng.uniform([9, 4, 1.2], [18, 8, 2.2], (6, 3))
        self.phase = rng.uniform(0, 2 * math.pi, (6, 3))

    def at(self, time: float, width: int, height: int) -> Camera:
        """Return the camera at a time in seconds for an image size."""
        x, y, z, yaw, pitch, roll = self._moved(time)
        return Camera(
            width,
            height,
            self.focal_share * width,
            rotation_of(yaw, self.pitch + pitch, roll),
            np.array([x, y, self.height + z]),
            float(yaw),
        )

    def on_ground(self, time: float) -> tuple[float, float, float]:
        """Return the camera's x and y in metres and its heading in radians at a time in seconds."""
        x, y, _, yaw, _, _ = self._moved(time).tolist()
        return x, y, yaw

    def _moved(self, time: float) -> np.ndarray:
        """Return x, y, z, yaw, pitch and roll (6,), each less what it is at time 0."""
        waves = np.sin(self.rate * time + self.phase) - np.sin(self.phase)
        return (self.reach * waves).sum(axis=1)

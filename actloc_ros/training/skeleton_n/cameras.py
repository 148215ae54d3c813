"""Project joints in metres into the images of random cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actloc_ros.models.skeleton_n.features import Joint
from actloc_ros.synth.camera import CameraPath

NEAREST = 0.4  # metres along the optical axis: who is nearer is not in the image
SIZES = ((640, 480), (640, 480), (640, 360), (1280, 720), (768, 432), (480, 640), (320, 240))
HIGHEST, LOWEST = math.radians(60), math.radians(-10)  # pitches, downwards


@dataclass(eq=False)
class View:
    """A camera over T moments.

    Attributes:
        size: Width and height in pixels.
        focal: Focal length in pixels; the principal point is the image's middle.
        rotations: float (T, 3, 3), world to optical frame (right, down, forward).
        positions: float (T, 3), metres.
        bulge: How strongly straight lines bend: 0 for a pinhole, negative for a barrel.
    """

    size: tuple[int, int]
    focal: float
    rotations: np.ndarray
    positions: np.ndarray
    bulge: float = 0.0

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (A, T, P, 2) and depths (A, T, P) of world points (A, T, P, 3)."""
        optical = np.einsum('atpi,tji->atpj', points - self.positions[:, None], self.rotations)
        depth = optical[..., 2]
        flat = optical[..., :2] / np.maximum(depth, 0.1)[..., None]
        radius = np.minimum((flat**2).sum(-1, keepdims=True), 1.5)
        flat = flat * (1 + self.bulge * radius)
        middle = (np.array(self.size) - 1) / 2
        return self.focal * flat + middle, depth


def random_view(rng: np.random.Generator, target: np.ndarray, times: np.ndarray) -> View:
    """Draw a camera that has a point somewhere in its image.

    Args:
        rng: Draws.
        target: (3,), metres.
        times: (T,), seconds.
    """
    size = SIZES[int(rng.integers(len(SIZES)))]
    field = math.radians(rng.uniform(45, 100))
    focal = 0.5 * max(size) / math.tan(field / 2)
    distance = math.exp(rng.uniform(math.log(1.6), math.log(8.0)))
    azimuth = rng.uniform(-math.pi, math.pi)
    height = rng.uniform(0.5, 3.0) if rng.random() < 0.8 else rng.uniform(0.3, 1.2)
    position = np.array(
        [target[0] - distance * math.cos(azimuth), target[1] - distance * math.sin(azimuth), height]
    )
    aside = rng.uniform(-0.6, 0.6) * math.atan(0.5 * size[0] / focal)
    above = rng.uniform(-0.5, 0.5) * math.atan(0.5 * size[1] / focal)
    pitch = math.atan2(height - target[2], distance) + above
    roll = rng.normal(0, 0.03) if rng.random() < 0.85 else rng.normal(0, 0.15)
    angles = np.array([azimuth + aside, min(max(pitch, LOWEST), HIGHEST), roll])
    turns = angles + _wobble(rng, times, np.array([0.15, 0.04, 0.03]))
    positions = position + _wobble(rng, times, np.array([0.5, 0.5, 0.03]))
    rotations = rotations_of(turns)
    bulge = rng.uniform(-0.25, 0.05) if rng.random() < 0.25 else 0.0
    return View(size, focal, rotations, positions, bulge)


def rotations_of(angles: np.ndarray) -> np.ndarray:
    """Return world-to-optical rotations (T, 3, 3) of yaw, pitch (downwards) and roll (T, 3)."""
    yaw, pitch, roll = angles.T
    forward = np.stack(
        [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)], axis=-1
    )
    right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros_like(yaw)], axis=-1)
    down = np.cross(forward, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([c * right + s * down, c * down - s * right, forward], axis=1)


def _wobble(rng: np.random.Generator, times: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return how a camera moves (T, D) about where it is: three in ten do."""
    if rng.random() < 0.7:
        return np.zeros((len(times), len(reach)))
    rates, phases = rng.uniform(0.2, 2.0, len(reach)), rng.uniform(0, 2 * math.pi, len(reach))
    return rng.uniform(0, 1) * reach * np.sin(times[:, None] * rates + phases)


def view_of_path(path: CameraPath, times: np.ndarray, size: tuple[int, int]) -> View:
    """Return a synthetic scene's own camera at times (T,) in seconds."""
    cameras = [path.at(time, *size) for time in times.tolist()]
    return View(
        size,
        cameras[0].focal,
        np.stack([camera.rotation for camera in cameras]),
        np.stack([camera.position for camera in cameras]),
    )


def outline(joints: np.ndarray, metre: np.ndarray | float = 1.0) -> np.ndarray:
    """Return points that a body reaches to: its joints, crown, hands and feet.

    Args:
        joints: (..., 17, D) in 3D or in an image.
        metre: How long a metre is there, (..., 1).

    Returns:
        (..., 22, D), the joints first.
    """
    ears = joints[..., [Joint.LEFT_EAR, Joint.RIGHT_EAR], :].mean(-2)
    neck = joints[..., [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], :].mean(-2)
    extra = [ears + 0.13 * metre * _unit(ears - neck)]
    for side in (0, 1):
        wrist = joints[..., Joint.LEFT_WRIST + side, :]
        ankle = joints[..., Joint.LEFT_ANKLE + side, :]
        hand = _unit(wrist - joints[..., Joint.LEFT_ELBOW + side, :])
        heel = _unit(ankle - joints[..., Joint.LEFT_KNEE + side, :])
        extra += [wrist + 0.16 * metre * hand, ankle + 0.09 * metre * heel]
    return np.concatenate([joints, np.stack(extra, axis=-2)], axis=-2)


# The joint with which each of the extra points of `outline` is seen or hidden.
OUTLINE_JOINTS = np.array(
    [
        *range(17),
        Joint.NOSE,
        Joint.LEFT_WRIST,
        Joint.LEFT_ANKLE,
        Joint.RIGHT_WRIST,
        Joint.RIGHT_ANKLE,
    ]
)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)

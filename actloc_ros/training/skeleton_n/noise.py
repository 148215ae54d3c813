"""Spoil exact joints as pose networks do, by figures measured on real photographs.

All arrays begin with (N, T): N tracks over T moments. Lengths of errors are relative to the trunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.models.skeleton_n.features import JOINTS, MIN_CONFIDENCE, MIRRORED, Joint

# By joint, from head to feet: typical error, share missing, share far off; about what joints_n has
# in boxes of people_n on photographs that are set apart.
_PARTS = {  # first joint: error in trunks, missing, outliers
    Joint.NOSE: (0.05, 0.03, 0.01),
    Joint.LEFT_SHOULDER: (0.07, 0.03, 0.03),
    Joint.LEFT_ELBOW: (0.10, 0.08, 0.06),
    Joint.LEFT_WRIST: (0.12, 0.15, 0.09),
    Joint.LEFT_HIP: (0.09, 0.04, 0.02),
    Joint.LEFT_KNEE: (0.10, 0.08, 0.05),
    Joint.LEFT_ANKLE: (0.11, 0.15, 0.10),
}
_BY_JOINT = np.array(
    [_PARTS[max(first for first in _PARTS if first <= joint)] for joint in Joint], np.float32
)
ERROR, MISSING, OUTLIER = _BY_JOINT.T
SWAPPED = 0.02  # share of pairs of joints whose sides are exchanged
EPISODE = 0.4  # seconds that a joint is missing or far off, on average
DIM = 0.6  # share of the confidence and of the joints that are lost at most where bodies lie
UNLUCKY = 0.15  # share of the people who are found so in any position
DRIFT = 0.4  # seconds: time constant of errors that last


@dataclass(eq=False)
class ObservedJoints:
    """What a pose network and a tracker would report.

    Attributes:
        joints: float32 (N, T, 17, 3), x and y in pixels and confidence in [0, 1].
        found: bool (N, T), whether the person is found at all.
    """

    joints: np.ndarray
    found: np.ndarray


def degrade(
    rng: np.random.Generator,
    xy: np.ndarray,
    unit: np.ndarray,
    visible: np.ndarray,
    hard: np.ndarray,
    steps: np.ndarray,
    strength: float = 1.0,
) -> ObservedJoints:
    """Return what is reported of exact joints.

    Args:
        rng: Draws.
        xy: (N, T, 17, 2), pixels.
        unit: (N,), how long the trunk is in pixels when upright.
        visible: bool (N, T, 17), whether the image shows the joint.
        hard: (N, T) in [0, 1], how unusual the body's position is: lying, falling, fast.
        steps: (N, T), seconds since the moment before.
        strength: Factor of all errors.
    """
    count, moments = hard.shape
    quality = strength * np.exp(rng.normal(-0.2, 0.5, (count, 1, 1))).astype(np.float32)
    missed = strength * rng.uniform(0, 1.5, (count, 1, 1)).astype(np.float32)
    strain = 1 + 1.2 * hard[..., None]
    # Of those who lie, some are found as well as anybody, others with hardly a joint; so are a few
    # of those who stand or sit.
    unlucky = strength * (rng.random((count, 1, 1)) < UNLUCKY)
    dim = np.maximum(hard[..., None], unlucky) * rng.uniform(-0.3, 1, (count, 1, 1)).clip(0)
    dim = dim.astype(np.float32)
    scale = quality * strain * ERROR / 1.2
    lasting = _drift(rng, (count, moments, JOINTS, 2), steps)
    error = scale[..., None] * (0.8 * lasting + 0.35 * _normal(rng, (count, moments, JOINTS, 2)))
    outlier = _episodes(rng, np.minimum(OUTLIER * quality * strain, 0.5), steps)
    error += outlier[..., None] * 0.6 * _drift(rng, (count, moments, JOINTS, 2), steps)
    error *= unit[:, None, None, None]
    error += 0.7 * _normal(rng, (count, moments, JOINTS, 2))  # pixels
    spoiled = xy + error
    hidden = ~visible
    guessed = hidden & _episodes(rng, np.full((count, 1, JOINTS), 0.25, np.float32), steps)
    spoiled += (guessed * unit[:, None, None] * 0.25)[..., None] * lasting
    share = np.minimum(MISSING * missed + DIM * dim, 0.8)
    missing = (hidden & ~guessed) | _episodes(rng, share, steps)
    size = np.linalg.norm(error, axis=-1) / unit[:, None, None]
    confidence = _confidence(rng, size, outlier | guessed, missing, dim)
    joints = np.concatenate([spoiled, confidence[..., None]], axis=-1).astype(np.float32)
    _swap(rng, joints, steps, strength)
    return ObservedJoints(joints, ~_lost(rng, hard, steps, strength))


def _confidence(
    rng: np.random.Generator,
    size: np.ndarray,
    doubtful: np.ndarray,
    missing: np.ndarray,
    dim: np.ndarray,
) -> np.ndarray:
    """Return confidences that more or less say how large the errors are."""
    count = len(size)
    level = rng.uniform(0.55, 0.98, (count, 1, 1)).astype(np.float32) * (1 - DIM * dim)
    slope = rng.uniform(0.5, 1.5, (count, 1, 1)).astype(np.float32)
    confidence = level - slope * size + 0.08 * _normal(rng, size.shape)
    confidence = np.where(doubtful & (rng.random(size.shape) < 0.7), 0.6 * confidence, confidence)
    confidence = np.clip(confidence, MIN_CONFIDENCE + 0.02, 1)
    nothing = np.float32(MIN_CONFIDENCE - 0.01) * rng.random((count, 1, 1), np.float32)
    return np.where(missing, nothing, confidence)


def _swap(rng: np.random.Generator, joints: np.ndarray, steps: np.ndarray, strength: float) -> None:
    """Take left for right: single pairs at times, the whole body for a while (from behind)."""
    count, moments = steps.shape
    prone = (rng.random((count, 1, 1)) < 0.3).astype(np.float32)
    whole = _episodes(rng, 0.08 * strength * prone, steps)
    pairs = rng.random((count, moments, JOINTS)) < SWAPPED * strength
    swapped = (pairs | pairs[..., MIRRORED]) ^ whole
    joints[:] = np.where(swapped[..., None], joints[:, :, MIRRORED], joints)


def _lost(
    rng: np.random.Generator, hard: np.ndarray, steps: np.ndarray, strength: float
) -> np.ndarray:
    """Return (N, T) where the whole person is not found, most often while lying or falling."""
    count = len(hard)
    easy = 0.03 * rng.exponential(1.0, (count, 1, 1))
    worse = 0.6 * rng.random((count, 1, 1)) * (rng.random((count, 1, 1)) < 0.6)
    share = np.minimum(strength * (easy + worse * hard[..., None]), 0.7)
    return _episodes(rng, share.astype(np.float32), steps, 0.3)[..., 0]


def _episodes(
    rng: np.random.Generator, share: np.ndarray, steps: np.ndarray, seconds: float = EPISODE
) -> np.ndarray:
    """Return episodes (N, T, J) that are on for a share (N, T or 1, J) of the time."""
    count, moments = steps.shape
    share = np.broadcast_to(share, (count, moments, share.shape[-1]))
    renew = rng.random(share.shape, np.float32) < 1 - np.exp(-steps / seconds)[..., None]
    renew[:, 0] = True
    on = rng.random(share.shape, np.float32) < share
    for moment in range(1, moments):
        on[:, moment] = np.where(renew[:, moment], on[:, moment], on[:, moment - 1])
    return on


def _drift(rng: np.random.Generator, shape: tuple[int, ...], steps: np.ndarray) -> np.ndarray:
    """Return noise (N, T, J, 2) of deviation 1 that changes over DRIFT seconds."""
    noise = _normal(rng, shape)
    keep = np.exp(-steps / DRIFT).astype(np.float32)[..., None, None]
    fresh = np.sqrt(1 - keep * keep)
    for moment in range(1, shape[1]):
        noise[:, moment] = (
            keep[:, moment] * noise[:, moment - 1] + fresh[:, moment] * noise[:, moment]
        )
    return noise


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)

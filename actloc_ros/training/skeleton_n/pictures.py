"""Picture people exactly, then as a pose network and a detector would report them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.models.skeleton_n.features import (
    FEATURES,
    HIPS,
    JOINTS,
    MIN_CONFIDENCE,
    MIRRORED,
    SHOULDERS,
    PeopleFrame,
    TrackHistory,
    body_length,
)
from actloc_ros.training.skeleton_n.cameras import (
    NEAREST,
    OUTLINE_JOINTS,
)
from actloc_ros.training.skeleton_n.labels import UNKNOWN
from actloc_ros.training.skeleton_n.mixed_up import mix_up
from actloc_ros.training.skeleton_n.noise import degrade
from actloc_ros.training.skeleton_n.phantoms import add_phantoms

SLOTS = 3
TRUNK = 0.5  # metres from hips to shoulders, of most adults
FEWEST = 4  # joints that the image must show of a person who can be found
SPARE = 0.35  # noise that real joints get on top of their own


@dataclass(eq=False)
class Examples:
    """G groups of A tracks over T moments.

    Attributes:
        features: float16 (G, A, T, FEATURES).
        elapsed: float32 (G, A, T), seconds since the track's last frame.
        present: bool (G, A, T).
        targets: uint8 (G, A, T, C) of NO, YES and UNKNOWN.
    """

    features: np.ndarray
    elapsed: np.ndarray
    present: np.ndarray
    targets: np.ndarray


@dataclass(eq=False)
class Group:
    """One image sequence, exact: A slots over T moments.

    Attributes:
        times: (T,), seconds.
        size: Width and height in pixels.
        xy: (A, T, 17, 2), pixels.
        reach: (A, T, 22, 2), pixels: what boxes hold.
        shown: bool (A, T, 17): whether the joint can be seen.
        confidence: (A, T, 17), what the real network said, or 1.
        unit: (A,), the trunk's length in pixels.
        hard: (A, T) in [0, 1].
        inside: bool (A, T): whether there is somebody.
        targets: uint8 (A, T, C).
        strength: Of the noise.
    """

    times: np.ndarray
    size: tuple[int, int]
    xy: np.ndarray
    reach: np.ndarray
    shown: np.ndarray
    confidence: np.ndarray
    unit: np.ndarray
    hard: np.ndarray
    inside: np.ndarray
    targets: np.ndarray
    strength: float = 1.0


def pictured(
    rng: np.random.Generator,
    times: np.ndarray,
    size: tuple[int, int],
    joints: np.ndarray,
    inside: np.ndarray,
    targets: np.ndarray,
    reach: np.ndarray,
    depth: np.ndarray,
) -> Group:
    """Return the group of projected people; things hide some of them in part."""
    near = np.asarray((depth > NEAREST).all(axis=-1))
    xy = reach[:, :, :JOINTS]
    shown = in_image(xy, *size) & near[..., None]
    if rng.random() < 0.35:
        shown &= ~_behind_things(rng, xy)
    trunk = joints[:, :, SHOULDERS].mean(axis=2) - joints[:, :, HIPS].mean(axis=2)
    long = np.linalg.norm(trunk, axis=-1)
    tilt = trunk[..., 2] / np.maximum(long, 1e-3)
    # How long the trunk would be in the image: from its depth, not from its foreshortened length.
    distance = np.maximum(depth[:, :, HIPS].mean(axis=-1), NEAREST)
    scale = np.linalg.norm(reach[:, :, 5] - reach[:, :, 6], axis=-1)
    across = np.linalg.norm(joints[:, :, 5] - joints[:, :, 6], axis=-1)
    focal = (
        np.median((scale / np.maximum(across, 1e-3) * distance)[inside]) if inside.any() else 500
    )
    unit = np.median(focal * TRUNK / distance, axis=1).astype(np.float32)
    steps = np.diff(times, prepend=times[0] - 0.1)
    speed = np.linalg.norm(np.diff(joints, axis=1, prepend=joints[:, :1]), axis=-1).mean(-1) / steps
    hard = np.clip((0.6 - tilt) / 0.6, 0, 1) * 0.8 + np.clip((speed - 2) / 4, 0, 0.4)
    confidence = np.ones(shown.shape, np.float32)
    return Group(
        times, size, xy, reach, shown, confidence, np.maximum(unit, 4), np.clip(hard, 0, 1),
        inside & near, targets,
    )  # fmt: skip


def _behind_things(rng: np.random.Generator, xy: np.ndarray) -> np.ndarray:
    """Return which joints (A, T, 17) are behind one or two rectangles in the image."""
    hidden = np.zeros(xy.shape[:-1], bool)
    for _ in range(int(rng.integers(1, 3))):
        moment, joint = int(rng.integers(xy.shape[1])), int(rng.integers(JOINTS))
        body = xy[0, moment]
        tall = max(float(np.ptp(body[:, 1])), 10.0)
        half = tall * rng.uniform([0.05, 0.05], [0.6, 0.45])
        middle = body[joint] + rng.normal(0, 0.1, 2) * tall
        if rng.random() < 0.5:  # a desk, a bed, a bench: all below is hidden
            half = np.array([tall, tall])
            middle = body[joint] + np.array([0, tall])
        hidden |= (np.abs(xy - middle) < half).all(axis=-1)
    return hidden


def in_image(xy: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return which points (..., 2) lie in an image (...)."""
    return (xy[..., 0] >= 0) & (xy[..., 0] < width) & (xy[..., 1] >= 0) & (xy[..., 1] < height)


def mirror(group: Group) -> None:
    """Exchange left and right of the image and of bodies, in place."""
    width = group.size[0]
    for points in (group.xy, group.reach):
        points[..., 0] = width - 1 - points[..., 0]
    group.xy = group.xy[:, :, MIRRORED]
    group.shown = group.shown[:, :, MIRRORED]
    group.confidence = group.confidence[:, :, MIRRORED]
    # The outline's hands and feet change sides too.
    order = np.array([*MIRRORED, 17, 20, 21, 18, 19])
    group.reach = group.reach[:, :, order]


def spoil(rng: np.random.Generator, groups: list[Group], phantoms: float) -> Examples:
    """Return what a pose network, a detector and a tracker would make of exact groups.

    Args:
        rng: Draws.
        groups: Exact.
        phantoms: In which share of the empty slots there is nobody, but something like a person.
    """
    count, moments = len(groups), len(groups[0].times)
    tracks = count * SLOTS
    steps = np.stack([np.diff(group.times, prepend=group.times[0] - 0.1) for group in groups])
    xy = np.stack([group.xy for group in groups]).reshape(tracks, moments, JOINTS, 2)
    shown = np.stack([group.shown for group in groups]).reshape(tracks, moments, JOINTS)
    given = np.stack([group.confidence for group in groups]).reshape(tracks, moments, JOINTS)
    unit = np.stack([group.unit for group in groups]).reshape(tracks)
    hard = np.stack([group.hard for group in groups]).reshape(tracks, moments).astype(np.float32)
    real = np.repeat([group.strength < 1 for group in groups], SLOTS)
    stepped = np.repeat(steps, SLOTS, axis=0)
    joints = np.empty((tracks, moments, JOINTS, 3), np.float32)
    found = np.empty((tracks, moments), bool)
    for chosen, strength in ((~real, 1.0), (real, SPARE)):
        if chosen.any():
            seen = degrade(
                rng, xy[chosen].astype(np.float32), unit[chosen], shown[chosen], hard[chosen],
                stepped[chosen], strength,
            )  # fmt: skip
            joints[chosen], found[chosen] = seen.joints, seen.found
    kept = joints[..., 2] >= MIN_CONFIDENCE
    joints[..., 2] = np.where(
        real[:, None, None] & kept, np.maximum(given, MIN_CONFIDENCE), joints[..., 2]
    )
    boxes = _boxes(rng, groups, shown, unit, stepped, hard)
    inside = np.stack([group.inside for group in groups]).reshape(tracks, moments)
    wide = (boxes[..., 2:] - boxes[..., :2]).min(axis=-1) > 3
    present = inside & found & (shown.sum(axis=-1) >= FEWEST) & wide
    targets = np.stack([group.targets for group in groups])
    shape = (count, SLOTS, moments)
    times, boxes = np.stack([group.times for group in groups]), boxes.reshape(*shape, 4)
    joints, present = joints.reshape(*shape, JOINTS, 3), present.reshape(shape)
    mix_up(rng, times, boxes, [present, joints, targets])
    sizes = np.array([group.size for group in groups], float)
    add_phantoms(rng, sizes, boxes, joints, present, targets, phantoms)
    return featurize(times, sizes, boxes, joints, present, targets)


def _boxes(
    rng: np.random.Generator,
    groups: list[Group],
    shown: np.ndarray,
    unit: np.ndarray,
    steps: np.ndarray,
    hard: np.ndarray,
) -> np.ndarray:
    """Return boxes (N, T, 4) as a detector would draw them about what the image shows."""
    tracks, moments, _ = shown.shape
    reach = np.stack([group.reach for group in groups]).reshape(tracks, moments, -1, 2)
    sizes = np.repeat([group.size for group in groups], SLOTS, axis=0)[:, None]
    boxes = extent(reach, shown[..., OUTLINE_JOINTS])
    margin = rng.uniform(0.02, 0.22, (tracks, 1)) * unit[:, None]
    boxes = boxes + margin[..., None] * np.array([-1, -1, 1, 1])
    noise = rng.standard_normal((tracks, moments, 4), np.float32)
    lasting = noise.copy()
    keep = np.exp(-steps / 0.5)[..., None]
    for moment in range(1, moments):
        k = keep[:, moment]
        lasting[:, moment] = k * lasting[:, moment - 1] + np.sqrt(1 - k * k) * lasting[:, moment]
    white = rng.standard_normal((tracks, moments, 4), np.float32)
    amount = rng.uniform(0, 0.12, (tracks, 1, 1)) * unit[:, None, None]
    amount = amount * (1 + 2 * hard[..., None])
    boxes = boxes + amount * (lasting + 0.4 * white)
    return np.concatenate(
        [np.clip(boxes[..., :2], 0, sizes - 1), np.clip(boxes[..., 2:], 1, sizes)], axis=-1
    )


def featurize(
    times: np.ndarray,
    sizes: np.ndarray,
    boxes: np.ndarray,
    joints: np.ndarray,
    present: np.ndarray,
    targets: np.ndarray,
) -> Examples:
    """Run the features of the run time over G groups.

    Args:
        times: (G, T), seconds.
        sizes: (G, 2), pixels.
        boxes: (G, A, T, 4), pixels.
        joints: (G, A, T, 17, 3).
        present: bool (G, A, T).
        targets: uint8 (G, A, T, C).
    """
    groups, slots, moments = present.shape
    history = TrackHistory(groups, slots)
    features = np.zeros((groups, slots, moments, FEATURES), np.float16)
    elapsed = np.zeros((groups, slots, moments), np.float32)
    stamps = np.round(times * NANOSECONDS).astype(np.int64) + 1
    for moment in range(moments):
        frame = PeopleFrame(
            stamps[:, moment],
            sizes,
            boxes[:, :, moment],
            joints[:, :, moment],
            present[:, :, moment],
        )
        features[:, :, moment], elapsed[:, :, moment] = history.update(frame)
    return Examples(features, elapsed, present, np.where(present[..., None], targets, UNKNOWN))


def extent(points: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the boxes (..., 4) of the points (..., P, 2) that are shown (..., P)."""
    low = np.where(shown[..., None], points, np.inf).min(axis=-2)
    high = np.where(shown[..., None], points, -np.inf).max(axis=-2)
    some = np.asarray(shown.any(axis=-1))
    return np.where(some[..., None], np.concatenate([low, high], axis=-1), 0)


def trunk_length(joints: np.ndarray, found: np.ndarray) -> float:
    """Return the body length in pixels, in the middle of the frames (T,) with joints (T, 17, 3)."""
    if not found.any():
        return 50.0
    known = joints[found, :, 2] >= MIN_CONFIDENCE
    xy = joints[found, :, :2]
    return float(np.median(body_length(extent(xy, known), xy, known)))

"""Make falls from captured and made beginnings: a push, a trip, a slip or a faint, then physics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from actloc_ros.models.skeleton_n.features import HIPS, JOINTS, SHOULDERS, Joint
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES
from actloc_ros.training.skeleton_n.made.poses import crouched_pose, fidget, idle, seated_pose
from actloc_ros.training.skeleton_n.made.ragdoll import Upset, fall
from actloc_ros.training.skeleton_n.made.script import EDGE, RATE, Script, soften
from actloc_ros.training.skeleton_n.motion_data import Motion

FALL_SECONDS = 2.8
TOGETHER = 64  # bodies that fall at once, at most
BEFORE = (25, 80)  # frames of what is done before
SEATED = 0.3  # share of the falls that begin on a seat
# Metres and m/s by which a simulation shows that it broke: nobody is thrown upwards.
HIGHEST_RISE, FASTEST = 0.25, 9.0
AFTER = 15  # frames in which one may still call it falling
LOW, STILL = 0.4, 0.35  # metres above the ground and m/s of the trunk of those who lie


def make_falls(
    rng: np.random.Generator, name: str, captured: Sequence[np.ndarray], count: int
) -> list[Motion]:
    """Return so many motions at 30 Hz that end in a fall and lying.

    Args:
        rng: Decides everything.
        name: How the motions' names begin.
        captured: Upright motions (T, 17, 3) at 30 Hz.
        count: How many.
    """
    motions: list[Motion] = []
    together = min(TOGETHER, count + 4)  # not all fall
    while len(motions) < count:
        drawn = [_beginning(rng, captured) for _ in range(together)]
        before, seats = [each for each, _ in drawn], np.array([seat for _, seat in drawn])
        start, speed = _pushed(rng, before, seats > 0)
        fallen = fall(start, speed, _upset(rng, seats), round(FALL_SECONDS * RATE), RATE)
        for index, (begun, part) in enumerate(zip(before, fallen, strict=True)):
            if _is_fall(begun[-1], part):
                label = f'{name}{len(motions)}_physical_fall'
                motions.append(_motion(rng, label, begun, part, seats[index] > 0))
    return motions[:count]


def _beginning(
    rng: np.random.Generator, captured: Sequence[np.ndarray]
) -> tuple[np.ndarray, float]:
    """Return what is done before a fall (T, 17, 3), and the height of the seat or 0."""
    if len(captured) and rng.random() > SEATED:
        whole = captured[int(rng.integers(len(captured)))]
        end = int(rng.integers(20, max(21, len(whole))))
        part = whole[max(0, end - int(rng.integers(*BEFORE))) : end].astype(float)
        return part - np.array([*part[0, :, :2].mean(axis=0), 0]), 0.0
    script = Script(rng)
    if script.chance(0.75):
        seat = seated_pose(script)
        script.poses[0] = seat
        if script.chance(0.4):
            script.move(crouched_pose(script, 0.8), script.uniform(0.3, 0.7), ('sitting',))
            script.poses[0] = script.poses[-1]
            seat = script.poses[-1]
        script.hold(fidget(script, seat, 1), script.uniform(0.8, 2.5), ('sitting',))
        joints = script.motion('seated').joints[3:].astype(float)
        return joints, float(joints[-1, HIPS, 2].min())
    idle(script)
    return script.motion('idle').joints.astype(float), 0.0


def _pushed(
    rng: np.random.Generator, before: Sequence[np.ndarray], seated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return poses and speeds (N, 17, 3) at the moment in which balance is lost."""
    start = np.stack([each[-1] for each in before])
    speed = np.stack([(each[-1] - each[-4]) * RATE / 3 for each in before])
    count = len(start)
    height = start[..., 2:] / start[..., 2].max(axis=1)[:, None, None]
    angle = rng.uniform(-math.pi, math.pi, count)
    way = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)[:, None]
    push = rng.uniform(0.2, 1.8, count)[:, None, None] + 0.5 * seated[:, None, None]
    speed += push * way * height**1.5
    # Arms that reach for the ground, or fly up.
    arms = [Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW, Joint.LEFT_WRIST, Joint.RIGHT_WRIST]
    reach = rng.uniform(0, 3, (count, 1, 1)) * (rng.random((count, 1, 1)) < 0.6)
    lift = rng.uniform(-0.5, 1.0, (count, 1, 1)) * reach * np.array([0, 0, 1.0])
    speed[:, arms] += reach * way + lift
    # Feet that slip away, or that something holds while the rest goes on.
    feet = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
    slips = (rng.random(count) < 0.25) & ~seated
    speed[np.ix_(slips, feet)] -= rng.uniform(1.0, 2.5, (slips.sum(), 1, 1)) * way[slips]
    trips = (rng.random(count) < 0.3) & ~slips
    speed[np.ix_(trips, feet)] = 0
    return start, speed


def _upset(rng: np.random.Generator, seats: np.ndarray) -> Upset:
    count = len(seats)
    return Upset(
        tone=rng.uniform(0, 1, count) * (rng.random(count) > 0.15),
        fade=rng.uniform(0.4, 2.5, count),
        buckle=rng.choice([1.0, 0.9, 0.75, 0.5], count),
        grip=rng.uniform(0.1, 0.6, count),
        seats=seats,
    )


def _is_fall(begun: np.ndarray, fallen: np.ndarray) -> bool:
    """Return whether a simulated fall (T, 17, 3) ends on the ground and broke no law."""
    moves = np.linalg.norm(np.diff(fallen, axis=0), axis=-1).max() * RATE
    rise = fallen[:, HIPS, 2].mean(axis=1).max() - begun[HIPS, 2].mean()
    trunk = fallen[-1, SHOULDERS + HIPS, 2].mean()
    return bool(trunk < LOW and rise < HIGHEST_RISE and moves < FASTEST)


def _motion(
    rng: np.random.Generator, name: str, begun: np.ndarray, fallen: np.ndarray, seated: bool
) -> Motion:
    """Join beginning, fall and lying, and say what is true of each frame."""
    trunk = fallen[:, SHOULDERS + HIPS]
    speed = np.linalg.norm(np.gradient(trunk.mean(axis=1), 1 / RATE, axis=0), axis=-1)
    moving = np.flatnonzero((speed > STILL) | (trunk[..., 2].mean(axis=1) > LOW))
    rest = min(int(moving[-1]) + 1 if len(moving) else 0, len(fallen) - 1)
    still = np.repeat(fallen[-1:], round(rng.uniform(0.5, 4) * RATE), axis=0)
    still += _restless(rng, len(still))
    joints = np.concatenate([begun, fallen, still]).astype(np.float32)
    rows = np.full((len(joints), len(LABELS)), NO, np.uint8)
    first, last = len(begun), len(begun) + rest
    rows[:first] = UNKNOWN
    rows[:first, [INDEX[label] for label in ('falling', 'lying', 'lying_down')]] = NO
    rows[:first, INDEX['sitting']] = YES if seated else NO
    rows[first + 1 : last, INDEX['falling']] = YES
    rows[first:last, INDEX['lying']] = UNKNOWN
    rows[last : last + AFTER, INDEX['falling']] = UNKNOWN
    lean = joints[last:, SHOULDERS].mean(axis=1) - joints[last:, HIPS].mean(axis=1)
    flat = np.abs(lean[:, 2]) < 0.6 * np.linalg.norm(lean, axis=1)
    rows[last:, INDEX['lying']] = np.where(flat, YES, UNKNOWN)
    rows[last:, INDEX['sitting']] = np.where(flat, NO, UNKNOWN)
    rows[:, INDEX['crossing']] = UNKNOWN
    return Motion(name, 'made', 'physics', RATE, joints, soften(rows, EDGE))


def _restless(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Return how limbs stir (T, 17, 3), metres: not at all, or a little."""
    reach = rng.choice([0.0, 0.01, 0.04]) * rng.random((JOINTS, 3))
    reach[SHOULDERS + HIPS] *= 0.2
    rates, phases = rng.uniform(0.3, 4, (2, JOINTS, 3))
    time = np.arange(frames)[:, None, None] / RATE
    return np.asarray(reach * (np.sin(rates * time + phases) - np.sin(phases)))

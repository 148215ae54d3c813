"""Pose a body in the middle of an action: each function gives the joint angles at a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actloc_ros.synth.body import POSE_SIZE, SIDE_OFFSET, Angle

Pose = np.ndarray
LEFT, RIGHT = 0, 1
# How arms are held when nothing is done with them: hanging, on the hips, folded, at a phone.
STANCES = (
    (0.05, 0.0, 0.2, 0.0),
    (-0.15, 0.6, 0.35, -1.25),
    (0.45, 0.0, 1.05, -0.75),
    (0.25, 0.0, 1.95, -0.3),
)


@dataclass(frozen=True)
class Style:
    """How one person moves: factors about 1, angles in radians, rates in Hz, stance, hand."""

    stride: float
    arms: float
    lean: float
    hang: float
    stance: int
    rate: float
    hand: int
    phase: float


def make_style(rng: np.random.Generator) -> Style:
    """Draw a manner of moving."""
    return Style(
        stride=float(rng.uniform(0.88, 1.12)),
        arms=float(rng.uniform(0.6, 1.3)),
        lean=float(rng.uniform(-0.02, 0.12)),
        hang=float(rng.uniform(0.08, 0.2)),
        stance=int(rng.choice(len(STANCES), p=[0.58, 0.14, 0.14, 0.14])),
        rate=float(rng.uniform(1.3, 2.3)),
        hand=int(rng.integers(2)),
        phase=float(rng.uniform(0, 2 * math.pi)),
    )


def smooth(u: float) -> float:
    """Ease from 0 to 1."""
    u = min(max(u, 0.0), 1.0)
    return u * u * (3 - 2 * u)


def keyed(u: float, keys: Sequence[tuple[float, Pose]]) -> Pose:
    """Ease from pose to pose at rising shares u of an action."""
    for (u0, first), (u1, second) in pairwise(keys):
        if u <= u1:
            share = smooth((u - u0) / (u1 - u0))
            return first + share * (second - first)
    return keys[-1][1]


def set_arm(
    pose: Pose, side: int, shoulder: float, spread: float, elbow: float, swing: float = 0.0
) -> Pose:
    """Set an arm's four angles."""
    at = Angle.SHOULDER + SIDE_OFFSET * side
    pose[at : at + 4] = shoulder, spread, elbow, swing
    return pose


def set_leg(
    pose: Pose, side: int, hip: float, spread: float, knee: float, ankle: float = 0
) -> Pose:
    """Set a leg's four angles."""
    at = Angle.HIP + SIDE_OFFSET * side
    pose[at : at + 4] = hip, spread, knee, ankle
    return pose


def stand(style: Style, time: float) -> Pose:
    """Stand and shift the weight a little; time in seconds."""
    pose = np.zeros(POSE_SIZE)
    sway = math.sin(1.1 * time + style.phase)
    pose[Angle.BEND] = style.lean + 0.015 * math.sin(1.7 * time)
    pose[Angle.SIDE] = 0.03 * sway
    pose[Angle.LOOK] = 0.35 * math.sin(0.6 * time + 2 * style.phase)
    for side in (LEFT, RIGHT):
        out = 1 if side == LEFT else -1
        shoulder, spread, elbow, swing = STANCES[style.stance]
        elbow += 0.05 * sway
        set_arm(pose, side, shoulder + 0.03 * sway, style.hang + spread, elbow, swing)
        set_leg(pose, side, 0.02, 0.06 + 0.015 * sway * out, 0.05)
    return pose


def stride_length(style: Style, leg: float, speed: float) -> float:
    """Return metres a full gait cycle at a speed in m/s."""
    reach = _reach(style, speed)
    return 4 * leg * math.sin(reach) * (1.35 if speed > 2 else 1.0)


def _reach(style: Style, speed: float) -> float:
    return style.stride * min(0.17 + 0.17 * speed, 0.7)


def walk(style: Style, leg: float, speed: float, distance: float) -> Pose:
    """Walk, or run above 2 m/s, after a distance in metres."""
    running = speed > 2
    phase = style.phase + 2 * math.pi * distance / stride_length(style, leg, speed)
    reach = _reach(style, speed)
    pose = np.zeros(POSE_SIZE)
    pose[Angle.BEND] = style.lean + (0.2 if running else 0.02)
    pose[Angle.STRIDE] = 1
    pose[Angle.TWIST] = 0.12 * math.sin(phase)
    pose[Angle.LIFT] = 0.09 * abs(math.sin(phase)) if running else 0.0
    fold, swing = (1.55, 0.95) if running else (0.95, 0.6)
    for side in (LEFT, RIGHT):
        at = phase + math.pi * side
        knee = 0.1 + fold * max(0.0, math.cos(at + 0.45)) ** 2
        # Nearly a triangle wave, so that the foot on the ground hardly slides.
        swung = 0.5 * math.asin(math.sin(at)) + 0.215 * math.sin(at)
        set_leg(pose, side, reach * swung + 0.08 + 0.2 * running, 0.02, knee)
        arm = -swing * style.arms * reach / 0.5 * math.sin(at)
        elbow = 1.5 if running else 0.25 + 0.3 * max(0.0, arm)
        set_arm(pose, side, 0.5 * arm if not running else 0.7 * arm, style.hang, elbow)
    return pose


def wave(style: Style, time: float) -> Pose:
    """Wave a raised hand."""
    pose = stand(style, time)
    beat = math.sin(2 * math.pi * style.rate * time)
    return set_arm(pose, style.hand, 0.15, 1.35, 0.1, 1.35 + 0.55 * beat)


def wave_both(style: Style, time: float) -> Pose:
    """Wave both arms over the head."""
    pose = stand(style, time)
    beat = math.sin(2 * math.pi * style.rate * time)
    for side in (LEFT, RIGHT):
        set_arm(pose, side, 0.1, 2.2 + 0.4 * beat, 0.1, 0.35 + 0.3 * beat)
    return pose


def point(style: Style, time: float, aside: float) -> Pose:
    """Point with a straight arm, `aside` radians off straight ahead."""
    pose = stand(style, time)
    pose[Angle.LOOK] = (0.6 if style.hand == LEFT else -0.6) * aside
    tremble = 0.03 * math.sin(5 * time)
    return set_arm(pose, style.hand, 1.45 + tremble, aside, 0.06)


def seated(style: Style, time: float) -> Pose:
    """Sit on something as high as the shins."""
    pose = stand(style, time)
    pose[Angle.BEND] = 0.05 + style.lean
    for side in (LEFT, RIGHT):
        set_leg(pose, side, 1.5, 0.12, 1.5)
        set_arm(pose, side, 0.45, 0.12, 0.85, -0.15)
    return pose


def _crouched(style: Style, lean: float) -> Pose:
    pose = stand(style, 0.0)
    pose[Angle.BEND] = lean
    for side in (LEFT, RIGHT):
        set_leg(pose, side, 1.1, 0.1, 1.25)
        set_arm(pose, side, 0.9, 0.15, 0.3)
    return pose


def sit_down(style: Style, u: float) -> Pose:
    """Sit down, from standing at share 0 to sitting at 1."""
    return keyed(u, [(0, stand(style, 0)), (0.55, _crouched(style, 0.6)), (1, seated(style, 0))])


def rise(style: Style, u: float) -> Pose:
    """Stand up from a seat: lean forwards, then straighten."""
    lean = seated(style, 0)
    lean[Angle.BEND] = 0.7
    return keyed(
        u,
        [(0, seated(style, 0)), (0.3, lean), (0.55, _crouched(style, 0.65)), (1, stand(style, 0))],
    )


def _lying(style: Style, forwards: float, aside: float) -> Pose:
    pose = stand(style, 0.0)
    pose[Angle.PITCH], pose[Angle.ROLL] = 1.5 * forwards, 1.5 * aside
    flat = 1 - abs(aside)  # on one's side, arms and legs lie before the body
    toes = -1.1 * max(forwards, 0.0)
    for side in (LEFT, RIGHT):
        spread = (0.5 + 0.9 * side * style.arms) * flat + 0.05
        set_arm(pose, side, 0.1 + 1.2 * abs(aside), spread, 0.15, 0.4 * flat)
        bent = 0.1 + 0.15 * side + 0.5 * abs(aside)
        set_leg(pose, side, 0.05 + 0.4 * abs(aside), (0.12 + 0.2 * side) * flat, bent, toes)
    return pose


def lie(style: Style, time: float, forwards: float, aside: float) -> Pose:
    """Lie where one fell."""
    pose = _lying(style, forwards, aside)
    pose[Angle.LOOK] = 0.15 * math.sin(time)
    return pose


def fall(style: Style, u: float, forwards: float, aside: float) -> Pose:
    """Fall over; forwards and aside (to the right) are -1..1 and make a unit vector."""
    down = _lying(style, forwards, aside)
    start = stand(style, 0.0)
    share = min(u / 0.85, 1.0) ** 2.2
    pose = start + share * (down - start)
    fling = math.sin(math.pi * min(u / 0.85, 1.0))
    for side in (LEFT, RIGHT):
        at = SIDE_OFFSET * side
        pose[Angle.SHOULDER + at] += 1.1 * fling * (1 if forwards > -0.3 else -0.4)
        pose[Angle.SPREAD + at] += 0.6 * fling
        pose[Angle.HIP + at] += 0.5 * fling
        pose[Angle.KNEE + at] += 0.8 * fling
    return pose


def get_up(style: Style, u: float, forwards: float, aside: float) -> Pose:
    """Get up from the ground: gather the legs, crouch, straighten."""
    squat = _crouched(style, 0.7)
    for side in (LEFT, RIGHT):
        set_leg(squat, side, 2.0, 0.15, 2.2)
    half = _lying(style, 0.5 * forwards, 0.5 * aside)
    for side in (LEFT, RIGHT):
        set_leg(half, side, 1.7, 0.15, 2.0)
    return keyed(
        u,
        [
            (0, _lying(style, forwards, aside)),
            (0.35, half),
            (0.6, squat),
            (1, stand(style, 0.0)),
        ],
    )


def pick_up(style: Style, u: float) -> Pose:
    """Bend to the ground before one's feet, and straighten again; the bottom is at 0.5."""
    low = stand(style, 0.0)
    low[Angle.BEND] = 1.25
    for side in (LEFT, RIGHT):
        set_leg(low, side, 1.15, 0.1, 1.35)
        set_arm(low, side, 0.4, 0.1, 0.3)
    set_arm(low, style.hand, 1.0, 0.0, 0.05)
    held = stand(style, 0.0)
    set_arm(held, style.hand, 0.5, 0.1, 1.1)
    return keyed(
        u, [(0, stand(style, 0)), (0.45, low), (0.55, low), (0.85, held), (1, stand(style, 0))]
    )


def push(style: Style, u: float) -> Pose:
    """Draw the arms back and thrust them forwards with a step."""
    back, out = stand(style, 0.0), stand(style, 0.0)
    back[Angle.BEND], out[Angle.BEND] = -0.02, 0.35
    for side in (LEFT, RIGHT):
        set_arm(back, side, 0.3, 0.25, 1.9)
        set_arm(out, side, 1.35, 0.0, 0.1)
    set_leg(out, style.hand, -0.35, 0.03, 0.1)
    set_leg(out, 1 - style.hand, 0.5, 0.03, 0.4)
    return keyed(
        u, [(0, stand(style, 0)), (0.3, back), (0.5, out), (0.7, out), (1, stand(style, 0))]
    )


def stagger(style: Style, u: float) -> Pose:
    """Be pushed backwards and catch oneself."""
    hit = stand(style, 0.0)
    hit[Angle.BEND] = -0.3
    for side in (LEFT, RIGHT):
        set_arm(hit, side, 0.7, 0.5, 0.5)
    set_leg(hit, LEFT, -0.45, 0.05, 0.3)
    set_leg(hit, RIGHT, 0.3, 0.05, 0.2)
    return keyed(
        u, [(0, stand(style, 0)), (0.45, stand(style, 0)), (0.62, hit), (1, stand(style, 0))]
    )


def hand_over(style: Style, u: float, hand: int) -> Pose:
    """Reach out to give or receive something, and draw back; the object changes hands at 0.5."""
    out = stand(style, 0.0)
    out[Angle.BEND] = 0.15
    set_arm(out, hand, 1.15, 0.0, 0.35, -0.1)
    return keyed(u, [(0, stand(style, 0)), (0.38, out), (0.62, out), (1, stand(style, 0))])

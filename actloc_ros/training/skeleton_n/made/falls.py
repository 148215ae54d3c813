"""Fall, lie on the ground, and get up again."""

from __future__ import annotations

import math
from collections.abc import Callable

from actloc_ros.synth import motions
from actloc_ros.synth.body import SIDE_OFFSET, Angle
from actloc_ros.training.skeleton_n.made.poses import (
    LEFT,
    RIGHT,
    crouched_pose,
    fidget,
    fours_pose,
    idle,
    kneeling_pose,
    lying_pose,
    reaching_pose,
    seated_pose,
    standing_pose,
)
from actloc_ros.training.skeleton_n.made.script import Pose, Script


def fall(script: Script) -> None:
    """Fall in any direction and in one of several ways, lie, and at times get up."""
    angle = script.uniform(-math.pi, math.pi)
    forwards, aside = math.cos(angle), math.sin(angle)
    if script.chance(0.3):
        script.move(
            _unsteady(script), script.uniform(0.2, 0.6), ('standing',), ('falling', 'walking')
        )
    kind = script.choice(script.falls)
    # Most people end flat, some against a wall or half upright.
    flat = lying_pose(script, forwards, aside)
    if kind == 'knees':
        forwards, aside = 1.0, 0.3 * aside
        flat = lying_pose(script, forwards, aside)
    if kind == 'sit' or kind == 'slip':
        forwards, aside = -1.0, 0.4 * aside
        flat = lying_pose(script, forwards, aside)
    slide = script.uniform(-0.2, 0.3)
    ease = _pendulum(script.uniform(1.5, 3.2))
    if kind in ('tip', 'slip'):
        middle = 0.5 * (script.poses[-1] + flat)
        _fling(script, middle, forwards)
        total = script.uniform(0.5, 1.2)
        script.move(middle, 0.6 * total, ('falling',), ease=ease, shift=(slide, 0))
        script.move(flat, 0.4 * total, ('falling',), ease=lambda u: min(1.0, 1.25 * u))
    else:
        if kind == 'hands':
            forwards, aside = 1.0, script.uniform(-0.4, 0.4)
            flat = lying_pose(script, *_unit(script.uniform(-1, 1), script.uniform(-1, 1)))
            script.move(reaching_pose(script), script.uniform(0.25, 0.6), ('falling',))
        low = {'collapse': crouched_pose(script, 1.0), 'knees': kneeling_pose(script),
               'sit': seated_pose(script, floor=True),
               'hands': fours_pose(script, low=script.uniform(0, 1))}[kind]  # fmt: skip
        _fling(script, low, forwards)
        script.move(low, script.uniform(0.35, 0.9), ('falling',), ease=ease, shift=(slide, 0))
        if kind == 'knees' and script.chance(0.3):
            script.hold(fidget(script, low, 1.5), script.uniform(0.1, 0.5), ('falling',))
        script.move(flat, script.uniform(0.35, 1.0), ('falling',), ease=_pendulum(1.5))
    script.hold(lambda _: flat, 0.4, ('lying',), ('falling',))
    lie(script, flat, script.uniform(1.0, 5.0))
    if script.chance(0.5):
        get_up(script)


def fall_from_seat(script: Script) -> None:
    """Fall off a seat or out of a bed."""
    seat = seated_pose(script)
    script.move(crouched_pose(script, 0.5), 0.5, ('sitting_down',), ('bending',))
    script.move(seat, script.uniform(0.3, 0.8), ('sitting_down',), ('sitting', 'bending'))
    script.hold(fidget(script, seat, 1), script.uniform(0.8, 3), ('sitting',))
    angle = script.uniform(-1.8, 1.8)
    flat = lying_pose(script, math.cos(angle), math.sin(angle))
    if script.chance(0.4):
        script.move(reaching_pose(script), script.uniform(0.2, 0.5), ('falling',))
        low = fours_pose(script, low=script.uniform(0, 1))
        script.move(low, script.uniform(0.2, 0.5), ('falling',), shift=(0.3, 0))
    total = script.uniform(0.5, 1.2)
    script.move(flat, total, ('falling',), ease=_pendulum(script.uniform(1.2, 2.5)), shift=(0.2, 0))
    script.hold(lambda _: flat, 0.4, ('lying',), ('falling',))
    lie(script, flat, script.uniform(1, 4))
    if script.chance(0.4):
        get_up(script)


def get_up(script: Script) -> None:
    """Get up from the floor over sitting, or over hands and knees."""
    total = script.uniform(1.5, 4.0)
    if script.chance(0.5):
        script.move(
            seated_pose(script, floor=True), 0.4 * total, ('getting_up',), ('lying', 'sitting')
        )
    else:
        script.move(fours_pose(script), 0.4 * total, ('getting_up',), ('lying', 'crawling'))
    doubt = ('standing_up', 'crouching', 'sitting')
    script.move(kneeling_pose(script, script.chance(0.3)), 0.3 * total, ('getting_up',), doubt)
    script.move(
        standing_pose(script, 0.0), 0.3 * total, ('getting_up',), ('standing_up', 'standing')
    )
    idle(script)


def lie(script: Script, pose: Pose, seconds: float) -> None:
    """Lie still or restlessly, at times turning over."""
    while seconds > 0:
        part = min(seconds, script.uniform(0.8, 4))
        amount = script.choice((0.0, 0.3, 1.5))
        script.hold(fidget(script, pose, amount), part, ('lying',))
        seconds -= part
        if seconds > 0 and script.chance(0.2):
            pose = _turn_over(script, pose)


def _turn_over(script: Script, pose: Pose) -> Pose:
    """Roll from one side of the body to another; return the pose in the end."""
    start = math.atan2(pose[Angle.ROLL], -pose[Angle.PITCH])
    end = start + script.uniform(0.8, 3.0) * script.choice((-1, 1))
    final = lying_pose(script, -math.cos(end), math.sin(end))
    final[Angle.LIFT] = pose[Angle.LIFT]
    seconds = script.uniform(0.6, 1.8)

    def pose_at(time: float) -> Pose:
        share = motions.smooth(time / seconds)
        turning = pose + share * (final - pose)
        way = start + share * (end - start)
        turning[Angle.PITCH], turning[Angle.ROLL] = -1.53 * math.cos(way), 1.53 * math.sin(way)
        return turning

    script.hold(pose_at, seconds, ('lying',), blend=0.05)
    return final


def _unit(x: float, y: float) -> tuple[float, float]:
    """Return a direction of length 1."""
    length = max(math.hypot(x, y), 1e-6)
    return x / length, y / length


def _pendulum(stiffness: float) -> Callable[[float], float]:
    """Return the way of a body that tips over: slow at first, stopped by the ground at 0.88."""
    top = math.cosh(stiffness) - 1
    return lambda u: min(1.0, (math.cosh(stiffness * min(u / 0.88, 1.0)) - 1) / top)


def _unsteady(script: Script) -> Pose:
    pose = standing_pose(script, 0.0)
    pose[Angle.BEND] += script.rng.normal(0, 0.25)
    pose[Angle.SIDE] += script.rng.normal(0, 0.2)
    _fling(script, pose, 0.5)
    return pose


def _fling(script: Script, pose: Pose, forwards: float) -> None:
    """Throw the arms up or out, and bend the knees."""
    for side in (LEFT, RIGHT):
        at = SIDE_OFFSET * side
        pose[Angle.SHOULDER + at] += script.uniform(-0.3, 1.4) * (1 if forwards > -0.3 else -0.4)
        pose[Angle.SPREAD + at] += script.uniform(0, 0.9)
        pose[Angle.HIP + at] += script.uniform(0, 0.6)
        pose[Angle.KNEE + at] += script.uniform(0, 0.9)

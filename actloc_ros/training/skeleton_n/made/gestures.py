"""Wave, point, clap, raise a hand, beckon or signal a stop."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from actloc_ros.synth import motions
from actloc_ros.training.skeleton_n.made.poses import (
    LEFT,
    RIGHT,
    fidget,
    seated_pose,
    standing_pose,
)
from actloc_ros.training.skeleton_n.made.script import Pose, Script

ArmsAt = Callable[[Pose, float], Pose]


def gesture(script: Script) -> None:
    """Wave, point, clap, raise a hand, beckon or signal a stop, standing or sitting."""
    seated = script.chance(0.15)
    base = seated_pose(script) if seated else standing_pose(script, 0.0)
    posture = 'sitting' if seated else 'standing'
    if seated:
        script.move(base, 1.0, ('sitting_down',))
        script.hold(fidget(script, base, 1), 0.7, ('sitting',))
    kind = script.choice(tuple(GESTURE_ARMS))
    arms = GESTURE_ARMS[kind](script)
    doubt = {
        'raising_hand': ('stop_signal',),
        'stop_signal': ('raising_hand',),
        'waving': ('raising_hand',),
    }

    def pose_at(time: float) -> Pose:
        pose = base.copy() if seated else standing_pose(script, time)
        return arms(pose, time)

    label = () if kind == 'busy' else (kind,)
    script.hold(
        pose_at, script.uniform(1.0, 3.5), (posture, *label), doubt.get(kind, ()), blend=0.3
    )
    script.move(base, script.uniform(0.3, 0.7), (posture,), label)
    script.hold(fidget(script, base, 0.5), script.uniform(0.5, 1.5), (posture,))


def _wave(script: Script) -> ArmsAt:
    hand, rate = int(script.rng.integers(2)), 2 * math.pi * script.uniform(0.8, 2.6)
    shoulder, spread = script.uniform(-0.1, 1.2), script.uniform(0.2, 1.6)
    up, reach, both = script.uniform(1.0, 1.9), script.uniform(0.25, 0.7), script.chance(0.12)
    flat = script.chance(0.4)  # the forearm swings across, or from the shoulder

    def arms(pose: Pose, time: float) -> Pose:
        beat = reach * math.sin(rate * time)
        for side in (LEFT, RIGHT) if both else (hand,):
            if flat:
                motions.set_arm(pose, side, shoulder, spread, up, 0.8 * beat)
            else:
                motions.set_arm(
                    pose, side, 0.15, 1.0 + 0.5 * spread + 0.4 * beat, 0.15, up - 0.3 + beat
                )
        return pose

    return arms


def _point(script: Script) -> ArmsAt:
    hand, level = int(script.rng.integers(2)), script.uniform(0.9, 1.8)
    aside, elbow = script.uniform(-0.3, 1.3), script.uniform(0, 0.3)

    def arms(pose: Pose, time: float) -> Pose:
        tremble = 0.04 * math.sin(4 * time)
        return motions.set_arm(pose, hand, level + tremble, aside, elbow)

    return arms


def _clap(script: Script) -> ArmsAt:
    rate, level = 2 * math.pi * script.uniform(1.2, 3.5), script.uniform(0.3, 1.1)
    elbow, reach = script.uniform(0.9, 1.6), script.uniform(0.15, 0.5)

    def arms(pose: Pose, time: float) -> Pose:
        apart = reach * (0.5 + 0.5 * math.sin(rate * time))
        for side in (LEFT, RIGHT):
            motions.set_arm(pose, side, level, 0.1 + apart, elbow, -0.75 + 0.6 * apart)
        return pose

    return arms


def _raise_hand(script: Script) -> ArmsAt:
    hand, both = int(script.rng.integers(2)), script.chance(0.35)
    level, spread, elbow = script.uniform(2.4, 3.1), script.uniform(0, 0.4), script.uniform(0, 0.5)

    def arms(pose: Pose, time: float) -> Pose:
        for side in (LEFT, RIGHT) if both else (hand,):
            motions.set_arm(pose, side, level + 0.05 * math.sin(2 * time), spread, elbow)
        return pose

    return arms


def _stop(script: Script) -> ArmsAt:
    hand, both = int(script.rng.integers(2)), script.chance(0.35)
    level, spread, elbow = (
        script.uniform(1.1, 1.6),
        script.uniform(-0.1, 0.4),
        script.uniform(0.1, 0.9),
    )

    def arms(pose: Pose, time: float) -> Pose:
        for side in (LEFT, RIGHT) if both else (hand,):
            motions.set_arm(
                pose, side, level - 0.5 * elbow + 0.03 * math.sin(3 * time), spread, elbow
            )
        return pose

    return arms


def _beckon(script: Script) -> ArmsAt:
    hand, rate = int(script.rng.integers(2)), 2 * math.pi * script.uniform(0.6, 2.0)
    level, reach = script.uniform(0.5, 1.3), script.uniform(0.4, 0.9)

    def arms(pose: Pose, time: float) -> Pose:
        pull = reach * (0.5 + 0.5 * math.sin(rate * time))
        return motions.set_arm(pose, hand, level - 0.3 * pull, 0.15, 0.4 + 1.5 * pull, -0.1)

    return arms


def _busy(script: Script) -> ArmsAt:
    """Move the arms without meaning: scratching, drinking, talking with the hands."""
    starts = script.rng.uniform([0.0, 0.0, 0.2, -0.6], [1.2, 0.5, 2.2, 0.3], (2, 4))
    reach, rates = script.rng.uniform(0, 0.25, (2, 4)), script.rng.uniform(1, 6, (2, 4))
    one = script.chance(0.5)

    def arms(pose: Pose, time: float) -> Pose:
        for side in (LEFT,) if one else (LEFT, RIGHT):
            motions.set_arm(pose, side, *(starts[side] + reach[side] * np.sin(rates[side] * time)))
        return pose

    return arms


GESTURE_ARMS: dict[str, Callable[[Script], ArmsAt]] = {
    'waving': _wave,
    'pointing': _point,
    'clapping': _clap,
    'raising_hand': _raise_hand,
    'stop_signal': _stop,
    'beckoning': _beckon,
    'busy': _busy,
}

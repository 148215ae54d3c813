"""Draw poses of a made person. Angles are drawn widely: no real person moves like another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from actloc_ros.synth import motions
from actloc_ros.synth.body import POSE_SIZE, SIDE_OFFSET, Angle
from actloc_ros.training.skeleton_n.made.script import Pose, Script

LEFT, RIGHT = motions.LEFT, motions.RIGHT
ARMS = slice(Angle.SHOULDER, Angle.SHOULDER + 4)
OTHER_ARMS = slice(Angle.SHOULDER + SIDE_OFFSET, Angle.SHOULDER + SIDE_OFFSET + 4)


def standing_pose(script: Script, time: float) -> Pose:
    """Stand as the person's style says."""
    return motions.stand(script.style, time)


def relaxed_arms(script: Script, pose: Pose) -> Pose:
    """Give a pose some of the things that arms do while a body sits, stands or lies."""
    kind = int(script.rng.integers(6))
    for side in (LEFT, RIGHT):
        arms = {
            0: (0.5, 0.15, 0.9, -0.2),  # on the lap
            1: (0.9, 0.1, 1.0, -0.3),  # on a desk or at a phone
            2: (0.1, 0.25, 0.2, 0.0),  # hanging
            3: (0.45, 0.0, 1.05, -0.75),  # folded
            4: (0.5, 0.4, 0.7, 0.1),  # on arm rests
            5: (-0.4, 0.4, 0.2, 0.1),  # leaning on them behind
        }[kind]
        motions.set_arm(pose, side, *(np.array(arms) + script.rng.normal(0, 0.15, 4)))
    if script.chance(0.25):  # a hand at the face: a phone, a cup, thinking
        hand = int(script.rng.integers(2))
        motions.set_arm(pose, hand, script.uniform(0.4, 1.1), 0.1, script.uniform(1.6, 2.3), -0.3)
    return pose


def seated_pose(script: Script, floor: bool = False) -> Pose:
    """Sit on a seat of some height, or on the floor."""
    pose = standing_pose(script, 0.0)
    pose[Angle.BEND] = script.uniform(-0.35, 0.55)
    pose[Angle.SIDE] = script.rng.normal(0, 0.08)
    pose[Angle.NOD] = script.uniform(-0.1, 0.5)
    pose[Angle.LOOK] = script.rng.normal(0, 0.3)
    flex = script.uniform(1.25, 1.75)
    knee = flex + script.uniform(-0.7, 0.35)
    if floor:
        flex, knee = script.uniform(1.4, 2.1), script.uniform(0.1, 2.4)
    for side in (LEFT, RIGHT):
        bent = knee + script.rng.normal(0, 0.15)
        motions.set_leg(
            pose, side, flex + script.rng.normal(0, 0.08), script.uniform(0, 0.35), bent
        )
    if not floor and script.chance(0.2):  # one leg over the other
        side = int(script.rng.integers(2))
        motions.set_leg(pose, side, flex + 0.3, -0.25, script.uniform(1.0, 1.6))
    return relaxed_arms(script, pose)


def lying_pose(script: Script, forwards: float, aside: float) -> Pose:
    """Lie on the front (forwards 1), the back (-1), the right side (aside 1) or the left one."""
    pose = relaxed_arms(script, standing_pose(script, 0.0))
    pose[Angle.PITCH] = 1.53 * forwards + script.rng.normal(0, 0.05)
    pose[Angle.ROLL] = 1.53 * aside + script.rng.normal(0, 0.05)
    pose[Angle.BEND] = script.uniform(0, 0.25) if forwards < 0.3 else script.uniform(-0.15, 0.05)
    pose[Angle.TWIST] = script.rng.normal(0, 0.2)
    pose[Angle.LOOK] = script.rng.normal(0, 0.6)
    curl = script.uniform(0, 0.9) if abs(aside) > 0.5 or script.chance(0.3) else 0.0
    if forwards > 0.5:
        curl = 0.0
    for side in (LEFT, RIGHT):
        flat = 1 - abs(aside)
        if script.chance(0.6):
            spread = script.uniform(0.05, 1.6) * flat + 0.05
            motions.set_arm(
                pose, side, script.uniform(-0.1, 0.4), spread, script.uniform(0, 0.9), 0.3 * flat
            )
        bent = curl + abs(script.rng.normal(0, 0.15))
        motions.set_leg(pose, side, bent, script.uniform(0, 0.35) * flat, 1.5 * bent, -0.9)
    return pose


def crouched_pose(script: Script, depth: float) -> Pose:
    """Squat; depth 1 sits on the heels."""
    pose = relaxed_arms(script, standing_pose(script, 0.0))
    pose[Angle.BEND] = script.uniform(0.3, 0.8)
    for side in (LEFT, RIGHT):
        flex = depth * script.uniform(1.8, 2.2)
        motions.set_leg(
            pose, side, flex, script.uniform(0.05, 0.35), flex + script.uniform(0.0, 0.25)
        )
    return pose


def kneeling_pose(script: Script, both: bool = True) -> Pose:
    """Kneel upright, on one knee or both."""
    pose = relaxed_arms(script, standing_pose(script, 0.0))
    pose[Angle.BEND] = script.uniform(0.0, 0.5)
    sit = script.uniform(0.0, 0.5)
    for side in (LEFT, RIGHT):
        motions.set_leg(pose, side, sit, 0.1, 1.57 + sit, -1.0)
    if not both:
        motions.set_leg(pose, int(script.rng.integers(2)), 1.5, 0.1, 1.5)
    return pose


def fours_pose(script: Script, phase: float = 0.0, low: float = 0.0) -> Pose:
    """Be on hands and knees, at a phase of crawling."""
    pose = np.zeros(POSE_SIZE)
    pose[Angle.PITCH] = 1.35 + 0.1 * low
    pose[Angle.NOD] = -0.5
    pose[Angle.STRIDE] = 1
    for side in (LEFT, RIGHT):
        swing = math.sin(phase + math.pi * side)
        motions.set_leg(pose, side, 1.4 - 0.6 * low + 0.3 * swing, 0.15, 1.55 - 0.5 * low, -1.0)
        motions.set_arm(pose, side, 1.4 - 0.3 * swing, 0.15 + 0.3 * low, 0.15 + 1.2 * low)
    return pose


def reaching_pose(script: Script) -> Pose:
    """Bend far forwards with the hands before the body, as those who will land on them."""
    pose = standing_pose(script, 0.0)
    pose[Angle.PITCH] = script.uniform(0.3, 0.9)
    pose[Angle.BEND] = script.uniform(0.4, 1.0)
    pose[Angle.NOD] = -script.uniform(0, 0.5)
    flex = script.uniform(0.2, 1.3)
    for side in (LEFT, RIGHT):
        motions.set_leg(pose, side, 0.5 * pose[Angle.PITCH] + flex, 0.1, 1.2 * flex)
        motions.set_arm(pose, side, script.uniform(1.2, 2.2), 0.15, script.uniform(0, 0.5))
    return pose


def fidget(script: Script, pose: Pose, amount: float) -> Callable[[float], Pose]:
    """Return a pose that moves a little, more in the arms."""
    rates = script.rng.uniform(0.3, 2.0, POSE_SIZE)
    phases = script.rng.uniform(0, 2 * math.pi, POSE_SIZE)
    reach = amount * script.rng.uniform(0, 1, POSE_SIZE) * 0.04
    reach[Angle.SHOULDER :] *= 2
    reach[[Angle.LIFT, Angle.STRIDE]] = 0
    return lambda time: pose + reach * (np.sin(rates * time + phases) - np.sin(phases))


def idle(script: Script) -> None:
    """Stand about, at times with busy arms."""
    arms = relaxed_arms(script, standing_pose(script, 0.0))
    busy = script.chance(0.5)

    def pose_at(time: float) -> Pose:
        pose = standing_pose(script, time)
        if busy:
            pose[ARMS], pose[OTHER_ARMS] = arms[ARMS], arms[OTHER_ARMS]
        return pose

    script.hold(pose_at, script.uniform(0.8, 3.0), ('standing',))

"""Make motions that are hardly captured under free licences: falls, lying, sitting, gestures.

Each behaviour is a function of a `Script`, which it extends by poses and labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from actloc_ros.synth import motions
from actloc_ros.synth.body import Angle
from actloc_ros.training.skeleton_n.labels import INDEX, YES
from actloc_ros.training.skeleton_n.made.falls import fall, fall_from_seat, get_up, lie
from actloc_ros.training.skeleton_n.made.gestures import gesture
from actloc_ros.training.skeleton_n.made.poses import (
    LEFT,
    RIGHT,
    crouched_pose,
    fidget,
    fours_pose,
    idle,
    kneeling_pose,
    lying_pose,
    relaxed_arms,
    seated_pose,
    standing_pose,
)
from actloc_ros.training.skeleton_n.made.script import FALLS, RATE, Script
from actloc_ros.training.skeleton_n.motion_data import Motion


def stroll(script: Script) -> None:
    """Walk or run for a while."""
    speed = script.uniform(0.5, 1.6) if script.chance(0.85) else script.uniform(2.2, 3.2)
    script.walk(script.uniform(1.0, 3.5), speed, float(script.rng.normal(0, 0.7)))
    script.move(standing_pose(script, 0.0), 0.4, ('standing',), ('walking', 'running'))


def sit(script: Script) -> None:
    """Sit down, sit for a while, and stand up again."""
    floor = script.chance(0.15)
    seat = seated_pose(script, floor)
    lean = crouched_pose(script, 0.5)
    half, total = script.uniform(0.35, 0.6), script.uniform(0.6, 2.2) * (1.5 if floor else 1)
    script.move(lean, half * total, ('sitting_down',), ('bending',))
    script.move(seat, (1 - half) * total, ('sitting_down',), ('bending', 'sitting'))
    for _ in range(int(script.rng.integers(1, 4))):
        script.hold(
            fidget(script, seat, script.uniform(0, 2)), script.uniform(0.7, 3), ('sitting',)
        )
        seat = seat.copy()
        seat[Angle.BEND] += script.rng.normal(0, 0.15)
        relaxed_arms(script, seat)
    if script.chance(0.75):
        total = script.uniform(0.7, 2.2)
        script.move(
            crouched_pose(script, 0.55), 0.5 * total, ('standing_up',), ('bending', 'sitting')
        )
        script.move(standing_pose(script, 0.0), 0.5 * total, ('standing_up',))
        idle(script)


def lie_down(script: Script) -> None:
    """Lie down on a bed, a sofa or the floor, lie there, and get up."""
    height = script.uniform(0.3, 0.55) if script.chance(0.7) else 0.0
    way = script.uniform(-1.6, 1.6) * script.choice((1.0, 0.3))
    edge = seated_pose(script, floor=height == 0)
    script.move(
        crouched_pose(script, 0.6), script.uniform(0.4, 1.0), ('sitting_down',), ('lying_down',)
    )
    script.move(edge, script.uniform(0.4, 1.0), ('sitting_down',), ('sitting', 'lying_down'))
    if script.chance(0.7):
        script.hold(
            fidget(script, edge, 1), script.uniform(0.4, 2.5), ('sitting',), ('lying_down',)
        )
    flat = lying_pose(script, -math.cos(way), math.sin(way))
    flat[Angle.LIFT] = height
    reclined = 0.5 * (edge + flat)
    down = script.uniform(0.5, 2.2)
    script.move(reclined, 0.5 * down, ('lying_down',), ('sitting', 'lying'))
    script.move(flat, 0.5 * down, ('lying_down',), ('lying',))
    lie(script, flat, script.uniform(1.5, 6))
    if script.chance(0.7):
        up = script.uniform(0.7, 2.5)
        script.move(reclined, 0.5 * up, ('getting_up',), ('lying', 'standing_up'))
        script.move(edge, 0.5 * up, ('getting_up',), ('sitting', 'standing_up'))
        script.hold(fidget(script, edge, 1), script.uniform(0.5, 2.5), ('sitting',))
        if script.chance(0.5):
            script.move(
                standing_pose(script, 0),
                script.uniform(0.7, 1.6),
                ('standing_up',),
                ('getting_up',),
            )
            idle(script)


def crawl(script: Script) -> None:
    """Get down on hands and knees and crawl."""
    low = script.uniform(0, 0.8) if script.chance(0.4) else 0.0
    script.move(
        kneeling_pose(script),
        script.uniform(0.5, 1.2),
        ('crouching',),
        ('falling', 'sitting_down', 'bending', 'crawling'),
    )
    script.move(
        fours_pose(script, low=low),
        script.uniform(0.4, 1),
        ('crawling',),
        ('crouching', 'falling', 'lying_down'),
    )
    rate, seconds = script.uniform(2.5, 6), script.uniform(1.5, 5)
    start = len(script.places)
    script.hold(lambda t: fours_pose(script, rate * t, low), seconds, ('crawling',))
    speed = 0.13 * rate * script.uniform(0.7, 1.1)
    x, y = script.places[start - 1]
    heading = script.headings[-1]
    for index in range(start, len(script.places)):
        way = speed * (index - start) / RATE
        script.places[index] = (x + way * math.cos(heading), y + way * math.sin(heading))
    get_up(script)


def crouch(script: Script) -> None:
    """Squat or kneel for a while, or do squats."""
    for _ in range(int(script.rng.integers(1, 4))):
        down = (
            crouched_pose(script, script.uniform(0.75, 1.05))
            if script.chance(0.7)
            else kneeling_pose(script, False)
        )
        doubt = ('crouching', 'sitting_down', 'bending', 'standing')
        script.move(down, script.uniform(0.4, 1.2), (), doubt)
        script.hold(
            fidget(script, down, 1),
            script.uniform(0.3, 3),
            ('crouching',),
            ('bending', 'picking_up'),
        )
        script.move(
            standing_pose(script, 0.0), script.uniform(0.4, 1.2), (), (*doubt, 'standing_up')
        )
        if script.chance(0.5):
            idle(script)


def bend(script: Script) -> None:
    """Bend down with straight or bent legs: to reach for something, to bow, to pick up."""
    kind = script.choice(('bending', 'bowing', 'picking_up'))
    low = standing_pose(script, 0.0)
    knees = script.uniform(0, 0.35)
    lean = script.uniform(0.35, 1.1) if kind == 'bowing' else script.uniform(0.8, 1.5)
    low[Angle.PITCH] = 0.5 * lean
    low[Angle.BEND] = 0.7 * lean
    if kind == 'picking_up':
        knees = script.uniform(0.1, 1.5)
    for side in (LEFT, RIGHT):
        motions.set_leg(low, side, 0.5 * lean + 0.7 * knees, 0.08, knees)
        if kind == 'bowing':
            motions.set_arm(low, side, script.uniform(-0.1, 0.4) + 0.5 * lean, 0.1, 0.15)
        else:
            motions.set_arm(low, side, script.uniform(0.8, 1.5), 0.1, 0.2)
    if kind == 'picking_up':
        hand = int(script.rng.integers(2))
        motions.set_arm(low, hand, script.uniform(0.9, 1.5), 0.0, 0.1)
        if script.chance(0.6):
            motions.set_arm(
                low, 1 - hand, script.uniform(-0.2, 0.6), 0.15, script.uniform(0.1, 1.2)
            )
    doubt = {
        'bending': ('bowing', 'picking_up', 'standing', 'crouching'),
        'bowing': ('bending', 'standing'),
        'picking_up': ('bending', 'crouching', 'standing'),
    }[kind]
    script.move(low, script.uniform(0.4, 1.2), (kind,), doubt)
    wait = {'bending': script.uniform(0.5, 4), 'bowing': script.uniform(0.1, 1.2)}.get(kind, 0.2)
    script.hold(fidget(script, low, 1), wait, (kind,), doubt)
    after = standing_pose(script, 0.0)
    if kind == 'picking_up':
        motions.set_arm(after, hand, 0.5, 0.1, 1.1)
    script.move(after, script.uniform(0.4, 1.2), (kind,), doubt)
    idle(script)


BEHAVIOURS: dict[str, Callable[[Script], None]] = {
    'idle': idle,
    'stroll': stroll,
    'sit': sit,
    'lie_down': lie_down,
    'fall': fall,
    'fall_from_seat': fall_from_seat,
    'crawl': crawl,
    'crouch': crouch,
    'bend': bend,
    'gesture': gesture,
}
CHANCES = {
    'idle': 0.5, 'stroll': 1.0, 'sit': 2.6, 'lie_down': 1.6, 'fall': 2.4, 'fall_from_seat': 0.9,
    'crawl': 0.8, 'crouch': 0.8, 'bend': 1.2, 'gesture': 3.0,
}  # fmt: skip


def make_motion(
    rng: np.random.Generator,
    name: str,
    captured: Sequence[np.ndarray] = (),
    falls: Sequence[str] = FALLS,
) -> Motion:
    """Make one motion of 4 to 20 seconds at 30 Hz.

    Args:
        rng: Decides everything.
        name: Of the motion.
        captured: Upright motions (T, 17, 3) at 30 Hz; half of the made ones begin with one.
        falls: The kinds of falls to choose from.
    """
    script = Script(rng, falls)
    names, chances = list(CHANCES), np.array(list(CHANCES.values()))
    before = None
    if len(captured) and rng.random() < 0.5:
        before = captured[int(rng.integers(len(captured)))]
        end = int(rng.integers(20, max(21, len(before))))
        before = before[max(0, end - int(rng.integers(20, 70))) : end]
        before = before - np.array([*before[0, :, :2].mean(axis=0), 0], np.float32)
    else:
        idle(script)
    first = str(rng.choice(names, p=chances / chances.sum()))
    BEHAVIOURS[first](script)
    if script.rows[-1][INDEX['standing']] == YES and rng.random() < 0.4:
        BEHAVIOURS[str(rng.choice(('idle', 'stroll')))](script)
    return script.motion(f'{name}_{first}', before)

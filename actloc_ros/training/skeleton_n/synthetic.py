"""Take joints and labels from synthetic scenes, which are not painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.synth.camera import CameraPath
from actloc_ros.synth.crossing import crossings
from actloc_ros.synth.planner import EVEN, Planner
from actloc_ros.synth.script import Actor
from actloc_ros.synth.world import make_world
from actloc_ros.training.skeleton_n.bodies import coco_joints
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, UPRIGHT, YES
from actloc_ros.training.skeleton_n.made.script import EDGE, soften
from actloc_ros.training.skeleton_n.motion_data import Motion

RATE = 20.0
# Labels beside which nobody says whether the actor stands.
ACTIVE = ('picking_up', 'pushing', 'handing_over')


@dataclass(eq=False)
class SyntheticScene:
    """A few people in one world.

    Attributes:
        seed: Of the scene.
        motions: One for each actor, all over the same time.
        path: The scene's camera, to which the label `crossing` belongs.
    """

    seed: int
    motions: list[Motion]
    path: CameraPath


def make_scene(seed: int, seconds: float) -> SyntheticScene:
    """Make the scene that `actloc synth --even` paints for a seed."""
    streams = [np.random.default_rng([seed, index]) for index in range(4)]
    world = make_world(streams[0])
    path = CameraPath(streams[1])
    planner = Planner(streams[2], world, 0.5 / path.focal_share, seconds, EVEN)
    planner.plan()
    times = np.arange(0, seconds, 1 / RATE)
    motions = []
    for actor in planner.actors:
        actor.extra += crossings(actor.segments, path)
        joints = coco_joints(np.array([actor.joints(time) for time in times.tolist()]))
        targets = _targets(actor, times)
        name = f'scene{seed}_{actor.number}'
        motions.append(
            Motion(name, 'synthetic', 'scenes', RATE, joints.astype(np.float32), targets)
        )
    return SyntheticScene(seed, motions, path)


def _targets(actor: Actor, times: np.ndarray) -> np.ndarray:
    """Return what an actor does (T, C); what rises from the floor is `getting_up` here."""
    targets = np.full((len(times), len(LABELS)), NO, np.uint8)
    stamps = np.round(times * NANOSECONDS).astype(np.int64)
    lying = None
    for action in actor.actions():
        frames = (stamps >= action.start) & (stamps < action.end)
        targets[frames, INDEX[action.label]] = YES
        if action.label in ACTIVE:
            for label in UPRIGHT:
                targets[frames, INDEX[label]] = UNKNOWN
        if action.label == 'picking_up':
            for label in ('bending', 'crouching'):
                targets[frames, INDEX[label]] = UNKNOWN
        if action.label == 'lying':
            lying = action.end
        if action.label == 'standing_up' and action.start == lying:
            targets[frames, INDEX['getting_up']] = YES
            targets[frames, INDEX['standing_up']] = UNKNOWN
        if action.label in ('sitting_down', 'standing_up', 'pushing'):
            targets[frames, INDEX['bending']] = UNKNOWN
        if action.label in ('pushing', 'handing_over', 'pointing', 'waving'):
            for label in ('punching', 'stop_signal', 'beckoning', 'raising_hand'):
                targets[frames, INDEX[label]] = UNKNOWN
    return soften(targets, EDGE - 1)

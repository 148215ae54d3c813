"""Let bodies fall by physics: joints of constant mass, bones of constant length, a floor.

Bodies are points (the 17 joints) held by distances, moved by Verlet steps whose corrections are
projections of one constraint after another (position-based dynamics). Many bodies fall at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actloc_ros.models.skeleton_n.features import HIPS, JOINTS, SHOULDERS, Joint
from actloc_ros.training.skeleton_n.bodies import CLEARANCE

J = Joint
STEPS = 8  # of the simulation, a frame
ROUNDS = 3  # of all constraints, a step
GRAVITY = 9.81
AIR = 0.3  # share of its speed that a joint loses in a second in the air
MASSES = np.array([1, 1, 1, 1, 1, 11, 11, 2.5, 2.5, 1.5, 1.5, 12, 12, 7, 7, 4, 4], float)
BONES = (
    (J.NOSE, J.LEFT_EYE), (J.NOSE, J.RIGHT_EYE), (J.LEFT_EYE, J.RIGHT_EYE),
    (J.NOSE, J.LEFT_EAR), (J.NOSE, J.RIGHT_EAR), (J.LEFT_EAR, J.RIGHT_EAR),
    (J.LEFT_EYE, J.LEFT_EAR), (J.RIGHT_EYE, J.RIGHT_EAR),
    (J.LEFT_EAR, J.LEFT_SHOULDER), (J.RIGHT_EAR, J.RIGHT_SHOULDER),
    (J.LEFT_SHOULDER, J.RIGHT_SHOULDER), (J.LEFT_HIP, J.RIGHT_HIP),
    (J.LEFT_SHOULDER, J.LEFT_HIP), (J.RIGHT_SHOULDER, J.RIGHT_HIP),
    (J.LEFT_SHOULDER, J.RIGHT_HIP), (J.RIGHT_SHOULDER, J.LEFT_HIP),
    (J.LEFT_SHOULDER, J.LEFT_ELBOW), (J.RIGHT_SHOULDER, J.RIGHT_ELBOW),
    (J.LEFT_ELBOW, J.LEFT_WRIST), (J.RIGHT_ELBOW, J.RIGHT_WRIST),
    (J.LEFT_HIP, J.LEFT_KNEE), (J.RIGHT_HIP, J.RIGHT_KNEE),
    (J.LEFT_KNEE, J.LEFT_ANKLE), (J.RIGHT_KNEE, J.RIGHT_ANKLE),
)  # fmt: skip
# What muscles hold: these keep the distance that they had, as strongly as the body's tone.
MUSCLES = (
    (J.NOSE, J.LEFT_SHOULDER), (J.NOSE, J.RIGHT_SHOULDER),
    (J.NOSE, J.LEFT_HIP), (J.NOSE, J.RIGHT_HIP),
    (J.LEFT_SHOULDER, J.LEFT_KNEE), (J.RIGHT_SHOULDER, J.RIGHT_KNEE),
    (J.LEFT_SHOULDER, J.RIGHT_KNEE), (J.RIGHT_SHOULDER, J.LEFT_KNEE),
    (J.LEFT_HIP, J.LEFT_ANKLE), (J.RIGHT_HIP, J.RIGHT_ANKLE),
    (J.LEFT_SHOULDER, J.LEFT_WRIST), (J.RIGHT_SHOULDER, J.RIGHT_WRIST),
    (J.LEFT_HIP, J.LEFT_WRIST), (J.RIGHT_HIP, J.RIGHT_WRIST),
    (J.LEFT_HIP, J.LEFT_ELBOW), (J.RIGHT_HIP, J.RIGHT_ELBOW),
    (J.LEFT_KNEE, J.RIGHT_KNEE), (J.LEFT_ANKLE, J.RIGHT_ANKLE),
)  # fmt: skip
KNEE_MUSCLES = (8, 9)  # of MUSCLES: they buckle
# Shares of the way over the joint between, below which limbs do not fold.
FOLDS = (
    (J.LEFT_HIP, J.LEFT_KNEE, J.LEFT_ANKLE, 0.3), (J.RIGHT_HIP, J.RIGHT_KNEE, J.RIGHT_ANKLE, 0.3),
    (J.LEFT_SHOULDER, J.LEFT_ELBOW, J.LEFT_WRIST, 0.3),
    (J.RIGHT_SHOULDER, J.RIGHT_ELBOW, J.RIGHT_WRIST, 0.3),
    (J.LEFT_SHOULDER, J.LEFT_HIP, J.LEFT_KNEE, 0.4),
    (J.RIGHT_SHOULDER, J.RIGHT_HIP, J.RIGHT_KNEE, 0.4),
    (J.LEFT_EAR, J.LEFT_SHOULDER, J.LEFT_HIP, 0.75),
    (J.RIGHT_EAR, J.RIGHT_SHOULDER, J.RIGHT_HIP, 0.75),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Upset:
    """What makes N bodies fall.

    Attributes:
        tone: (N,), how strongly muscles hold the pose, 0 to 1, at the beginning.
        fade: (N,), seconds in which the tone is lost.
        buckle: (N,), which share of a leg's length is left when knees have given way.
        grip: (N,), share of its speed that what touches the ground loses in a step.
        seats: (N,), metres: the height of a seat below the hips; 0 for none.
    """

    tone: np.ndarray
    fade: np.ndarray
    buckle: np.ndarray
    grip: np.ndarray
    seats: np.ndarray


def fall(
    joints: np.ndarray, speed: np.ndarray, upset: Upset, frames: int, rate: float
) -> np.ndarray:
    """Return how bodies go on from a pose, float (N, frames, 17, 3).

    Args:
        joints: (N, 17, 3), metres, the ground at 0.
        speed: (N, 17, 3), m/s.
        upset: Why they fall.
        frames: How many.
        rate: Frames a second.
    """
    step = 1 / (rate * STEPS)
    bones = [(a, b, _length(joints, a, b)) for a, b in BONES]
    muscles = [(a, b, _length(joints, a, b)) for a, b in MUSCLES]
    folds = [
        (a, c, share * (_length(joints, a, b) + _length(joints, b, c))) for a, b, c, share in FOLDS
    ]
    places = joints.astype(float).copy()
    before = places - step * speed
    seat = places[:, HIPS, :2].mean(axis=1)
    found = np.empty((len(places), frames, JOINTS, 3))
    for index in range(frames * STEPS):
        time = index * step
        moved = places + (places - before) * (1 - AIR * step)
        moved[..., 2] -= GRAVITY * step * step
        before = places
        places = moved
        held = upset.tone * np.clip(1 - time / upset.fade, 0.03, 1)
        bent = 1 - (1 - upset.buckle) * np.clip(time / (0.5 * upset.fade), 0, 1)
        for _ in range(ROUNDS):
            for number, (a, b, length) in enumerate(muscles):
                wanted = length * bent if number in KNEE_MUSCLES else length
                _pull(places, a, b, wanted, 0.25 * held)
            for a, c, least in folds:
                _pull(places, a, c, np.maximum(least, _length(places, a, c)), 0.5)
            _keep_knees(places)
            for a, b, length in bones:
                _pull(places, a, b, length, 1.0)
        _touch(places, before, upset, seat)
        if index % STEPS == STEPS - 1:
            found[:, index // STEPS] = places
    return found


def _length(joints: np.ndarray, a: int, b: int) -> np.ndarray:
    """Return distances (N,) of two joints."""
    return np.asarray(np.linalg.norm(joints[:, a] - joints[:, b], axis=-1))


def _pull(
    places: np.ndarray, a: int, b: int, wanted: np.ndarray, share: np.ndarray | float
) -> None:
    """Move two joints in place a share of the way to the distance (N,) that is wanted."""
    apart = places[:, a] - places[:, b]
    length = np.maximum(np.linalg.norm(apart, axis=-1), 1e-6)
    move = (share * (wanted - length) / length)[:, None] * apart
    light = MASSES[b] / (MASSES[a] + MASSES[b])
    places[:, a] += light * move
    places[:, b] -= (1 - light) * move


def _keep_knees(places: np.ndarray) -> None:
    """Let knees bend forwards alone, and thighs go back only a little."""
    across = places[:, HIPS[0]] - places[:, HIPS[1]]
    up = places[:, SHOULDERS].mean(axis=1) - places[:, HIPS].mean(axis=1)
    ahead = np.cross(across, up)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-6)
    for hip, knee, ankle in (
        (J.LEFT_HIP, J.LEFT_KNEE, J.LEFT_ANKLE),
        (J.RIGHT_HIP, J.RIGHT_KNEE, J.RIGHT_ANKLE),
    ):
        middle = 0.5 * (places[:, hip] + places[:, ankle])
        behind = np.minimum(((places[:, knee] - middle) * ahead).sum(axis=-1), 0)
        places[:, knee] -= 0.5 * behind[:, None] * ahead
        places[:, ankle] += 0.5 * behind[:, None] * ahead
        back = np.minimum(((places[:, knee] - places[:, hip]) * ahead).sum(axis=-1) + 0.15, 0)
        places[:, knee] -= 0.5 * back[:, None] * ahead


def _touch(places: np.ndarray, before: np.ndarray, upset: Upset, seat: np.ndarray) -> None:
    """Keep joints in place above the ground and hips above a seat; what touches is slowed."""
    floor = np.broadcast_to(CLEARANCE, places.shape[:2]).copy()
    near = np.linalg.norm(places[:, HIPS, :2].mean(axis=1) - seat, axis=-1) < 0.25
    floor[:, HIPS] = np.maximum(floor[:, HIPS], (upset.seats * near)[:, None])
    under = places[..., 2] <= floor
    places[..., 2] = np.maximum(places[..., 2], floor)
    grip = (under * upset.grip[:, None])[..., None]
    before[..., :2] += grip * (places[..., :2] - before[..., :2])
    before[..., 2] = np.where(under, places[..., 2], before[..., 2])

"""Build a body and place its joints: limb lengths, girths, clothes, and forward kinematics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np

from actloc_ros.synth.textures import cloth_patterns

PATTERN_SIZE = 32


class Angle(IntEnum):
    """Places in a pose, a float64 (25,) vector in radians; arms and legs: left, then right."""

    PITCH = 0  # of the whole body, forwards
    ROLL = 1  # of the whole body, to its right
    LIFT = 2  # metres above standing on the ground
    BEND = 3  # of the spine, forwards
    SIDE = 4  # of the spine, to the right
    TWIST = 5  # of the spine, to the left
    NOD = 6
    LOOK = 7  # of the head, to the left
    SHOULDER = 8  # upper arm, forwards from hanging
    SPREAD = 9  # upper arm, away from the body
    ELBOW = 10  # forearm, forwards beyond the upper arm
    SWING = 11  # forearm, away from the body beyond the upper arm
    HIP = 12  # thigh, forwards from hanging
    STRADDLE = 13  # thigh, away from the body
    KNEE = 14  # shin, backwards
    ANKLE = 15  # toes, upwards
    STRIDE = 24  # 1 where the pelvis is over the place on the ground, 0 where the ankles are


POSE_SIZE = 25
SIDE_OFFSET = 8  # from an angle of a left limb to that of the right one

# Points of the skeleton; each left one is followed by the right one.
POINTS = (
    'pelvis', 'waist', 'chest', 'neck', 'head', 'crown', 'nape', 'hair',
    'chest_l', 'chest_r', 'waist_l', 'waist_r', 'shoulder_l', 'shoulder_r',
    'elbow_l', 'elbow_r', 'wrist_l', 'wrist_r', 'finger_l', 'finger_r',
    'hip_l', 'hip_r', 'knee_l', 'knee_r', 'ankle_l', 'ankle_r', 'toe_l', 'toe_r', 'face',
)  # fmt: skip
POINT = {name: index for index, name in enumerate(POINTS)}

SKIN, HAIR, SHIRT, TROUSERS, SHOES, SLEEVE, LEGS = range(7)


@dataclass(frozen=True, eq=False)
class Body:
    """One person's measures and looks.

    Attributes:
        height: Metres.
        lengths: Metres of spine, neck, head, upper arm, forearm, hand, thigh, shin, foot, and half
            the widths of shoulders and hips.
        parts: int (P, 2), the skeleton's points between which each part stretches.
        radii: float32 (P, 2), metres at the two ends.
        materials: int (P,), indices into colours and patterns.
        colours: float32 (7, 3), RGB in 0..255.
        patterns: float32 (7, 32, 32), factors of the colour along and across a part.
    """

    height: float
    lengths: dict[str, float]
    parts: np.ndarray
    radii: np.ndarray
    materials: np.ndarray
    colours: np.ndarray
    patterns: np.ndarray

    @property
    def leg(self) -> float:
        """Length of a leg in metres."""
        return self.lengths['thigh'] + self.lengths['shin']


def make_body(rng: np.random.Generator) -> Body:
    """Draw a person."""
    height = float(np.clip(rng.normal(1.71, 0.1), 1.45, 1.98))
    girth = float(np.clip(rng.normal(1.0, 0.12), 0.8, 1.35))
    share = {
        'spine': 0.29, 'neck': 0.07, 'head': 0.085, 'upper_arm': 0.172, 'forearm': 0.15,
        'hand': 0.06, 'thigh': 0.245, 'shin': 0.24, 'foot': 0.11, 'shoulder': 0.108, 'hip': 0.052,
    }  # fmt: skip
    lengths = {k: v * height * float(rng.normal(1, 0.03)) for k, v in share.items()}
    table = _part_table(rng, height, girth)
    colours = _colours(rng)
    return Body(
        height,
        lengths,
        np.array([[POINT[a], POINT[b]] for a, b, *_ in table]),
        np.array([[ra, rb] for _, _, ra, rb, _ in table], np.float32),
        np.array([material for *_, material in table]),
        colours,
        _patterns(rng, colours),
    )


def _part_table(
    rng: np.random.Generator, height: float, girth: float
) -> list[tuple[str, str, float, float, int]]:
    h, g = height / 1.72, girth * height / 1.72
    long_hair = rng.random() < 0.4
    belly = float(rng.uniform(0.105, 0.13))
    rows = [
        ('hip_l', 'hip_r', 0.105 * g, 0.105 * g, TROUSERS),
        ('chest_l', 'waist_l', 0.10 * g, 0.095 * g, SHIRT),
        ('chest_r', 'waist_r', 0.10 * g, 0.095 * g, SHIRT),
        ('chest', 'waist', 0.115 * g, belly * g, SHIRT),
        ('shoulder_l', 'shoulder_r', 0.066 * g, 0.066 * g, SHIRT),
        ('neck', 'head', 0.055 * h, 0.052 * h, SKIN),
        ('head', 'crown', 0.070 * h, 0.080 * h, SKIN),
        ('nape', 'hair', (0.075 if long_hair else 0.062) * h, 0.086 * h, HAIR),
        ('face', 'face', 0.018 * h, 0.018 * h, SKIN),
    ]
    for side in 'lr':
        rows += [
            (f'shoulder_{side}', f'elbow_{side}', 0.058 * g, 0.046 * g, SHIRT),
            (f'elbow_{side}', f'wrist_{side}', 0.043 * g, 0.032 * g, SLEEVE),
            (f'wrist_{side}', f'finger_{side}', 0.036 * h, 0.030 * h, SKIN),
            (f'hip_{side}', f'knee_{side}', 0.092 * g, 0.063 * g, TROUSERS),
            (f'knee_{side}', f'ankle_{side}', 0.062 * g, 0.045 * g, LEGS),
            (f'ankle_{side}', f'toe_{side}', 0.047 * h, 0.037 * h, SHOES),
        ]
    return rows


def _colours(rng: np.random.Generator) -> np.ndarray:
    skin = np.array([[236, 198, 172], [205, 160, 125], [150, 105, 75], [96, 64, 46]])
    hair = np.array([[35, 28, 25], [80, 55, 35], [150, 115, 70], [150, 150, 150]])
    shoes = np.array([[30, 30, 32], [90, 60, 40], [215, 215, 210]])
    shirt, trousers = _cloth(rng, 0.75), _cloth(rng, 0.35)
    tone = skin[rng.integers(4)] * rng.uniform(0.9, 1.05)
    sleeve = tone if rng.random() < 0.45 else shirt
    legs = tone if rng.random() < 0.15 else trousers
    rows = [tone, hair[rng.integers(4)], shirt, trousers, shoes[rng.integers(3)], sleeve, legs]
    return np.array(rows, np.float32)


def _patterns(rng: np.random.Generator, colours: np.ndarray) -> np.ndarray:
    """Draw patterns for shirt and trousers; sleeves and legs that are not bare share them."""
    patterns = cloth_patterns(rng, len(colours), PATTERN_SIZE)
    for bare in (SKIN, HAIR, SHOES):
        patterns[bare] = 1
    patterns[SLEEVE] = patterns[SHIRT] if (colours[SLEEVE] == colours[SHIRT]).all() else 1
    patterns[LEGS] = patterns[TROUSERS] if (colours[LEGS] == colours[TROUSERS]).all() else 1
    return patterns


def _cloth(rng: np.random.Generator, saturation: float) -> np.ndarray:
    """Draw a cloth's colour: dark, light or strong."""
    value = float(rng.choice([45, 90, 150, 225], p=[0.35, 0.25, 0.2, 0.2]))
    tint = rng.dirichlet([0.7, 0.7, 0.7])
    tint = tint / tint.max()
    return np.clip(value * (1 - saturation + saturation * tint) + 8, 0, 255)


def _turn(axis: int, angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    if axis == 0:
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == 1:
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def place_joints(
    body: Body, pose: np.ndarray, ground: tuple[float, float], heading: float
) -> np.ndarray:
    """Return the world points (29, 3) of a body whose feet are at a place on the ground.

    The body frame has x forward, y left, z up. The middle of the ankles stands over the place (in
    a stride: the pelvis), and the lowest part of the body touches the ground, plus the pose's lift.
    """
    size = body.lengths
    lean = np.array([pose[Angle.ROLL], pose[Angle.PITCH], 0.0])
    hips = cv2.Rodrigues(lean)[0]
    spine = _turn(1, pose[Angle.BEND]) @ _turn(0, pose[Angle.SIDE]) @ _turn(2, pose[Angle.TWIST])
    points = np.zeros((len(POINTS), 3))
    _place_trunk(points, size, pose, hips, hips @ spine)
    _place_arms(points, size, pose, hips @ spine)
    _place_legs(points, size, pose, hips)
    ankles = points[POINT['ankle_l'] : POINT['ankle_r'] + 1]
    points[:, :2] -= (1 - pose[Angle.STRIDE]) * ankles[:, :2].mean(0)
    lowest = (points[body.parts, 2] - body.radii).min()
    points[:, 2] += pose[Angle.LIFT] - lowest
    points = points @ _turn(2, heading).T
    points[:, :2] += ground
    return points


def _place_trunk(
    points: np.ndarray,
    size: dict[str, float],
    pose: np.ndarray,
    hips: np.ndarray,
    chest: np.ndarray,
) -> None:
    spine, half = size['spine'], size['shoulder']
    points[POINT['waist']] = hips @ [0.0, 0, 0.06]
    # The spine bends in its middle: the waist follows half of the way.
    middle = points[POINT['waist']] + (hips + chest) @ [0, 0, 0.16 * spine]
    trunk = np.array(
        [[0, 0, 0.46], [0, 0, 0.68], [0, 0.62, 0.46], [0, -0.62, 0.46], [0, 1, 0.6], [0, -1, 0.6]]
    ) * [0, half, spine]
    names = ('chest', 'neck', 'chest_l', 'chest_r', 'shoulder_l', 'shoulder_r')
    for name, place in zip(names, middle + trunk @ chest.T, strict=True):
        points[POINT[name]] = place
    points[POINT['waist_l']] = points[POINT['waist']] + hips @ [0, 0.55 * half, 0]
    points[POINT['waist_r']] = points[POINT['waist']] - hips @ [0, 0.55 * half, 0]
    head = chest @ _turn(2, pose[Angle.LOOK]) @ _turn(1, pose[Angle.NOD])
    skull = np.array(
        [[0.012, 0, 0.9], [0.018, 0, 1.75], [-0.035, 0, 1.0], [-0.012, 0, 1.95], [0.095, 0, 1.2]]
    ) * [1, 1, size['neck']]
    for name, place in zip(
        ('head', 'crown', 'nape', 'hair', 'face'),
        points[POINT['neck']] + skull @ head.T,
        strict=True,
    ):
        points[POINT[name]] = place


def _hang(flex: float, spread: float, side: int) -> tuple[float, float, float]:
    """Return the direction of a limb that is swung forwards and spread away from the body."""
    c = math.cos(spread)
    return math.sin(flex) * c, side * math.sin(spread), -math.cos(flex) * c


def _place_arms(
    points: np.ndarray, size: dict[str, float], pose: np.ndarray, chest: np.ndarray
) -> None:
    for index, side in enumerate((1, -1)):
        swing, spread, elbow, out = pose[8 + SIDE_OFFSET * index : 12 + SIDE_OFFSET * index]
        upper = chest @ _hang(swing, spread, side)
        fore = chest @ _hang(swing + elbow, spread + out, side)
        shoulder = points[POINT['shoulder_l'] + index]
        points[POINT['elbow_l'] + index] = shoulder + size['upper_arm'] * upper
        wrist = points[POINT['elbow_l'] + index] + size['forearm'] * fore
        points[POINT['wrist_l'] + index] = wrist
        points[POINT['finger_l'] + index] = wrist + size['hand'] * fore


def _place_legs(
    points: np.ndarray, size: dict[str, float], pose: np.ndarray, hips: np.ndarray
) -> None:
    for index, side in enumerate((1, -1)):
        swing, spread, knee, ankle = pose[12 + SIDE_OFFSET * index : 16 + SIDE_OFFSET * index]
        hip = hips @ [0, side * size['hip'], 0]
        thigh = hips @ _hang(swing, spread, side)
        shin = hips @ _hang(swing - knee, spread, side)
        tip = 0.8 * (swing - knee) + ankle
        points[POINT['hip_l'] + index] = hip
        points[POINT['knee_l'] + index] = hip + size['thigh'] * thigh
        heel = points[POINT['knee_l'] + index] + size['shin'] * shin
        points[POINT['ankle_l'] + index] = heel
        foot = hips @ [math.cos(tip), 0.15 * side, math.sin(tip)]
        points[POINT['toe_l'] + index] = heel + size['foot'] * foot

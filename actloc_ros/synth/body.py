"""Place the points of a body in the world: what a skeleton is, and its forward kinematics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np

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
    'eye_l', 'eye_r', 'hem', 'tail', 'bag_top', 'bag_bottom',
)  # fmt: skip
POINT = {name: index for index, name in enumerate(POINTS)}
# The keypoints of annotations, by the names of the field, and their points of the skeleton.
KEYPOINTS = {
    'head': POINT['head'],
    **{
        f'{side}_{joint}': POINT[f'{joint}_{side[0]}']
        for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
        for side in ('left', 'right')
    },
}


@dataclass(frozen=True, eq=False)
class Body:
    """One person's measures and appearance.

    Attributes:
        height: Metres.
        lengths: Metres of spine, neck, upper arm, forearm, hand, thigh, shin, foot, and half
            the widths of shoulders and hips.
        parts: int (P, 2), the skeleton's points between which each part stretches.
        radii: float32 (P, 2), metres at the two ends.
        materials: int (P,), indices into colours and patterns.
        colours: float32 (M, 3), RGB in 0..255.
        patterns: float32 (M, 32, 32), factors of the colour along and across a part.
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
    """Return the world points (35, 3) of a body whose feet are at a place on the ground.

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
    points[POINT['hem']] = 0.65 * points[[POINT['knee_l'], POINT['knee_r']]].mean(0)
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
        [[0, 0, 0.46], [0, 0, 0.68], [0, 0.62, 0.46], [0, -0.62, 0.46], [0, 1, 0.6], [0, -1, 0.6],
         [-0.14, 0, 0.5], [-0.16, 0, 0.05]]
    ) * [1, half, spine]  # fmt: skip
    names = (
        'chest', 'neck', 'chest_l', 'chest_r', 'shoulder_l', 'shoulder_r', 'bag_top', 'bag_bottom'
    )  # fmt: skip
    for name, place in zip(names, middle + trunk @ chest.T, strict=True):
        points[POINT[name]] = place
    points[POINT['waist_l']] = points[POINT['waist']] + hips @ [0, 0.55 * half, 0]
    points[POINT['waist_r']] = points[POINT['waist']] - hips @ [0, 0.55 * half, 0]
    head = chest @ _turn(2, pose[Angle.LOOK]) @ _turn(1, pose[Angle.NOD])
    skull = np.array(
        [[0.012, 0, 0.9], [0.018, 0, 1.75], [-0.04, 0, 1.0], [-0.022, 0, 1.95], [0.092, 0, 1.2],
         [0.082, 0.03, 1.6], [0.082, -0.03, 1.6], [-0.06, 0, 0.1]]
    ) * [1, 1, size['neck']]  # fmt: skip
    for name, place in zip(
        ('head', 'crown', 'nape', 'hair', 'face', 'eye_l', 'eye_r', 'tail'),
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

"""Turn poses into the 17 joints of COCO, and join a captured motion to a made one."""

from __future__ import annotations

import numpy as np

from actloc_ros.models.skeleton_n.features import HIPS, JOINTS, SHOULDERS, Joint
from actloc_ros.synth.body import POINT, Body, place_joints

EARS = [Joint.LEFT_EAR, Joint.RIGHT_EAR]
_LIMBS = [
    POINT[f'{part}_{side}'] for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    for side in 'lr'
]  # fmt: skip
# Where ears are from the middle of the eyes, metres: back, down, and to each side.
EAR_BACK, EAR_DOWN, EAR_SIDE = 0.08, 0.02, 0.074
# Each limb joint and the one that it hangs from.
_CHAIN = (
    (Joint.LEFT_ELBOW, Joint.LEFT_SHOULDER), (Joint.RIGHT_ELBOW, Joint.RIGHT_SHOULDER),
    (Joint.LEFT_WRIST, Joint.LEFT_ELBOW), (Joint.RIGHT_WRIST, Joint.RIGHT_ELBOW),
    (Joint.LEFT_KNEE, Joint.LEFT_HIP), (Joint.RIGHT_KNEE, Joint.RIGHT_HIP),
    (Joint.LEFT_ANKLE, Joint.LEFT_KNEE), (Joint.RIGHT_ANKLE, Joint.RIGHT_KNEE),
)  # fmt: skip
# Metres between a joint and the ground that it lies on.
CLEARANCE = np.full(JOINTS, 0.07)
CLEARANCE[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, *HIPS]] = 0.1
CLEARANCE[[Joint.LEFT_WRIST, Joint.RIGHT_WRIST]] = 0.04


def coco_joints(points: np.ndarray) -> np.ndarray:
    """Return the joints (..., 17, 3) of the world points (..., 35, 3) of a synthetic body."""
    eyes = points[..., [POINT['eye_l'], POINT['eye_r']], :]
    middle = eyes.mean(-2)
    left = _unit(eyes[..., 0, :] - eyes[..., 1, :])
    up = _unit(points[..., POINT['crown'], :] - points[..., POINT['head'], :])
    back = middle - EAR_BACK * np.cross(left, up) - EAR_DOWN * up
    head = [points[..., POINT['face'], :], eyes[..., 0, :], eyes[..., 1, :]]
    head += [back + EAR_SIDE * left, back - EAR_SIDE * left]
    return np.concatenate([np.stack(head, axis=-2), points[..., _LIMBS, :]], axis=-2)


def pose_joints(
    body: Body, poses: np.ndarray, places: np.ndarray, headings: np.ndarray
) -> np.ndarray:
    """Return joints float32 (T, 17, 3), metres.

    Args:
        body: Whose.
        poses: (T, 25), as `synth.body.Angle` says.
        places: (T, 2), metres, where the feet are on the ground.
        headings: (T,), radians.
    """
    points = [
        place_joints(body, pose, (place[0], place[1]), float(heading))
        for pose, place, heading in zip(poses, places, headings, strict=True)
    ]
    return coco_joints(np.array(points)).astype(np.float32)


def heading_of(joints: np.ndarray) -> float:
    """Return where a body (17, 3) faces, radians: square to its hips and shoulders."""
    left, right = (
        joints[[side, hip]].mean(axis=0) for side, hip in zip(SHOULDERS, HIPS, strict=True)
    )
    across = left - right
    return float(np.arctan2(-across[0], across[1]))


def turned(joints: np.ndarray, angle: float) -> np.ndarray:
    """Return joints (..., 3) turned about the vertical by radians."""
    c, s = np.cos(angle), np.sin(angle)
    return joints @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)


def join_motions(captured: np.ndarray, made: np.ndarray, overlap: int) -> np.ndarray:
    """Return a motion that begins as captured and goes on as made, in the captured body.

    Args:
        captured: (T1, 17, 3), metres, at the same rate as `made`.
        made: (T2, 17, 3); its first frames are blended with the captured ones' last pose.
        overlap: Frames in which one passes into the other, at most T2.

    Returns:
        float32 (T1 + T2, 17, 3). The made part keeps its moves over the ground.
    """
    last = captured[-1]
    aligned = turned(made, heading_of(last) - heading_of(made[0]))
    aligned[..., :2] += _middle(last)[:2] - _middle(aligned[0])[:2]
    share = np.clip(np.arange(1, len(made) + 1) / overlap, 0, 1)[:, None, None]
    share = share * share * (3 - 2 * share)
    fitted = _with_lengths(aligned * share + last * (1 - share), last)
    drift = _middle(captured[-1]) - _middle(captured[max(0, len(captured) - 4)])
    speed = drift[:2] / min(3, len(captured) - 1) if len(captured) > 1 else np.zeros(2)
    # Who walked goes on for a moment.
    fitted[..., :2] += (np.cumsum(0.9 ** np.arange(len(made)))[:, None] * speed)[:, None]
    # Floors are where they were: the made body is as high above them as its own lowest point.
    height = (aligned[..., 2] - CLEARANCE).min(axis=1)
    start = (last[:, 2] - CLEARANCE).min()
    wanted = height * share[:, 0, 0] + start * (1 - share[:, 0, 0])
    fitted[..., 2] += (wanted - (fitted[..., 2] - CLEARANCE).min(axis=1))[:, None]
    return np.concatenate([captured, fitted]).astype(np.float32)


def _with_lengths(joints: np.ndarray, example: np.ndarray) -> np.ndarray:
    """Return joints (T, 17, 3) with the bones as long as those of a body (17, 3)."""
    fitted = joints.copy()
    hips, neck = _middle(joints), joints[:, SHOULDERS].mean(axis=1)
    for pair, middle in ((HIPS, hips), (SHOULDERS, neck)):
        half = np.linalg.norm(example[pair[0]] - example[pair[1]]) / 2
        across = half * _unit(joints[:, pair[0]] - joints[:, pair[1]])
        fitted[:, pair[0]], fitted[:, pair[1]] = middle + across, middle - across
    trunk = np.linalg.norm(example[SHOULDERS].mean(axis=0) - _middle(example))
    shift = hips + trunk * _unit(neck - hips) - neck
    fitted[:, : Joint.LEFT_ELBOW] += shift[:, None]
    for joint, parent in _CHAIN:
        length = np.linalg.norm(example[joint] - example[parent])
        fitted[:, joint] = fitted[:, parent] + length * _unit(joints[:, joint] - joints[:, parent])
    return fitted


def _middle(joints: np.ndarray) -> np.ndarray:
    """Return the middle of the hips (..., 3)."""
    return joints[..., HIPS, :].mean(axis=-2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)

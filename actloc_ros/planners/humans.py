"""Say what ROS4HRI says of bodies, by REP-155 and `hri_msgs`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

SKELETON = (
    'nose',
    'neck',
    'right_shoulder',
    'right_elbow',
    'right_wrist',
    'left_shoulder',
    'left_elbow',
    'left_wrist',
    'right_hip',
    'right_knee',
    'right_ankle',
    'left_hip',
    'left_knee',
    'left_ankle',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
)
"""The 18 joints of `hri_msgs/Skeleton2D` in its order: the left eye comes before the right one."""

UP = np.array([0.0, 0.0, 1.0])
OTHER = 0
POSTURES = {
    'standing': 1,
    'walking': 1,
    'running': 1,
    'sitting': 2,
    'crouching': 3,
    'lying': 4,
}
"""`posture` of `hri_msgs/BodyPosture` by label: lying is LAYING there, falling has none."""

GESTURES = {'waving': 6}
"""`gesture` of `hri_msgs/Gesture` by label."""


def posture(labels: Collection[str]) -> int:
    """Return the posture of who does `labels`; OTHER if none of them says."""
    return max((POSTURES.get(label, OTHER) for label in labels), default=OTHER)


def gesture(labels: Collection[str]) -> int:
    """Return the gesture of who does `labels`; OTHER if there is none."""
    return max((GESTURES.get(label, OTHER) for label in labels), default=OTHER)


def body_id(name: str) -> str:
    """Return a body's id, which must begin with a letter, from a person's name."""
    return f'b{name}'


def skeleton(
    names: Sequence[str],
    x: Sequence[float],
    y: Sequence[float],
    score: Sequence[float],
    size: tuple[int, int],
) -> np.ndarray:
    """Return x, y in [0, 1] of the image and confidence, float64 (18, 3), in SKELETON's order.

    Joints are found by their names. What is not known or outside the image is all 0. The neck is
    between the shoulders.

    Args:
        names: Of the joints.
        x: In pixels, to the right.
        y: In pixels, down.
        score: Confidence in [0, 1].
        size: The image's width and height in pixels.
    """
    known = {
        name: np.array([px / size[0], py / size[1], c])
        for name, px, py, c in zip(names, x, y, score, strict=True)
    }
    if 'left_shoulder' in known and 'right_shoulder' in known:
        left, right = known['left_shoulder'], known['right_shoulder']
        known['neck'] = np.array([*(left[:2] + right[:2]) / 2, min(left[2], right[2])])
    points = np.array([known.get(name, np.zeros(3)) for name in SKELETON])
    inside = ((points[:, :2] >= 0) & (points[:, :2] <= 1)).all(axis=1) & (points[:, 2] > 0)
    return np.where(inside[:, None], points, 0.0)


def body_axes(joints: Mapping[str, np.ndarray], facing: np.ndarray) -> np.ndarray:
    """Return a body's axes as the columns of float64 (3, 3): x out of the chest, z to the head.

    Args:
        joints: In space (3,) by name, in a frame with z up.
        facing: Where who shows too few joints to have a back is taken to look: (3,), not up.
    """
    needed = ('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')
    if all(name in joints for name in needed):
        left_hip, right_hip, left_shoulder, right_shoulder = (joints[name] for name in needed)
        head = (left_shoulder + right_shoulder - left_hip - right_hip) / 2
        left = left_hip - right_hip + left_shoulder - right_shoulder
        axes = _axes(np.cross(left, head), head)
        if axes is not None:
            return axes
    axes = _axes(facing, UP)
    return np.eye(3) if axes is None else axes


def body_origin(joints: Mapping[str, np.ndarray], position: np.ndarray) -> np.ndarray:
    """Return the middle of the hips (3,), or `position` where they are not known."""
    if 'left_hip' in joints and 'right_hip' in joints:
        return (joints['left_hip'] + joints['right_hip']) / 2
    return position


def quaternion(axes: np.ndarray) -> tuple[float, float, float, float]:
    """Return x, y, z, w of a rotation (3, 3)."""
    x, y, z, w = Rotation.from_matrix(axes).as_quat()
    return float(x), float(y), float(z), float(w)


def _axes(forward: np.ndarray, head: np.ndarray) -> np.ndarray | None:
    """Return right-handed axes with z along `head` and x near `forward`; None if they vanish."""
    length = np.linalg.norm(head)
    if not length > 0:
        return None
    z = head / length
    x = forward - z * float(forward @ z)
    width = np.linalg.norm(x)
    if not width > 1e-6:
        return None
    x = x / width
    return np.stack([x, np.cross(z, x), z], axis=1)

"""Name the joints of a body, and say which of them a limb connects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

COCO_JOINTS = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)
"""The 17 joints of COCO in its order; left and right are the person's own."""

NTU_JOINTS = (
    *('spine_base', 'spine_middle', 'neck', 'head'),
    *('left_shoulder', 'left_elbow', 'left_wrist', 'left_hand'),
    *('right_shoulder', 'right_elbow', 'right_wrist', 'right_hand'),
    *('left_hip', 'left_knee', 'left_ankle', 'left_foot'),
    *('right_hip', 'right_knee', 'right_ankle', 'right_foot'),
    *('spine_shoulder', 'left_hand_tip', 'left_thumb', 'right_hand_tip', 'right_thumb'),
)
"""The 25 joints of Kinect v2, as NTU RGB+D counts them (arXiv 1604.02808)."""

RELIABLE_SCORE = 0.3
"""Confidence from which a joint is drawn and searched in the depth image."""

LIMBS = (
    ('left_ankle', 'left_knee'),
    ('left_knee', 'left_hip'),
    ('right_ankle', 'right_knee'),
    ('right_knee', 'right_hip'),
    ('left_hip', 'right_hip'),
    ('left_shoulder', 'left_hip'),
    ('right_shoulder', 'right_hip'),
    ('left_shoulder', 'right_shoulder'),
    ('left_shoulder', 'left_elbow'),
    ('right_shoulder', 'right_elbow'),
    ('left_elbow', 'left_wrist'),
    ('right_elbow', 'right_wrist'),
    ('left_eye', 'right_eye'),
    ('nose', 'left_eye'),
    ('nose', 'right_eye'),
    ('left_eye', 'left_ear'),
    ('right_eye', 'right_ear'),
    ('left_ear', 'left_shoulder'),
    ('right_ear', 'right_shoulder'),
)
"""The joints that COCO connects."""


def in_coco_order(names: Sequence[str], joints: np.ndarray) -> np.ndarray:
    """Return joints (..., K, 3), x, y and confidence, as (..., 17, 3) in COCO's order.

    Those that COCO does not name are left out; those that are not there are all 0, as are those of
    which nothing is known: with confidence 0.

    Args:
        names: Of the K joints.
        joints: Numbers.
    """
    found = np.zeros((*joints.shape[:-2], len(COCO_JOINTS), 3))
    for column, name in enumerate(names):
        if name in COCO_JOINTS:
            found[..., COCO_JOINTS.index(name), :] = joints[..., column, :]
    found[found[..., 2] == 0] = 0.0
    return found


def in_ntu_order(names: Sequence[str], places: np.ndarray) -> np.ndarray:
    """Return places (..., K, 3) of joints as (..., 25, 3) in the order of NTU RGB+D.

    Args:
        names: Of the K joints; all 25 are among them.
        places: Numbers.
    """
    return places[..., [names.index(name) for name in NTU_JOINTS], :]


def limb_indices(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the two joints of each limb, by index in `names`, where both are named."""
    index = {name: i for i, name in enumerate(names)}
    return [(index[a], index[b]) for a, b in LIMBS if a in index and b in index]

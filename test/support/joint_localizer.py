"""A localizer of a third party that reports joints, for tests."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from colour_localizer import ColourLocalizer

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections

JOINTS = ('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'nose', 'left_wrist')
PLACES = ((0.8, 0.3), (0.2, 0.3), (0.7, 0.7), (0.3, 0.7), (0.5, 0.1), (1.7, -0.9))
"""Where each joint is, in shares of the box's width and height: the wrist leaves the box."""
SCORES = (0.9, 0.8, 0.75, 0.7, 0.1, 0.6)


class JointLocalizer(ColourLocalizer):
    """Finds one rectangle a frame, with joints at fixed places of its box."""

    name = 'joints'
    joint_names = JOINTS

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the rectangle in each frame, and its joints."""
        found = super().step(frames)
        return [replace(each, joints=joints_of(each.boxes)) for each in found]


def joints_of(boxes: np.ndarray) -> np.ndarray:
    """Return the joints of actors in boxes (N, 4), in float32 (N, K, 3)."""
    corner, size = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    places = corner + size * np.array(PLACES, np.float32)
    scores = np.broadcast_to(np.array(SCORES, np.float32)[:, None], (len(boxes), len(JOINTS), 1))
    return np.concatenate([places, scores], axis=2).astype(np.float32)

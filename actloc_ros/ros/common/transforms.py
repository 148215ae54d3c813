"""Move poses into another coordinate frame by tf2, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rclpy.node import Node
from rclpy.time import Time

from actloc_ros.projection import ActorPose


class PoseTransformer:
    """Moves poses from their own frame into the target frame, as it was at their stamp."""

    def __init__(self, node: Node, warn: Callable[[str, str], None]) -> None:
        """Listen to tf.

        Args:
            node: Whose executor takes the transforms.
            warn: Takes a kind and a text of what is wrong.

        Raises:
            ValueError: tf2_ros is not installed.
        """
        try:
            import tf2_ros
        except ImportError:
            raise ValueError(
                'target_frame needs tf2_ros, which is not installed; leave it empty to get poses'
                " in the camera's frame"
            ) from None
        self._error = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._warn = warn

    def move(self, poses: dict[int, ActorPose], target: str, stamp: int) -> dict[int, ActorPose]:
        """Return `poses` in `target` as it was at `stamp` (ns); none where tf does not know."""
        moved = {}
        for track_id, pose in poses.items():
            try:
                found = self._buffer.lookup_transform(
                    target, pose.frame_id, Time(nanoseconds=stamp)
                )
            except self._error as error:
                self._warn('transform', f'no transform to {target}: {error}')
                return {}
            shift, turn = found.transform.translation, found.transform.rotation
            offset = np.array([shift.x, shift.y, shift.z])
            rotation = rotation_matrix(turn.x, turn.y, turn.z, turn.w)
            moved[track_id] = replace(
                pose,
                frame_id=target,
                position=rotation @ pose.position + offset,
                covariance=rotation @ pose.covariance @ rotation.T,
                joints=None if pose.joints is None else pose.joints @ rotation.T + offset,
            )
        return moved


def rotation_matrix(x: float, y: float, z: float, w: float) -> np.ndarray:
    """Return the rotation, float64 (3, 3), of a unit quaternion."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )

"""Move poses into another coordinate frame by tf2, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.time import Time

from actloc_ros.projection import ActorPose


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """What moves points from one frame into another.

    Attributes:
        rotation: float64 (3, 3).
        offset: float64 (3,) in m.
    """

    rotation: np.ndarray
    offset: np.ndarray

    def points(self, points: np.ndarray) -> np.ndarray:
        """Return points (…, 3) in the target frame."""
        return points @ self.rotation.T + self.offset

    def vector(self, vector: np.ndarray) -> np.ndarray:
        """Return a direction (3,) in the target frame."""
        return self.rotation @ vector


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
        except ImportError as error:
            raise ValueError(
                f'target_frame needs tf2_ros, which cannot be imported ({error}): install it, or'
                " leave target_frame empty to get poses in the camera's frame"
            ) from None
        self._error = tf2_ros.TransformException
        # Without the node: what the buffer does itself where simulated time jumps back raises.
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._warn = warn

    def settled(self, target: str, source: str, stamp: int) -> bool:
        """Return whether transforms that are still to come do not matter.

        They do where tf knows the frames, but no transform as new as `stamp` (ns).
        """
        try:
            if self._buffer.can_transform(target, source, _time(stamp)):
                return True
            if not self._buffer.can_transform(target, source, Time()):
                return True
            newest = self._buffer.get_latest_common_time(target, source)
        except (self._error, ValueError, OverflowError):
            return True
        return newest.nanoseconds >= stamp

    def move(self, poses: dict[int, ActorPose], target: str, stamp: int) -> dict[int, ActorPose]:
        """Return `poses` in `target` as it was at `stamp` (ns).

        Where tf does not know that, they stay in their own frame and are marked as untransformed.
        """
        try:
            return {i: self._moved(pose, target, stamp) for i, pose in poses.items()}
        except (self._error, ValueError, OverflowError) as error:
            self._warn('transform', f"poses stay in the camera's frame, not in {target}: {error}")
            return {i: replace(pose, untransformed=True) for i, pose in poses.items()}

    def clear(self) -> None:
        """Forget all transforms, since time has jumped back."""
        self._buffer.clear()

    def lookup(self, target: str, source: str, stamp: int | None, lag: int = 0) -> RigidTransform:
        """Return what moves points from `source` into `target` at `stamp` (ns); None: the newest.

        Where no transform is as new as that yet, the newest counts, if it is at most `lag` (ns)
        older.

        Raises:
            LookupError: tf does not know it, or it is not finite.
        """
        try:
            if stamp is None or self._is_ahead(target, source, stamp, lag):
                return self._lookup(target, source, Time())
            return self._lookup(target, source, _time(stamp))
        except (self._error, ValueError, OverflowError) as error:
            raise LookupError(str(error)) from None

    def _is_ahead(self, target: str, source: str, stamp: int, lag: int) -> bool:
        """Return whether a stamp is newer than all transforms, by `lag` at most."""
        if not lag or self._buffer.can_transform(target, source, _time(stamp)):
            return False
        newest = self._buffer.get_latest_common_time(target, source).nanoseconds
        return bool(0 < stamp - newest <= lag)

    def _lookup(self, target: str, source: str, time: Time) -> RigidTransform:
        found = self._buffer.lookup_transform(target, source, time).transform
        turn, offset = found.rotation, _vector(found.translation)
        rotation = rotation_matrix(turn.x, turn.y, turn.z, turn.w)
        if not (np.isfinite(rotation).all() and np.isfinite(offset).all()):
            raise ValueError(f'the transform from {source} is not finite')
        return RigidTransform(rotation, offset)

    def _moved(self, pose: ActorPose, target: str, stamp: int) -> ActorPose:
        found = self._lookup(target, pose.frame_id, _time(stamp))
        rotation = found.rotation
        return replace(
            pose,
            frame_id=target,
            position=found.points(pose.position),
            covariance=rotation @ pose.covariance @ rotation.T,
            joints=None if pose.joints is None else found.points(pose.joints),
        )


def rotation_matrix(x: float, y: float, z: float, w: float) -> np.ndarray:
    """Return the rotation, float64 (3, 3), of a unit quaternion."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _time(stamp: int) -> Time:
    """Return a `Time`; rclpy raises ValueError or OverflowError where it cannot hold the stamp."""
    return Time(nanoseconds=stamp)


def _vector(vector: Any) -> np.ndarray:
    return np.array([vector.x, vector.y, vector.z])

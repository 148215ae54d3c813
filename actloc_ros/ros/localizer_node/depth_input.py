"""Locate actors in space, by the depth image that fits the key frame's stamp."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from actloc_ros.frames import nanoseconds
from actloc_ros.io.conversions import FrameError, depth_to_metres
from actloc_ros.messages import stamp_of
from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose, Intrinsics, VelocityEstimator, locate
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.camera_input import camera_topic

KEPT = 30  # depth images: a second, by which the localizer may lag behind
PATIENCE = 0.5  # s that a replay waits for a depth image that comes after its image
POLL_PERIOD = 0.01  # s between two searches for it


class DepthInput:
    """The depth images and the calibration of one camera."""

    def __init__(
        self, node: Node, camera: str, lossless: bool, warn: Callable[[str, str], None]
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            camera: The camera's name.
            lossless: Keep every depth image until its image is processed, and wait for it.
            warn: Takes a kind and a text of what is wrong.
        """
        self._camera = camera
        self._warn = warn
        self._lossless, self._open = lossless, False
        self._lock = threading.Lock()
        self._images: deque[tuple[int, Image]] = deque(maxlen=None if lossless else KEPT)
        self._intrinsics: Intrinsics | None = None
        self._velocities = VelocityEstimator()
        MatchedSubscription(node, Image, camera_topic(camera, 'depth'), self._keep, lossless)
        MatchedSubscription(node, CameraInfo, camera_topic(camera, 'camera_info'), self._calibrate)

    def open(self) -> None:
        """Keep what comes from now on."""
        self._open = True

    def close(self) -> None:
        """Discard what comes and what was kept."""
        with self._lock:
            self._open = False
            self._images.clear()
        self._velocities = VelocityEstimator()

    def poses(self, step: FrameResult, tolerance: float) -> dict[int, ActorPose]:
        """Return the poses of the actors detected in `step`, by track id, in the optical frame.

        Args:
            step: What the pipeline found.
            tolerance: Longest time in s between the stamps of the image and its depth.
        """
        depth = None if step.restart else self._nearest(step.stamp, nanoseconds(tolerance))
        if depth is None or self._intrinsics is None:
            return {}
        poses, size = {}, (step.width, step.height)
        joints = {each.track_id: each.joints for each in step.actions if each.joints is not None}
        for action in step.actions:
            if action.detected and action.track_id not in poses:
                actor = action.track_id
                pose = locate(
                    action.box, size, depth, self._intrinsics, step.frame_id, joints.get(actor)
                )
                if pose is not None:
                    poses[action.track_id] = pose
        return poses

    def with_velocities(
        self, step: FrameResult, poses: dict[int, ActorPose]
    ) -> dict[int, ActorPose]:
        """Return `poses`, in whichever frame, with velocities in that frame where known."""
        return {
            track_id: replace(
                pose, velocity=self._velocities.update(step.stamp, track_id, pose.position)
            )
            for track_id, pose in poses.items()
        }

    def _nearest(self, stamp: int, tolerance: int) -> np.ndarray | None:
        """Return the depth image nearest to `stamp` in m, or None without a usable one."""
        message = self._find(stamp, tolerance)
        deadline = time.monotonic() + PATIENCE
        while message is None and self._may_come(stamp) and time.monotonic() < deadline:
            time.sleep(POLL_PERIOD)
            message = self._find(stamp, tolerance)
        if message is None:
            self._warn('depth', f'no depth image of camera "{self._camera}" fits its image')
            return None
        if self._intrinsics is None:
            self._warn('calibration', f'no camera_info came for camera "{self._camera}"')
            return None
        try:
            return depth_to_metres(message)
        except FrameError as error:
            self._warn(error.kind, f'depth image of camera "{self._camera}": {error}')
            return None

    def _find(self, stamp: int, tolerance: int) -> Image | None:
        """Return the newest of the nearest depth images; forget those that came before it."""
        with self._lock:
            errors = [abs(found - stamp) for found, _ in self._images]
            best = min(reversed(range(len(errors))), key=errors.__getitem__, default=None)
            if best is None or errors[best] > tolerance:
                return None
            for _ in range(best):
                self._images.popleft()
            return self._images[0][1]

    def _may_come(self, stamp: int) -> bool:
        """Say whether a replay's depth image of `stamp` may still be on its way."""
        with self._lock:
            return self._lossless and all(found < stamp for found, _ in self._images)

    def _keep(self, message: Image) -> None:
        with self._lock:
            if self._open:
                self._images.append((stamp_of(message.header.stamp), message))

    def _calibrate(self, message: Any) -> None:
        fx, _, cx, _, fy, cy = (float(value) for value in message.k[:6])
        try:
            self._intrinsics = Intrinsics(fx, fy, cx, cy, message.width, message.height)
        except ValueError as error:
            self._warn('calibration', f'camera_info of camera "{self._camera}": {error}')

"""Tell where actors are in space, from the depth image that fits the key frame's stamp."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from actloc_ros.conversions import FrameError, depth_to_metres
from actloc_ros.frames import nanoseconds
from actloc_ros.messages import Place, stamp_of
from actloc_ros.pipeline import Step
from actloc_ros.projection import Intrinsics, VelocityEstimator, locate
from actloc_ros.ros.inputs import camera_topic
from actloc_ros.ros.matching import MatchedSubscription

KEPT = 30  # depth images: a second, by which the localizer may lag behind


class DepthInput:
    """The depth images and the calibration of one camera."""

    def __init__(self, node: Node, camera: str, warn: Callable[[str, str], None]) -> None:
        """Subscribe; `warn` takes a kind and a text of what is wrong."""
        self._camera = camera
        self._warn = warn
        self._open = False
        self._images: deque[tuple[int, Image]] = deque(maxlen=KEPT)
        self._intrinsics: Intrinsics | None = None
        self._velocities = VelocityEstimator()
        MatchedSubscription(node, Image, camera_topic(camera, 'depth'), self._keep)
        MatchedSubscription(node, CameraInfo, camera_topic(camera, 'camera_info'), self._calibrate)

    def open(self) -> None:
        """Keep what comes from now on."""
        self._open = True

    def close(self) -> None:
        """Let go what comes and what was kept."""
        self._open = False
        self._images.clear()
        self._velocities = VelocityEstimator()

    def places(self, step: Step, tolerance: float) -> dict[int, Place]:
        """Return the places of the actors seen in `step`, by track id, in the optical frame.

        Args:
            step: What the pipeline found.
            tolerance: Longest time in s between the stamps of the image and its depth.
        """
        depth = None if step.restart else self._nearest(step.stamp, nanoseconds(tolerance))
        if depth is None or self._intrinsics is None:
            return {}
        places = {}
        for action in step.actions:
            if action.seen and action.track_id not in places:
                found = locate(action.box, (step.width, step.height), depth, self._intrinsics)
                if found is not None:
                    places[action.track_id] = Place(
                        step.frame_id, found.position, found.covariance, found.size
                    )
        return places

    def with_velocities(self, step: Step, places: dict[int, Place]) -> dict[int, Place]:
        """Return `places`, in whichever frame, with velocities in that frame where known."""
        return {
            track_id: replace(
                place, velocity=self._velocities.update(step.stamp, track_id, place.position)
            )
            for track_id, place in places.items()
        }

    def _nearest(self, stamp: int, tolerance: int) -> np.ndarray | None:
        """Return the depth image nearest to `stamp` in m, or None without a usable one."""
        if self._intrinsics is None:
            self._warn('calibration', f'no camera_info came for camera "{self._camera}"')
            return None
        images = list(self._images)
        if not images:
            self._warn('depth', f'no depth image came for camera "{self._camera}"')
            return None
        found, message = min(images, key=lambda image: abs(image[0] - stamp))
        if abs(found - stamp) > tolerance:
            return None
        try:
            return depth_to_metres(message)
        except FrameError as error:
            self._warn(error.kind, f'depth image of camera "{self._camera}": {error}')
            return None

    def _keep(self, message: Image) -> None:
        if self._open:
            self._images.append((stamp_of(message.header.stamp), message))

    def _calibrate(self, message: Any) -> None:
        fx, _, cx, _, fy, cy = (float(value) for value in message.k[:6])
        try:
            self._intrinsics = Intrinsics(fx, fy, cx, cy, message.width, message.height)
        except ValueError as error:
            self._warn('calibration', f'camera_info of camera "{self._camera}": {error}')

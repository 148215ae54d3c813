"""Take boxes of vehicles from topics, and give them to the key frames that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from rclpy.node import Node

from actloc_ros.io.box_files import detection_row
from actloc_ros.messages import stamp_of
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.monitor_node.topics import topics_by_camera
from actloc_ros.rules.boxes import LatestBoxes, kind_boxes
from actloc_ros.rules.scene import Actor

KIND = 'car'  # of boxes without a class
QUEUE = 30  # messages that may wait


class BoxesTopics:
    """Topics of `vision_msgs/Detection2DArray`, one a camera."""

    def __init__(self, node: Node, topics: Sequence[str]) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            topics: Each TOPIC, for the camera without a name, or CAMERA=TOPIC.

        Raises:
            ValueError: vision_msgs is not installed, or a camera has two topics.
        """
        self._latest: dict[str, LatestBoxes] = {}
        for camera, topic in topics_by_camera('boxes', topics).items():
            self._latest[camera] = LatestBoxes()
            take = partial(self._take, self._latest[camera])
            MatchedSubscription(node, _message_type(), topic, take, depth=QUEUE)

    def actors(self, camera: str, stamp: int) -> list[Actor]:
        """Return the newest actors of a camera, for a key frame at `stamp` (ns)."""
        latest = self._latest.get(camera)
        return [] if latest is None else latest.actors(stamp)

    def _take(self, latest: LatestBoxes, message: Any) -> None:
        rows = [detection_row(detection, KIND) for detection in message.detections]
        latest.put(stamp_of(message.header.stamp), kind_boxes(rows))


def _message_type() -> Any:
    try:
        return ros_type('vision_msgs/msg/Detection2DArray')
    except ImportError as error:
        raise ValueError(
            f'boxes needs vision_msgs, which cannot be imported ({error}): install it, e.g. '
            'apt install ros-$ROS_DISTRO-vision-msgs'
        ) from error

"""Take the images of cameras from topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.ros.common.subscription import MatchedSubscription

COMPRESSED = '/compressed'  # the end of topics of `CompressedImage`


class ImageTopics:
    """Topics of `sensor_msgs/Image` or `CompressedImage`, one a camera.

    Attributes:
        received: Images by topic.
    """

    def __init__(
        self, node: Node, topics: Mapping[str, str], take: Callable[[str, Any], None]
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            topics: Of each camera; one that ends in `/compressed` has `CompressedImage`.
            take: Takes the camera's name and each message, and returns at once.
        """
        self.received = dict.fromkeys(topics.values(), 0)
        self._use = take
        for camera, topic in topics.items():
            kind = CompressedImage if topic.endswith(COMPRESSED) else Image
            MatchedSubscription(node, kind, topic, partial(self._take, camera, topic))

    def _take(self, camera: str, topic: str, message: Any) -> None:
        self.received[topic] += 1
        self._use(camera, message)

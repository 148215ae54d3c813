"""Take the images of cameras from topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.ros.common.subscription import MatchedSubscription

COMPRESSED = '/compressed'  # the end of topics of `CompressedImage`
# Images that may wait while the node is busy: what overflows is lost where nobody counts it.
RAW_DEPTH, COMPRESSED_DEPTH = 10, 50


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
            compressed = topic.endswith(COMPRESSED)
            MatchedSubscription(
                node,
                CompressedImage if compressed else Image,
                topic,
                partial(self._take, camera, topic),
                depth=COMPRESSED_DEPTH if compressed else RAW_DEPTH,
            )

    def _take(self, camera: str, topic: str, message: Any) -> None:
        self.received[topic] += 1
        self._use(camera, message)

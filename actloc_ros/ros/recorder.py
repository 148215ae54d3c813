"""Record a running node's detections, events and labels into a bag, each at its header's stamp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from actloc_ros.io.bags import (
    DETECTIONS_TOPIC,
    EVENTS_TOPIC,
    LABEL_INFO_TOPIC,
    DetectionWriter,
)
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo


class Recorder:
    """Writes what a localizer node publishes, as it comes from ROS.

    Attributes:
        messages: How many `ActionDetectionArray`s came.
        detections: How many detections they held.
    """

    def __init__(
        self,
        node: Node,
        writer: DetectionWriter,
        localizer: str,
        on_event: Callable[[Any], None] | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: The node to subscribe with.
            writer: The open bag.
            localizer: Full name of the node that localizes, e.g. `/action_localizer`.
            on_event: Takes each `ActionDetection` that starts or ends.
        """
        self.messages = self.detections = 0
        self._writer = writer
        self._on_event = on_event
        lossless = QoSProfile(
            history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE
        )
        for kind, topic, callback in (
            (ActionDetectionArray, 'detections', self._take_detections),
            (ActionDetection, 'events', self._take_event),
        ):
            node.create_subscription(kind, f'{localizer}/{topic}', callback, lossless, raw=True)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        topic = f'{localizer}/label_info'
        node.create_subscription(LabelInfo, topic, self._take_labels, latched, raw=True)

    def _take_labels(self, data: bytes) -> None:
        self._writer.write_serialized(LABEL_INFO_TOPIC, data)

    def _take_detections(self, data: bytes) -> None:
        self._writer.write_serialized(DETECTIONS_TOPIC, data)
        self.messages += 1
        self.detections += len(deserialize_message(data, ActionDetectionArray).detections)

    def _take_event(self, data: bytes) -> None:
        self._writer.write_serialized(EVENTS_TOPIC, data)
        if self._on_event:
            self._on_event(deserialize_message(data, ActionDetection))

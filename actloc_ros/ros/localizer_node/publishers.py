"""Publish what the pipeline says: detections, events, markers and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from visualization_msgs.msg import MarkerArray

from actloc_ros.instances import InstanceState
from actloc_ros.messages import Place, header_message, label_info_message, step_to_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.localizer_node.markers import marker_array

DEPTH = 10
EDGES = (InstanceState.STARTED, InstanceState.ENDED)


class RosSink:
    """The node's publishers."""

    def __init__(self, node: LifecycleNode, keep_all: bool) -> None:
        """Advertise; with `keep_all` no subscriber misses a message, however fast they come."""

        def reliable(history: HistoryPolicy = HistoryPolicy.KEEP_LAST) -> QoSProfile:
            return QoSProfile(depth=DEPTH, history=history, reliability=ReliabilityPolicy.RELIABLE)

        def advertise(message_type: Any, topic: str, qos: QoSProfile) -> Any:
            return node.create_lifecycle_publisher(
                message_type,
                topic,
                qos,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

        results = HistoryPolicy.KEEP_ALL if keep_all else HistoryPolicy.KEEP_LAST
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._detections = advertise(ActionDetectionArray, '~/detections', reliable(results))
        self._events = advertise(ActionDetection, '~/events', reliable(results))
        self._markers = advertise(MarkerArray, '~/markers', reliable())
        self._labels = advertise(LabelInfo, '~/label_info', latched)

    def publish_labels(
        self, stamp: int, model: str, labels: Sequence[str], threshold: float
    ) -> None:
        """Latch the labels of a localizer that was activated at `stamp` (ns)."""
        message = label_info_message(
            ros_type, stamp=stamp, model=model, labels=labels, threshold=threshold
        )
        self._labels.publish(message)

    def publish(self, step: FrameResult, **facts: Any) -> None:
        """Publish a step, and events where instances start and end.

        Args:
            step: What the pipeline said.
            facts: What else `step_to_message` takes.
        """
        message = step_to_message(step, ros_type, **facts)
        self._detections.publish(message)
        for detection in message.detections:
            if detection.state in EDGES:
                self._events.publish(detection)

    def publish_markers(
        self, step: FrameResult, labels: Sequence[str], places: Mapping[int, Place]
    ) -> None:
        """Publish markers of actors at `places` in the step's optical frame."""
        header = header_message(ros_type, step.stamp, step.frame_id)
        self._markers.publish(marker_array(header, step, labels, places))

    def flush(self, timeout: float) -> bool:
        """Wait until subscribers have all messages; say whether they have."""
        deadline = Duration(seconds=timeout)
        return all(
            publisher.wait_for_all_acked(deadline) for publisher in (self._detections, self._events)
        )

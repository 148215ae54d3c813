"""Publish what the pipeline reports: detections, events, markers and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from visualization_msgs.msg import MarkerArray

from actloc_ros.messages import label_info_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray, LabelInfo
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.localizer_node.markers import marker_array
from actloc_ros.sinks import EventSink, Report

DEPTH = 10
EVENTS = 1000  # of a frame with many people; each must reach a subscriber that takes its time


class RosSink(EventSink):
    """Publishes detections, events and labels, for as long as the node lives."""

    def __init__(self, node: LifecycleNode, lossless: bool) -> None:
        """Advertise; with `lossless` no subscriber misses a message, however fast they come."""
        history = HistoryPolicy.KEEP_ALL if lossless else HistoryPolicy.KEEP_LAST
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._detections = _advertise(
            node, ActionDetectionArray, '~/detections', _reliable(history)
        )
        self._events = _advertise(node, ActionDetection, '~/events', _reliable(history, EVENTS))
        self._labels = _advertise(node, LabelInfo, '~/label_info', latched)

    def publish_labels(
        self,
        stamp: int,
        model: str,
        labels: Sequence[str],
        threshold: float,
        joint_names: Sequence[str],
    ) -> None:
        """Latch the labels and joints of a localizer that was activated at `stamp` (ns)."""
        message = label_info_message(
            ros_type,
            stamp=stamp,
            model=model,
            labels=labels,
            threshold=threshold,
            joint_names=joint_names,
        )
        self._labels.publish(message)

    def write(self, report: Report) -> None:
        """Publish the detections, and events where instances start and end."""
        self._detections.publish(report.message)
        for event in report.events:
            self._events.publish(event)

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` s for each topic's subscribers; return whether all have all."""
        deadline = Duration(seconds=timeout)
        return all(
            publisher.wait_for_all_acked(deadline) for publisher in (self._detections, self._events)
        )


class MarkerSink(EventSink):
    """Publishes RViz markers of actors whose pose is known, for as long as the node lives."""

    def __init__(self, node: LifecycleNode) -> None:
        history = HistoryPolicy.KEEP_LAST
        self._markers = _advertise(node, MarkerArray, '~/markers', _reliable(history))

    def write(self, report: Report) -> None:
        """Publish the markers; without any actor, that there are none."""
        self._markers.publish(marker_array(report.message, report.camera_poses, report.joint_names))


def _reliable(history: HistoryPolicy, depth: int = DEPTH) -> QoSProfile:
    return QoSProfile(depth=depth, history=history, reliability=ReliabilityPolicy.RELIABLE)


def _advertise(node: LifecycleNode, message_type: Any, topic: str, qos: QoSProfile) -> Any:
    return node.create_lifecycle_publisher(
        message_type,
        topic,
        qos,
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )

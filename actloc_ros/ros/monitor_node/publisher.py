"""Publish alarms on `~/alarms`."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.node import Node

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.alarms.message import alarm_to_message
from actloc_ros.msg import ActionAlarm
from actloc_ros.ros.common.message_types import ros_type

DEPTH = 100  # steps of alarms that may wait for a slow subscriber
FLUSH_TIME = 0.5  # s that subscribers have to take the last ones


class AlarmPublisher:
    """An `AlarmSink` that publishes each step.

    Attributes:
        frame_ids: Of the header of each camera's detections.
    """

    def __init__(self, node: Node) -> None:
        """Advertise."""
        self.frame_ids: dict[str, str] = {}
        self._publisher = node.create_publisher(ActionAlarm, '~/alarms', DEPTH)

    def take(self, alarm: Alarm) -> None:
        """Publish a step."""
        frame_id = self.frame_ids.get(alarm.camera, '')
        self._publisher.publish(alarm_to_message(alarm, ros_type, frame_id))

    def close(self) -> None:
        """Wait until subscribers have the last step, within a bounded time."""
        self._publisher.wait_for_all_acked(Duration(seconds=FLUSH_TIME))

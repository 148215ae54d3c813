"""Send bodies as ROS4HRI has them (REP-155), and what they do as our proposal to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped, TwistStamped

from actloc_ros.messages import header_message, stamp_of
from actloc_ros.msg import ActionDetection
from actloc_ros.planners.encounters import Robot
from actloc_ros.planners.humans import body_axes, body_id, body_origin, gesture, posture, skeleton
from actloc_ros.planners.people import Person, PersonKey
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.body_publishers import ROOT, BodyPublishers
from actloc_ros.ros.planner_node.inputs import actors_of, ongoing_labels
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene, message_class

DEPTH = 10
PARAMETER = 'hri.bodies'


class BodyOutput(Output):
    """`/humans/bodies/…`: who is there, and of each in view what is known."""

    def __init__(self, context: NodeContext) -> None:
        self._node, self._settings = context.node, context.settings
        self._ids = message_class('hri_msgs/msg/IdsList', PARAMETER)
        self._types = {
            name: message_class(f'hri_msgs/msg/{type_}', PARAMETER)
            for name, type_ in (
                ('roi', 'NormalizedRegionOfInterest2D'),
                ('skeleton2d', 'Skeleton2D'),
                ('posture', 'BodyPosture'),
                ('gesture', 'Gesture'),
            )
        } | {'position': PointStamped, 'velocity': TwistStamped, 'action': ActionDetection}
        self._tracked = self._node.create_lifecycle_publisher(self._ids, f'{ROOT}/tracked', DEPTH)
        self._bodies = BodyPublishers(self._node, self._settings.hold)
        self._robot = Robot()

    def report(self, incoming: Incoming) -> None:
        """Send what is known of all in view, after the list of who is there."""
        header = incoming.message.header
        stamp, actors = stamp_of(header.stamp), actors_of(incoming.message)
        self._bodies.update((incoming.key(track_id) for track_id in actors), stamp)
        self._publish_ids(header)
        for track_id, detections in actors.items():
            key = incoming.key(track_id)
            self._publish_image(key, detections, incoming)
            self._publish_actions(key, detections)
            if track_id in incoming.people:
                self._publish_place(incoming.people[track_id])

    def cycle(self, scene: Scene) -> None:
        """Note where the robot is: who shows no back is taken to face it."""
        self._robot = scene.robot

    def reset(self) -> None:
        """Forget all bodies."""
        self._bodies.clear()

    def release(self) -> None:
        """Say that nobody is there."""
        self.reset()
        now = self._node.get_clock().now().nanoseconds
        self._publish_ids(header_message(ros_type, now, ''))

    def _publish_ids(self, header: Any) -> None:
        self._tracked.publish(self._ids(header=header, ids=self._bodies.ids()))

    def _publish_image(
        self, key: PersonKey, detections: Sequence[ActionDetection], incoming: Incoming
    ) -> None:
        message, detection = incoming.message, detections[0]
        size = message.image_width, message.image_height
        if not all(size):
            return
        x1, y1, x2, y2 = (float(v) for v in detection.bbox / np.array([*size, *size], np.float32))
        roi = self._types['roi'](header=message.header, xmin=x1, ymin=y1, xmax=x2, ymax=y2)
        roi.c = detection.box_score
        self._publisher(key, 'roi').publish(roi)
        if len(detection.joints_x) != len(incoming.joint_names) or not incoming.joint_names:
            return
        x, y, score = detection.joints_x, detection.joints_y, detection.joints_score
        point = ros_type('hri_msgs/msg/NormalizedPointOfInterest2D')
        found = skeleton(incoming.joint_names, x, y, score, size)
        points = [point(x=float(px), y=float(py), c=float(c)) for px, py, c in found]
        self._publisher(key, 'skeleton2d').publish(
            self._types['skeleton2d'](header=message.header, skeleton=points)
        )

    def _publish_actions(self, key: PersonKey, detections: Sequence[ActionDetection]) -> None:
        header, labels = detections[0].header, ongoing_labels(detections)
        standing = self._types['posture'](header=header, posture=posture(labels))
        moving = self._types['gesture'](header=header, gesture=gesture(labels))
        self._publisher(key, 'posture').publish(standing)
        self._publisher(key, 'gesture').publish(moving)
        for detection in detections:
            self._publisher(key, 'action').publish(detection)

    def _publish_place(self, person: Person) -> None:
        position = PointStamped(header=header_message(ros_type, person.stamp, self._settings.frame))
        origin = body_origin(person.joints, person.position)
        position.point.x, position.point.y, position.point.z = (float(v) for v in origin)
        self._publisher(person.key, 'position').publish(position)
        if person.velocity is None:
            return
        frame = f'body_{body_id(person.key.name)}'
        velocity = TwistStamped(header=header_message(ros_type, person.stamp, frame))
        axes = body_axes(person.joints, towards(self._robot, person))
        linear = velocity.twist.linear
        linear.x, linear.y, linear.z = (float(v) for v in axes.T @ person.velocity)
        self._publisher(person.key, 'velocity').publish(velocity)

    def _publisher(self, key: PersonKey, name: str) -> Any:
        return self._bodies.get(key, name, self._types[name], DEPTH)


def towards(robot: Robot, person: Person) -> np.ndarray:
    """Return the direction (3,), level, from a person to the robot."""
    x, y = person.position[:2]
    return np.array([robot.x - x, robot.y - y, 0.0])

"""Send the tf frames `body_<id>` of ROS4HRI."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Quaternion, TransformStamped, Vector3

from actloc_ros.messages import header_message
from actloc_ros.planners.encounters import Robot
from actloc_ros.planners.humans import body_axes, body_id, body_origin, quaternion
from actloc_ros.planners.people import Person
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.humans import towards
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene, message_class

DEPTH = 100  # as tf2_ros


class BodyFrameOutput(Output):
    """`/tf`: the middle of each body's hips, x out of the chest and z to the head."""

    def __init__(self, context: NodeContext) -> None:
        self._settings = context.settings
        self._class = message_class('tf2_msgs/msg/TFMessage', 'hri.tf')
        self._publisher = context.node.create_lifecycle_publisher(self._class, '/tf', DEPTH)
        self._robot = Robot()

    def report(self, incoming: Incoming) -> None:
        """Send the frames of all who have a place."""
        transforms = [self._transform(person) for person in incoming.people.values()]
        if transforms:
            self._publisher.publish(self._class(transforms=transforms))

    def cycle(self, scene: Scene) -> None:
        """Note where the robot is: who shows no back is taken to face it."""
        self._robot = scene.robot

    def _transform(self, person: Person) -> Any:
        x, y, z = (float(v) for v in body_origin(person.joints, person.position))
        turn = quaternion(body_axes(person.joints, towards(self._robot, person)))
        message = TransformStamped(
            header=header_message(ros_type, person.stamp, self._settings.frame),
            child_frame_id=f'body_{body_id(person.key.name)}',
        )
        message.transform.translation = Vector3(x=x, y=y, z=z)
        message.transform.rotation = Quaternion(**dict(zip('xyzw', turn, strict=True)))
        return message

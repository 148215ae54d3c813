"""Send people to MoveIt's planning scene as collision objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from actloc_ros.messages import header_message
from actloc_ros.planners.collision_objects import (
    LYING_HEIGHT,
    Body,
    Change,
    Operation,
    SceneFollower,
)
from actloc_ros.planners.motion import Movers
from actloc_ros.planners.settings import PlannerSettings
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import NodeContext, Output, Scene, message_class

DEPTH = 100  # what is lost here is wrong for a second: a crowd's cycle must fit


class CollisionObjectOutput(Output):
    """`collision_object`: `person_<name>` of everybody, added each second and moved in between."""

    def __init__(self, context: NodeContext) -> None:
        self._node, self._settings = context.node, context.settings
        self._class = message_class('moveit_msgs/msg/CollisionObject', 'moveit.objects')
        self._follower = SceneFollower()
        self._publisher = self._node.create_lifecycle_publisher(
            self._class, 'collision_object', DEPTH
        )

    def cycle(self, scene: Scene) -> None:
        """Send what changed; while it is not known who is where, all stay where they were."""
        if scene.faults:
            return
        bodies = person_bodies(scene.movers, self._settings)
        for change in self._follower.update(scene.now, bodies):
            self._publisher.publish(self._message(change, scene.stamp))

    def release(self) -> None:
        """Remove all people, by their ids: without one, all objects of everybody would go."""
        now = self._node.get_clock().now().nanoseconds
        for change in self._follower.clear():
            self._publisher.publish(self._message(change, now))

    def _message(self, change: Change, stamp: int) -> Any:
        message = self._class(
            header=header_message(ros_type, stamp, self._settings.frame),
            id=change.id,
            # A `byte` is bytes in Python: an int would be taken in silence and sent as garbage.
            operation=bytes([change.operation]),
        )
        if change.body is None:
            return message
        # The place is the object's, never a shape's: of one shape and an identity pose, MoveIt
        # would make the shape's pose the object's, and the next MOVE would be off by it.
        message.pose = _pose(*change.body.centre)
        if change.operation == Operation.ADD:
            solid = ros_type('shape_msgs/msg/SolidPrimitive')
            for primitive in change.body.primitives():
                shape = solid(type=int(primitive.shape), dimensions=list(primitive.dimensions))
                message.primitives.append(shape)
                message.primitive_poses.append(_pose(0.0, 0.0, primitive.z))
        return message


def object_id(name: str) -> str:
    """Return the id of a person's collision object."""
    return f'person_{name}'


def person_bodies(people: Movers, settings: PlannerSettings) -> dict[str, Body]:
    """Return people as bodies that stand, or lie, on the floor, by the ids of their objects."""
    bodies, size = {}, settings.body
    for person, (x, y) in zip(people.people, people.position, strict=True):
        lies = not person.labels.isdisjoint(settings.actions.lie)
        # Not the radius of who may be anywhere: it grows, and each change is an ADD.
        height, radius = (LYING_HEIGHT, size.lying_radius) if lies else (size.height, size.radius)
        centre = np.array([x, y, size.floor + height / 2])
        bodies[object_id(person.key.name)] = Body(centre, height, radius)
    return bodies


def _pose(x: float, y: float, z: float) -> Any:
    return ros_type('geometry_msgs/msg/Pose')(
        position=ros_type('geometry_msgs/msg/Point')(x=float(x), y=float(y), z=float(z))
    )

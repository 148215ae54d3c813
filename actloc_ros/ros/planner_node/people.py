"""Send people as `people_msgs/People`, which social costmaps and people trackers share."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Point

from actloc_ros.messages import header_message
from actloc_ros.planners.motion import Movers
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import NodeContext, Output, Scene, message_class

DEPTH = 10
PARAMETER = 'people.people'
TAG = 'action'


class PeopleOutput(Output):
    """`people`: everybody in every cycle, and an empty list without anybody.

    Social costmaps keep the last list for ever: an empty one is sent when the node is deactivated,
    too, and none while it is not known who is where.
    """

    def __init__(self, context: NodeContext) -> None:
        self._node, self._settings = context.node, context.settings
        self._class = message_class('people_msgs/msg/People', PARAMETER)
        self._publisher = self._node.create_lifecycle_publisher(self._class, 'people', DEPTH)

    def cycle(self, scene: Scene) -> None:
        """Send who is there."""
        if not scene.faults:
            header = header_message(ros_type, scene.stamp, self._settings.frame)
            self._publisher.publish(self._class(header=header, people=_people(scene.movers)))

    def release(self) -> None:
        """Say that nobody is there."""
        now = self._node.get_clock().now().nanoseconds
        header = header_message(ros_type, now, self._settings.frame)
        self._publisher.publish(self._class(header=header))


def _people(movers: Movers) -> list[Any]:
    person_class = ros_type('people_msgs/msg/Person')
    found = []
    for person, place, velocity in zip(
        movers.people, movers.position, movers.velocity, strict=True
    ):
        labels = sorted(person.labels)
        message = person_class(name=person.key.name, reliability=person.score)
        x, y = place
        message.position = _point(x, y, person.position[2])
        message.velocity = _point(velocity[0], velocity[1], 0.0)  # the definition has a point there
        message.tagnames, message.tags = [TAG] * len(labels), labels
        found.append(message)
    return found


def _point(x: float, y: float, z: float) -> Point:
    return Point(x=float(x), y=float(y), z=float(z))

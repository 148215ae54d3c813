"""Send where the person is who asks the robot to follow, for the action FollowObject."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion

from actloc_ros.messages import header_message
from actloc_ros.planners.people import Person, PersonKey
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene

DEPTH = 1  # as FollowObject subscribes


class FollowOutput(Output):
    """`~/follow_pose`: whoever waved last, until the track ends."""

    def __init__(self, context: NodeContext) -> None:
        self._settings = context.settings
        self._publisher = context.node.create_lifecycle_publisher(
            PoseStamped, '~/follow_pose', DEPTH
        )
        self._whom: PersonKey | None = None
        self._asking: set[PersonKey] = set()
        self._fresh: dict[PersonKey, Person] = {}

    def report(self, incoming: Incoming) -> None:
        """Note who begins to ask, and where all are."""
        for person in incoming.people.values():
            asks = not person.labels.isdisjoint(self._settings.follow)
            if asks and person.key not in self._asking:
                self._whom = person.key
            (self._asking.add if asks else self._asking.discard)(person.key)
            self._fresh[person.key] = person

    def cycle(self, scene: Scene) -> None:
        """Send where that person is, once for each report: FollowObject notices silence itself."""
        here = {person.key for person in scene.movers.people}
        self._asking &= here
        if self._whom is not None and self._whom not in here:
            self._whom = None
        person = self._fresh.get(self._whom) if self._whom is not None else None
        self._fresh.clear()
        if person is not None and not scene.faults:
            robot = np.array([scene.robot.x, scene.robot.y])
            self._publisher.publish(_pose(person, robot, self._settings.frame))

    def reset(self) -> None:
        """Follow nobody."""
        self._whom = None
        self._asking.clear()
        self._fresh.clear()

    release = reset


def _pose(person: Person, robot: np.ndarray, frame: str) -> PoseStamped:
    """Return a person's place on the floor, turned away from the robot."""
    x, y = person.position[:2]
    yaw = float(np.arctan2(y - robot[1], x - robot[0]))
    return PoseStamped(
        header=header_message(ros_type, person.stamp, frame),
        pose=Pose(
            position=Point(x=float(x), y=float(y)),
            orientation=Quaternion(z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2))),
        ),
    )

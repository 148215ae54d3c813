"""Let MoveIt's robot touch the partner of a handover, and send where the giving hand is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from scipy.spatial.transform import Rotation

from actloc_ros.messages import header_message
from actloc_ros.planners.collision_matrix import CollisionMatrix
from actloc_ros.planners.handover import Hand, giving_hand, partner
from actloc_ros.planners.people import Person
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.collision_objects import object_id
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene, message_class

DEPTH = 10
PATIENCE = 5.0  # s after which an answer is not expected any more
MATRIX = 128  # PlanningSceneComponents.ALLOWED_COLLISION_MATRIX
PARAMETER = 'moveit.handover'


class HandoverOutput(Output):
    """`~/handing_over`, and an exception in the collision matrix for as long as it goes on."""

    def __init__(self, context: NodeContext) -> None:
        self._settings, self._warn = context.settings, context.warn
        get = message_class('moveit_msgs/srv/GetPlanningScene', PARAMETER)
        apply = message_class('moveit_msgs/srv/ApplyPlanningScene', PARAMETER)
        self._types = get, apply
        node = context.node
        self._get = node.create_client(get, 'get_planning_scene')
        self._apply = node.create_client(apply, 'apply_planning_scene')
        self._hand = node.create_lifecycle_publisher(PoseStamped, '~/handing_over', DEPTH)
        self._partner: Person | None = None
        self._excepted = ''  # the id that the scene has an exception for
        self._asked: float | None = None  # when MoveIt was asked for what it has not answered yet
        self._robot = np.zeros(2)

    def report(self, incoming: Incoming) -> None:
        """Send where the hand is, in every report in which somebody hands something over."""
        labels = self._settings.handover_labels
        giver = partner(list(incoming.people.values()), labels, self._robot)
        if giver is None:
            return
        hand = giving_hand(giver, self._robot)
        if hand is not None:
            self._hand.publish(_hand_pose(hand, giver.stamp, self._settings.frame))

    def cycle(self, scene: Scene) -> None:
        """Bring the scene's exception up to date."""
        self._robot = np.array([scene.robot.x, scene.robot.y])
        giver = partner(scene.movers.people, self._settings.handover_labels, self._robot)
        wanted = '' if giver is None else object_id(giver.key.name)
        if wanted != self._excepted and not self._is_waiting():
            self._change(wanted)

    def release(self) -> None:
        """Forget the exception: MoveIt drops it with the person's object, which is removed."""
        self._excepted = ''

    def _change(self, wanted: str) -> None:
        """Read the matrix, except `wanted` instead of who is now, and send all of it back."""
        if not self._get.service_is_ready() or not self._apply.service_is_ready():
            self._warn('moveit', f'{self._get.srv_name} is not there: no exception is made')
            return
        request = self._types[0].Request()
        request.components.components = MATRIX
        self._asked = time.monotonic()
        self._call(self._get, request, lambda answer: self._send(answer.scene, wanted))

    def _is_waiting(self) -> bool:
        return self._asked is not None and time.monotonic() - self._asked < PATIENCE

    def _send(self, scene: Any, wanted: str) -> None:
        try:
            matrix = _matrix(scene.allowed_collision_matrix).without(self._excepted)
            if wanted:
                matrix = matrix.with_exception(wanted, self._settings.handover_links)
        except ValueError as error:
            self._warn('matrix', f'no exception is made for a handover: {error}')
            self._asked = None
            return
        request = self._types[1].Request()
        # Else the world and the octomap would be cleared, and the robot's state be taken from here.
        request.scene.is_diff = request.scene.robot_state.is_diff = True
        _fill(request.scene.allowed_collision_matrix, matrix)
        self._call(self._apply, request, lambda answer: self._applied(answer.success, wanted))

    def _applied(self, success: bool, wanted: str) -> None:
        self._asked = None
        if success:
            self._excepted = wanted
        else:
            self._warn(
                'apply', 'MoveIt did not take the exception for a handover: it is sent again'
            )

    def _call(self, client: Any, request: Any, done: Callable[[Any], None]) -> None:
        def answered(future: Any) -> None:
            if future.exception() is None:
                done(future.result())
            else:
                self._asked = None
                self._warn('moveit', f'{client.srv_name} failed: {future.exception()}')

        client.call_async(request).add_done_callback(answered)


def _matrix(message: Any) -> CollisionMatrix:
    return CollisionMatrix(
        tuple(message.entry_names),
        tuple(tuple(entry.enabled) for entry in message.entry_values),
        tuple(message.default_entry_names),
        tuple(message.default_entry_values),
    )


def _fill(message: Any, matrix: CollisionMatrix) -> None:
    entry = ros_type('moveit_msgs/msg/AllowedCollisionEntry')
    message.entry_names = list(matrix.names)
    message.entry_values = [entry(enabled=list(row)) for row in matrix.allowed]
    message.default_entry_names = list(matrix.default_names)
    message.default_entry_values = list(matrix.default_allowed)


def _hand_pose(hand: Hand, stamp: int, frame: str) -> PoseStamped:
    """Return a wrist, with x along the forearm; not turned if the elbow is not known."""
    x, y, z = (float(value) for value in hand.position)
    turn = Quaternion()
    if hand.direction.any():
        rotation, _ = Rotation.align_vectors(hand.direction[None], [[1.0, 0.0, 0.0]])
        turn.x, turn.y, turn.z, turn.w = (float(value) for value in rotation.as_quat())
    header = header_message(ros_type, stamp, frame)
    return PoseStamped(header=header, pose=Pose(position=Point(x=x, y=y, z=z), orientation=turn))

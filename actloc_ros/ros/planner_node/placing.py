"""Place people and the robot in the planners' frame; count and report who has no place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.node import Node

from actloc_ros.frames import seconds
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetection, ActionDetectionArray
from actloc_ros.planners.encounters import Robot
from actloc_ros.planners.people import Person, PersonKey
from actloc_ros.planners.settings import PlannerSettings
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.common.transforms import PoseTransformer, RigidTransform, rotation_matrix
from actloc_ros.ros.planner_node.inputs import actors_of, ongoing_labels

ODOMETRY_AGE = 1.0  # s from which the robot's speed is not known
TF_LAG = 200_000_000  # ns that tf may lag behind detections: a few centimetres of a robot's way
HERE = RigidTransform(np.eye(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class Placed:
    """The people of one report.

    Attributes:
        people: Those who have a place.
        unplaced: How many have none.
    """

    people: tuple[Person, ...]
    unplaced: int


class Placer:
    """Knows where the robot is, by odometry and tf, and moves people into the planners' frame.

    Attributes:
        unplaced: How many people had no place so far.
    """

    def __init__(self, node: Node, settings: PlannerSettings, warn: ThrottledLogger) -> None:
        self._settings, self._warn = settings, warn
        self._odometry: Odometry | None = None
        self._clock = node.get_clock()
        self._no_tf = ''
        self._transformer: PoseTransformer | None = None
        self.unplaced = 0
        try:
            self._transformer = PoseTransformer(node, warn)
        except ValueError as error:
            self._no_tf = str(error)
        node.create_subscription(Odometry, 'odom', self._take, 10)

    def place(self, localizer: str, message: ActionDetectionArray, joints: Sequence[str]) -> Placed:
        """Return the people of a report in the planners' frame."""
        actors, people = actors_of(message), []
        for track_id, detections in actors.items():
            key = PersonKey(localizer, message.camera, track_id)
            person = self._person(key, detections, joints)
            if person is not None:
                people.append(person)
        unplaced = len(actors) - len(people)
        self.unplaced += unplaced
        return Placed(tuple(people), unplaced)

    def robot(self) -> Robot | str:
        """Return the robot, or why it is not known where it is."""
        speed = turn = 0.0
        odometry = self._odometry
        if odometry is not None:
            age = seconds(self._clock.now().nanoseconds - stamp_of(odometry.header.stamp))
            if age > ODOMETRY_AGE:
                return f'the last odometry is {age:.1f} s old'
            speed, turn = odometry.twist.twist.linear.x, odometry.twist.twist.angular.z
        settings = self._settings
        if settings.frame == settings.base_frame:
            return Robot(speed=speed, turn=turn)
        if odometry is not None and odometry.header.frame_id == settings.frame:
            pose = odometry.pose.pose
            return _robot(_transform(pose.position, pose.orientation), speed, turn)
        try:
            return _robot(self._lookup(settings.base_frame, None), speed, turn)
        except LookupError as error:
            return f'it is not known where the robot is in {settings.frame}: {error}'

    def clear(self) -> None:
        """Forget the past, since time has jumped back."""
        self._odometry = None
        if self._transformer is not None:
            self._transformer.clear()

    def _take(self, message: Odometry) -> None:
        twist = message.twist.twist
        if not np.isfinite([twist.linear.x, twist.angular.z]).all():
            self._warn('odometry', 'odometry whose speed is not finite is ignored')
            return
        self._odometry = message

    def _person(
        self, key: PersonKey, detections: Sequence[ActionDetection], joints: Sequence[str]
    ) -> Person | None:
        """Return one person, or None where the place is not known."""
        detection = detections[0]
        if not detection.has_pose:
            return None
        header = detection.pose.header
        try:
            moved = self._lookup(header.frame_id, stamp_of(header.stamp))
        except LookupError as error:
            self._warn(
                'place',
                f'people in the frame "{header.frame_id}" have no place in {self._settings.frame},'
                f' and the speed limit is low meanwhile: {error}',
            )
            return None
        position = moved.points(_array(detection.pose.pose.pose.position))
        if not np.isfinite(position).all():
            return None
        return Person(
            key=key,
            stamp=stamp_of(detection.header.stamp),
            position=position,
            velocity=self._velocity(detection, moved, position),
            labels=ongoing_labels(detections),
            joints=_joints(detection, joints, moved),
            score=detection.box_score,
        )

    def _velocity(
        self, detection: ActionDetection, moved: RigidTransform, position: np.ndarray
    ) -> np.ndarray | None:
        """Return the velocity over ground, in the planners' frame."""
        if not detection.has_velocity:
            return None
        velocity = moved.vector(_array(detection.velocity.vector))
        if detection.velocity.header.frame_id not in self._settings.fixed_frames:
            robot = self.robot()
            if isinstance(robot, str):
                return None
            velocity = velocity + _carried(robot, position)
        return velocity if np.isfinite(velocity).all() else None

    def _lookup(self, source: str, stamp: int | None) -> RigidTransform:
        """Return what moves points of `source` into the planners' frame.

        Raises:
            LookupError: It is not known.
        """
        target = self._settings.frame
        if source == target:
            return HERE
        if self._transformer is None:
            raise LookupError(self._no_tf)
        return self._transformer.lookup(target, source, stamp, TF_LAG)


def _carried(robot: Robot, position: np.ndarray) -> np.ndarray:
    """Return how fast (3,) in m/s a point moves that is fixed to the robot."""
    x, y = position[0] - robot.x, position[1] - robot.y
    cos, sin = np.cos(robot.yaw), np.sin(robot.yaw)
    return np.array([robot.speed * cos - robot.turn * y, robot.speed * sin + robot.turn * x, 0.0])


def _robot(base: RigidTransform, speed: float, turn: float) -> Robot:
    (x, y, _), forward = base.offset, base.rotation[:, 0]
    yaw = float(np.arctan2(forward[1], forward[0]))
    return Robot(float(x), float(y), yaw, speed, turn)


def _transform(position: Any, turn: Any) -> RigidTransform:
    return RigidTransform(rotation_matrix(turn.x, turn.y, turn.z, turn.w), _array(position))


def _joints(
    detection: ActionDetection, names: Sequence[str], moved: RigidTransform
) -> dict[str, np.ndarray]:
    if len(detection.joints_3d) != len(names):
        return {}
    points = {n: moved.points(_array(p)) for n, p in zip(names, detection.joints_3d, strict=True)}
    return {name: point for name, point in points.items() if np.isfinite(point).all()}


def _array(vector: Any) -> np.ndarray:
    return np.array([vector.x, vector.y, vector.z])

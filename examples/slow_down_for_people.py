"""Slow the robot down beside people, without Nav2: a filter between planner and wheels.

The robot's `cmd_vel_nav` comes out as `cmd_vel`, with at most a share of its speed: less the nearer
somebody is to the camera, and little while nobody says who is where. Needs the node with depth:

    python examples/slow_down_for_people.py

It is no safety function: what the camera does not see, it does not know.
"""

import sys

import rclpy
from geometry_msgs.msg import Twist, Vector3
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from actloc_ros.msg import ActionDetection, ActionDetectionArray
from actloc_ros.planners.speed_limit import SpeedLimiter, SpeedOptions

MAX_AGE = 0.5  # s


class SlowDown(Node):
    """Scales velocities by the distance of the nearest person."""

    def __init__(self) -> None:
        super().__init__('slow_down_for_people')
        self._limiter = SpeedLimiter(SpeedOptions(low=20.0, near=1.0, far=3.0))
        self._newest: ActionDetectionArray | None = None
        self._wheels = self.create_publisher(Twist, 'cmd_vel', 10)
        self.create_subscription(Twist, 'cmd_vel_nav', self._drive, 10)
        self.create_subscription(ActionDetectionArray, 'action_localizer/detections', self._look, 5)

    def _look(self, message: ActionDetectionArray) -> None:
        self._newest = message

    def _drive(self, wanted: Twist) -> None:
        now = self.get_clock().now().nanoseconds
        message = self._newest
        known = message is not None and now - stamp_of(message) < MAX_AGE * 1e9
        people = (
            [d for d in message.detections if d.state != ActionDetection.ENDED] if known else []
        )
        known = known and all(person.has_pose for person in people)
        gap = min((distance(person) for person in people if person.has_pose), default=None)
        share = self._limiter.update(now, gap, known).value / 100
        self._wheels.publish(
            Twist(linear=scaled(wanted.linear, share), angular=scaled(wanted.angular, share))
        )


def stamp_of(message: ActionDetectionArray) -> int:
    """Return when the image was taken, in ns."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def distance(person: ActionDetection) -> float:
    """Return the distance from the camera (the robot, if poses are in its frame) in m."""
    at = person.pose.pose.pose.position
    return (at.x**2 + at.y**2 + at.z**2) ** 0.5


def scaled(vector: Vector3, share: float) -> Vector3:
    """Return a share of a velocity."""
    return Vector3(x=share * vector.x, y=share * vector.y, z=share * vector.z)


def main() -> int:
    """Run until a signal ends it."""
    rclpy.init()
    try:
        rclpy.spin(SlowDown())
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    return 0


if __name__ == '__main__':
    sys.exit(main())

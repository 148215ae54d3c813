"""Place people by transforms and odometry: what moves with the robot, moves over ground too."""

import math

import numpy as np
import pytest
import rclpy
from bridge_harness import detection
from nav_msgs.msg import Odometry
from rclpy.node import Node

from actloc_ros.messages import header_message
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.planners.encounters import Robot
from actloc_ros.planners.settings import SPECS, planner_settings
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.common.throttled_log import ThrottledLogger
from actloc_ros.ros.common.transforms import RigidTransform
from actloc_ros.ros.planner_node import placing

# From an optical frame (x right, y down, z forward) 0.5 m before odom's origin and 1 m up.
OPTICAL = RigidTransform(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]]), np.array([0.5, 0, 1]))


class Transforms:
    """In place of tf, which needs tf2_ros: knows where the camera is."""

    def __init__(self, node, warn) -> None:
        self.asked = []

    def lookup(self, target, source, stamp, lag):
        """Return what is known."""
        self.asked.append((target, source, stamp))
        if source != 'optical':
            raise LookupError(f'"{source}" does not exist')
        return OPTICAL


@pytest.fixture
def placer(monkeypatch):
    """Return what places people in odom, by transforms and odometry."""
    monkeypatch.setattr(placing, 'PoseTransformer', Transforms)
    rclpy.init()
    node = Node('placing')
    settings = planner_settings({spec.name: spec.default for spec in SPECS})
    yield placing.Placer(node, settings, ThrottledLogger(node.get_logger()))
    node.destroy_node()
    rclpy.shutdown()


def drive(placer, speed=0.0, turn=0.0, yaw=0.0, frame='odom', sec=None):
    message = Odometry(header=header_message(ros_type, 0, frame))
    message.header.stamp = placer._clock.now().to_msg()
    if sec is not None:
        message.header.stamp.sec = sec
    message.pose.pose.orientation.z = math.sin(yaw / 2)
    message.pose.pose.orientation.w = math.cos(yaw / 2)
    message.twist.twist.linear.x, message.twist.twist.angular.z = speed, turn
    placer._take(message)


def placed(placer, *people):
    message = ActionDetectionArray(header=header_message(ros_type, 7, 'optical'))
    message.detections = list(people)
    return placer.place('', message, [])


def test_poses_and_joints_are_moved_and_velocity_gains_the_robots_own(placer):
    drive(placer, speed=0.4, turn=0.1)
    seen = detection(3, (0, 0, 2), (0, 0, -1), 'walking', frame='optical')
    [person] = placed(placer, seen).people
    assert person.position == pytest.approx([2.5, 0, 1])
    # He comes by 1 m/s as the camera measures it, which goes itself and turns him to the left.
    assert person.velocity == pytest.approx([-0.6, 0.25, 0])
    assert person.labels == {'walking'}


def test_a_velocity_over_ground_stays_as_it_is(placer):
    drive(placer, speed=0.4)
    [person] = placed(placer, detection(3, (2, 0, 1), (-1, 0, 0), frame='odom')).people
    assert person.velocity == pytest.approx([-1, 0, 0])


def test_who_has_no_place_is_counted(placer):
    nowhere = detection(1, (1, 0, 1), frame='nowhere')
    no_depth, broken = detection(2), detection(3, (math.nan, 0, 1), frame='odom')
    found = placed(placer, nowhere, no_depth, broken, detection(4, (1, 0, 1), frame='odom'))
    assert [person.key.track_id for person in found.people] == [4]
    assert (found.unplaced, placer.unplaced) == (3, 3)


def test_the_robot_is_where_odometry_says_or_tf_or_it_is_not_known(placer):
    assert 'it is not known where the robot is in odom' in placer.robot()
    drive(placer, speed=0.4, yaw=1.0)
    assert placer.robot() == Robot(0, 0, pytest.approx(1.0), 0.4, 0)
    drive(placer, speed=math.inf)  # ignored
    assert placer.robot().speed == 0.4
    drive(placer, frame='other')
    assert '"base_link" does not exist' in placer.robot()
    drive(placer, sec=5)
    assert 'the last odometry is' in placer.robot()


def test_one_who_ends_is_not_there(placer):
    ended = detection(1, (1, 0, 1), label='walking', state=3, frame='odom')
    assert placed(placer, ended).people == ()
    assert placed(placer, ended).unplaced == 0

"""Check that poses wait for the transform of their stamp, and say so where none comes (tf2_ros)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from depth_camera import FOCAL, KEEP_ALL, SIZE, depth_message, info_message
from node_harness import (
    MILLISECOND,
    Client,
    image_message,
    picture,
    running_node,
    stamp_of,
    values,
    wait_for,
)
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo

from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type

pytest.importorskip('tf2_ros', reason='tf2_ros is not installed')

from geometry_msgs.msg import TransformStamped
from tf2_msgs.msg import TFMessage

START = 1_700_000_000_000_000_000
PERIOD = 50 * MILLISECOND
DISTANCE = 2.0


def transform(stamp: int, parent: str = 'map', x: float = 0.0) -> TFMessage:
    """Return where the camera is: `x` m along the map's x axis, parallel to it."""
    message = TransformStamped(header=header_message(ros_type, stamp, parent))
    message.child_frame_id = 'optical'
    message.transform.translation.x = x
    message.transform.rotation.w = 1.0
    return TFMessage(transforms=[message])


class Robot:
    """An RGB-D camera that moves along x by 1 m each second."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._tf = client.node.create_publisher(TFMessage, '/tf', QoSProfile(depth=100))
        wait_for(self._tf.get_subscription_count)
        self._image, self._depth = client.camera(), client.camera('depth', qos=KEEP_ALL)
        client.camera('camera_info', CameraInfo).publish(info_message(SIZE, FOCAL, (79.5, 59.5)))
        client.status()

    def move(self, stamp: int) -> None:
        """Send where it is at `stamp`."""
        self._tf.publish(transform(stamp, x=(stamp - START) / 1e9))

    def show(self, stamp: int) -> None:
        """Send depth and image."""
        metres = np.full(SIZE[::-1], DISTANCE, np.float32)
        self._depth.publish(depth_message(metres, stamp))
        self._image.publish(image_message(picture('red', 74, SIZE), stamp))

    def answer(self, stamp: int) -> object:
        """Return what the node says of the actor at `stamp`."""

        def found() -> object:
            return next((m for m in self.client.detections if stamp_of(m) == stamp), None)

        [seen] = wait_for(found).detections
        return seen


@contextmanager
def robot(**parameters: object) -> Iterator[Robot]:
    given = {'depth__enabled': True, 'target_frame': 'map', 'depth__patience': 5.0}
    with running_node(**given | parameters) as client:
        yield Robot(client)


@pytest.mark.parametrize('every', [1, 3, 10])
def test_transforms_that_come_after_their_image_move_every_pose(every: int) -> None:
    """Images at 20 Hz, transforms at 20, 7 and 2 Hz: each pose waits for the next transform."""
    with robot(transform_patience=10.0) as ours:
        ours.move(START - PERIOD)
        stamps = [START + index * PERIOD for index in range(30)]
        for index, stamp in enumerate(stamps):
            ours.show(stamp)
            wait_for(lambda n=index + 1: processed(ours.client) >= n)
            if index % every == every - 1:
                ours.move(stamp + MILLISECOND)
        for stamp in stamps:
            seen = ours.answer(stamp)
            assert seen.has_pose
            assert not seen.pose_untransformed
            assert seen.pose.header.frame_id == 'map'
            x = (stamp - START) / 1e9 + 0.5 * DISTANCE / FOCAL
            assert seen.pose.pose.pose.position.x == pytest.approx(x, abs=0.02)
            assert seen.pose.pose.pose.position.z == pytest.approx(DISTANCE)


def test_without_a_transform_poses_stay_in_the_cameras_frame_and_say_so() -> None:
    with robot(transform_patience=0.3) as ours:
        ours.show(START)  # tf knows no map at all
        ours.move(START + PERIOD)
        first = ours.answer(START)
        ours.show(START + 2 * PERIOD)  # the transform comes too late
        second = ours.answer(START + 2 * PERIOD)
        ours.move(START + 3 * PERIOD)
        for seen in (first, second):
            assert seen.has_pose
            assert seen.pose_untransformed
            assert seen.pose.header == seen.header
        ours.show(START + 2 * PERIOD + MILLISECOND)
        third = ours.answer(START + 2 * PERIOD + MILLISECOND)
        assert not third.pose_untransformed
        assert third.pose.header.frame_id == 'map'
        shown = values(ours.client.status('camera'))
        key = "actors with pose in the camera's frame for want of a transform"
        assert shown[key] == '2'
        assert shown['actors with pose'] == '3'


def test_velocities_do_not_mix_frames() -> None:
    """The camera moves by 1 m/s and the actor stands in the camera's frame."""
    with robot(transform_patience=0.01) as ours:
        ours.move(START - PERIOD)
        for index in range(20):
            stamp = START + index * PERIOD
            if index % 2:
                ours.move(stamp)
                time.sleep(0.1)
            ours.show(stamp)
            seen = ours.answer(stamp)
            if seen.has_velocity:
                assert seen.velocity.header.frame_id == seen.pose.header.frame_id
                expected = 0.0 if seen.pose_untransformed else 1.0
                assert seen.velocity.vector.x == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize('sec', [-5, 2**31 - 1])
def test_a_stamp_that_tf_does_not_take_gives_a_pose_in_the_cameras_frame(sec: int) -> None:
    with robot(transform_patience=0.1) as ours:
        ours.move(START)
        ours.show(sec * 10**9)
        seen = ours.answer(sec * 10**9)
        assert seen.has_pose
        assert seen.pose_untransformed


def processed(client: Client) -> int:
    """Return how many images were processed."""
    return int(values(client.status('camera'))['frames processed'])

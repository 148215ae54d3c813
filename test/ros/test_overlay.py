"""Test the overlay node through topics: it matches by stamp and camera, and bears a loop."""

import importlib.util
import os
import signal
import subprocess
import time
from array import array

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import header_message, stamp_of, step_to_message
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type

PATIENCE = 20.0  # s: every wait ends then
INSTALLED = importlib.util.find_spec('message_filters') is not None
needs_filters = pytest.mark.skipif(not INSTALLED, reason='message_filters is not installed')
SECOND = 10**9


@pytest.fixture(scope='module')
def ros():
    rclpy.init()
    node = Node('camera')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def start(*arguments):
    return subprocess.Popen(
        ['overlay', *arguments],
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        stderr=subprocess.PIPE,
        text=True,
    )


def spin(node, done):
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, 'it did not come in time'
        rclpy.spin_once(node, timeout_sec=0.05)


def image(stamp):
    return Image(
        header=header_message(ros_type, stamp, 'optical'),
        height=240,
        width=320,
        encoding='mono8',
        step=320,
        data=array('B', bytes(240 * 320)),
    )


def detections(stamp, camera, left):
    scores = np.array([0.8], np.float32)
    box = (left, 60.0, left + 20.0, 200.0)
    action = InstanceUpdate(1, 1, InstanceState.ONGOING, 0, box, 0.7, stamp, stamp, scores)
    step = FrameResult(camera, stamp, 'optical', 320, 240, ClipInfo(stamp, stamp), (action,))
    return step_to_message(step, ros_type, model='', labels=('walk',))


@needs_filters
def test_images_are_drawn_with_their_own_detections(ros):
    drawn = []
    images = ros.create_publisher(Image, '/o/image', 100)
    results = ros.create_publisher(ActionDetectionArray, '/o/action_localizer/detections', 100)
    ros.create_subscription(Image, '/o/overlay/image', drawn.append, 100)
    process = start('--ros-args', '-r', '__ns:=/o', '-p', 'camera:=front', '-p', 'queue_size:=3')
    try:
        spin(ros, lambda: images.get_subscription_count() and results.get_subscription_count())
        spin(ros, lambda: ros.count_publishers('/o/overlay/image'))
        rclpy.spin_once(ros, timeout_sec=1.0)
        for stamp in (8, 9, 10):  # these wait for detections that never come
            images.publish(image(stamp * SECOND))
        time.sleep(0.5)
        for stamp in (1, 2, 3):  # a loop
            images.publish(image(stamp * SECOND))
            results.publish(detections(stamp * SECOND, 'rear', 200.0))
            results.publish(detections(stamp * SECOND, 'front', 4.0))
            time.sleep(0.2)
        spin(ros, lambda: len(drawn) >= 3)
    finally:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert [stamp_of(message.header.stamp) // SECOND for message in drawn] == [1, 2, 3]
    pixels = np.frombuffer(drawn[0].data, np.uint8).reshape(240, 320, 3)
    assert pixels[60:200, 4].any(axis=-1).all()
    assert not pixels[60:200, 200].any()
    assert (drawn[0].encoding, drawn[0].header.frame_id) == ('rgb8', 'optical')


@needs_filters
def test_unknown_transport_is_refused():
    process = start('--ros-args', '-p', 'transport:=theora')
    assert process.wait(PATIENCE) == 2
    assert 'must be raw or compressed' in process.stderr.read()


@pytest.mark.skipif(INSTALLED, reason='message_filters is installed')
def test_missing_message_filters_is_said():
    process = start()
    assert process.wait(PATIENCE) == 2
    assert 'ros-' in (said := process.stderr.read())
    assert 'needs message_filters' in said

"""Test the player through real topics: messages unchanged, times kept, ends in order."""

import os
import signal
import subprocess
import time
from itertools import pairwise

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from stream_servers import mjpeg_server

from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import stamp_of

PATIENCE = 20.0  # s: every wait ends then


@pytest.fixture(scope='module')
def ros():
    rclpy.init()
    node = Node('audience')
    yield node
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'a.mkv'
    with VideoWriter(path, rate=20) as writer:
        for index in range(6):
            writer.write(index * 50_000_000, np.full((48, 64, 3), 40 * index, np.uint8))
    return path


def start(name, *arguments):
    command = ['play', *map(str, arguments), '--ros-args', '-r', f'__ns:=/{name}']
    return subprocess.Popen(
        command, env=os.environ | {'OMP_NUM_THREADS': '1'}, stderr=subprocess.PIPE, text=True
    )


def listen(node, kind, topic):
    received = []
    subscription = node.create_subscription(
        kind, topic, received.append, QoSProfile(depth=1000), raw=True
    )
    return received, subscription


def spin(node, done):
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, 'it did not come in time'
        rclpy.spin_once(node, timeout_sec=0.05)


def hear(node, name, kind, topic, *arguments):
    """Play to the end; return the messages' bytes and how long it took in s."""
    received, subscription = listen(node, kind, f'/{name}/{topic}')
    began = time.monotonic()
    process = start(name, *arguments, '--wait', '1')
    spin(node, lambda: process.poll() is not None)
    took = time.monotonic() - began
    rclpy.spin_once(node, timeout_sec=0.2)
    node.destroy_subscription(subscription)
    assert process.returncode == 0, process.stderr.read()
    return received, took


def test_video_comes_with_its_times_after_the_epoch(ros, video):
    clocks, subscription = listen(ros, Clock, '/clock')
    slowly = ['--rate', '0.2']  # 1.25 s: a machine that halts for a while ticks all the same
    received, took = hear(ros, 'a', Image, 'image', video, '--epoch', '100', '--clock', *slowly)
    ros.destroy_subscription(subscription)
    images = [deserialize_message(data, Image) for data in received]
    expected = list(open_source(video))
    stamps = [stamp_of(image.header.stamp) for image in images]
    assert stamps == [frame.stamp + 100 * 10**9 for frame in expected]
    for image, frame in zip(images, expected, strict=True):
        assert bytes(image.data) == frame.image.tobytes()
        assert (image.encoding, image.step) == ('rgb8', 3 * image.width)
    assert took > 1.25  # it is not faster than asked for
    times = [stamp_of(deserialize_message(data, Clock).clock) for data in clocks]
    assert times == sorted(times)
    assert len(times) > 2 * len(images)
    assert (times[0], times[-1]) == (stamps[0], stamps[-1])


def test_jpeg_on_demand(ros, video):
    received, _ = hear(ros, 'b', CompressedImage, 'image/compressed', video, '--compressed')
    images = [deserialize_message(data, CompressedImage) for data in received]
    assert len(images) == 6
    assert all('jpeg' in image.format for image in images)
    assert abs(stamp_of(images[0].header.stamp) / 1e9 - time.time()) < 60


def test_real_bag_passes_through_unchanged(ros, shared):
    bag = shared / 'data' / 'bags' / 'ros2_sqlite3' / 'aruco_marker'
    [original] = open_source(bag).messages()
    received, _ = hear(ros, 'c', CompressedImage, 'image/compressed', bag)
    assert received == [original.data]
    assert deserialize_message(received[0], CompressedImage).format == 'jpg'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_loop_begins_again_until_a_signal_ends_it(ros, video, number):
    name = f'loop{int(number)}'
    received, subscription = listen(ros, Image, f'/{name}/image')
    process = start(name, video, '--loop', '--rate', '10', '--epoch', '0')
    spin(ros, lambda: len(received) > 14)
    process.send_signal(number)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    ros.destroy_subscription(subscription)
    stamps = [stamp_of(deserialize_message(data, Image).header.stamp) for data in received]
    assert sum(b < a for a, b in pairwise(stamps)) >= 2


def test_a_live_stream_comes_with_the_time_of_this_machine(ros):
    received, subscription = listen(ros, CompressedImage, '/live/image/compressed')
    with mjpeg_server() as server:
        process = start('live', server.address, '--compressed')
        spin(ros, lambda: len(received) > 5)
        server.silent.set()  # it ends also where nothing comes
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        said = process.stderr.read()
        refused = start('live', server.address, '--loop')
        assert refused.wait(PATIENCE) == 2
        said += refused.stderr.read()
    ros.destroy_subscription(subscription)
    assert 'is live, with the time of this machine' in said
    assert 'playing http://***@127.0.0.1' in said
    assert 'hunter2' not in said
    stamps = [
        stamp_of(deserialize_message(data, CompressedImage).header.stamp) for data in received
    ]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] / 1e9 - time.time()) < 60


def test_waiting_ends_by_a_signal(ros, video):
    process = start('alone', video, '--wait', '1', '--best-effort')
    spin(ros, lambda: ros.get_publishers_info_by_topic('/alone/image'))
    [offer] = ros.get_publishers_info_by_topic('/alone/image')
    assert offer.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0


def test_what_cannot_be_played_is_said(video, shared):
    bag = shared / 'data' / 'bags' / 'ros2_mcap' / 'aruco_marker'
    for arguments, fault in (
        ((bag, '--epoch', '3'), 'is a bag, which is played as it was recorded'),
        ((video, '--topic', '/image'), 'it has no topic'),
        ((video, '--rate', '0'), 'is not above 0'),
    ):
        process = start('bad', *arguments)
        assert process.wait(PATIENCE) == 2
        assert fault in process.stderr.read()

"""Test that a recording played through ROS into the node gives what it gives offline."""

import os
import signal
import subprocess
import time
from contextlib import contextmanager

import cv2
import pytest
import rclpy
from rclpy.node import Node
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

from actloc_ros.cli.main import main as actloc
from actloc_ros.io.bags import (
    DETECTIONS_TOPIC,
    EVENTS_TOPIC,
    LABEL_INFO_TOPIC,
    DetectionWriter,
    read_detections,
)
from actloc_ros.io.source_bag import COMPRESSED_IMAGE, open_bag
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import header_message, stamp_of
from actloc_ros.ros.recorder import Recorder
from actloc_ros.synth import render

RATE = 15.0
MATCHING = 0.5  # s that the node has to find the recorder after that found it
TYPES = get_typestore(Stores.ROS2_HUMBLE)


@pytest.fixture(scope='module')
def images():
    return [frame.image for frame in render(3, 2.6, (320, 240), RATE)]


@pytest.fixture(scope='module')
def ros():
    rclpy.init()
    node = Node('recorder')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def write_video(path, images):
    with VideoWriter(path, RATE) as video:
        for index, image in enumerate(images):
            video.write(round(index * 1e9 / RATE), image)
    return path


def write_bag(path, images):
    """Write a bag of CompressedImages whose headers jump back by 10 s after two thirds."""
    types = TYPES.types.__getitem__
    with Writer(path, version=8) as writer:
        connection = writer.add_connection('/c/compressed', COMPRESSED_IMAGE, typestore=TYPES)
        for index, image in enumerate(images):
            stamp = 10**18 + round(index * 1e9 / RATE)
            stamp -= 10 * 10**9 if index > len(images) * 2 / 3 else 0
            message = types(COMPRESSED_IMAGE)(
                header=header_message(types, stamp, 'optical'),
                format='jpeg',
                data=cv2.imencode('.jpg', image[..., ::-1])[1].ravel(),
            )
            data = TYPES.serialize_cdr(message, COMPRESSED_IMAGE)
            writer.write(connection, 10**18 + index, data)
    return path


@contextmanager
def running(*command):
    process = subprocess.Popen(command, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def replay(node, recording, bag, expected, *play_options, transport='raw'):
    """Play `recording` through topics into the node; record until what is `expected` came."""
    # What the end of the node alone ends comes at the stamp of its last key frame again.
    ended = len(expected) > 1 and expected[-1].header == expected[-2].header
    name = f'replay{time.monotonic_ns()}'
    remap = ('--ros-args', '-r', f'__ns:=/{name}')
    parameters = ('-p', 'process_all:=true', '-p', f'transport:={transport}')
    play = ('play', str(recording), '--wait', '1', '--rate', '3', *play_options)
    with (
        DetectionWriter(bag) as writer,
        running('action_localizer', *remap, *parameters) as localizing,
    ):
        recorder = Recorder(node, writer, f'/{name}/action_localizer')
        spin(node, lambda: node.count_publishers(f'/{name}/action_localizer/detections'))
        time.sleep(MATCHING)
        with running(*play, *remap) as playing:
            spin(node, lambda: recorder.messages >= len(expected) - ended)
            assert playing.wait(10) == 0
        localizing.send_signal(signal.SIGINT)
        spin(node, lambda: localizing.poll() is not None)
        spin(node, lambda: recorder.messages >= len(expected))
        assert localizing.returncode == 0


def spin(node, done, timeout=40.0):
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, 'it did not come in time'
        rclpy.spin_once(node, timeout_sec=0.1)


def serialized(bag):
    """Return log times and bytes by topic; two topics' messages of one stamp have no order."""
    found = {}
    with open_bag(bag) as reader:
        for connection, stamp, data in reader.messages():
            found.setdefault(connection.topic, []).append((stamp, bytes(data)))
    return found


def test_video_gives_the_same_live_and_offline(tmp_path, images, ros):
    video = write_video(tmp_path / 'a.mp4', images)
    assert actloc(['run', str(video), '--out', str(tmp_path / 'offline')]) == 0
    expected = list(read_detections(tmp_path / 'offline'))
    assert sum(len(m.detections) for m in expected) > len(images) / 2
    assert len({(m.header.stamp.sec, m.header.stamp.nanosec) for m in expected}) == len(images)
    replay(ros, video, tmp_path / 'live', expected, '--epoch', '0')
    assert actloc(['compare', str(tmp_path / 'offline'), str(tmp_path / 'live')]) == 0


def test_looped_bag_gives_the_same_live_and_offline_and_twice(tmp_path, images, ros):
    bag = write_bag(tmp_path / 'recording', images)
    assert len(list(open_source(bag))) == len(images)
    assert actloc(['run', str(bag), '--out', str(tmp_path / 'offline')]) == 0
    expected = list(read_detections(tmp_path / 'offline'))
    for name in ('first', 'second'):
        replay(ros, bag, tmp_path / name, expected, transport='compressed')
        assert actloc(['compare', str(tmp_path / 'offline'), str(tmp_path / name)]) == 0
    first, second = serialized(tmp_path / 'first'), serialized(tmp_path / 'second')
    assert first.keys() == second.keys() == {DETECTIONS_TOPIC, EVENTS_TOPIC, LABEL_INFO_TOPIC}
    for found in (first, second):  # it says when the node was activated
        [(logged, _)] = found.pop(LABEL_INFO_TOPIC)
        assert logged in {stamp for stamp, _ in found[DETECTIONS_TOPIC]}  # when it came
    assert first == second


def test_real_bag_whose_stamps_are_hours_old(tmp_path, shared, ros):
    bag = shared / 'data' / 'bags' / 'ros2_mcap' / 'aruco_marker'
    [original] = open_source(bag).messages()
    assert actloc(['run', str(bag), '--out', str(tmp_path / 'offline')]) == 0
    [expected] = read_detections(tmp_path / 'offline')
    assert (expected.header.frame_id, stamp_of(expected.header.stamp)) == (
        'raspicam',
        original.stamp,
    )
    replay(ros, bag, tmp_path / 'live', [expected], transport='compressed')
    assert actloc(['compare', str(tmp_path / 'offline'), str(tmp_path / 'live')]) == 0

"""Fuzz what topics bring beside images: boxes, depth images and calibrations as ROS messages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from fuzz.target import Target, draw

FLOATS = st.one_of(st.floats(-10, 700), st.floats(width=64))
SECONDS = st.one_of(st.just(5), st.integers(-(2**31), 2**31 - 1))
STAMPS = st.tuples(SECONDS, st.integers(0, 2**32 - 1))
ACTORS = st.lists(
    st.fixed_dictionaries(
        {
            'track_id': st.integers(0, 3),
            'bbox': st.lists(st.floats(width=32), min_size=4, max_size=4)
            | st.just([10.0, 10.0, 50.0, 90.0]),
            'box_score': st.floats(width=32),
            'state': st.integers(0, 255),
        }
    ),
    max_size=4,
)
DEPTHS = st.fixed_dictionaries(
    {
        'width': st.integers(0, 2**32 - 1) | st.just(8),
        'height': st.integers(0, 2**32 - 1) | st.just(6),
        'step': st.integers(0, 2**32 - 1) | st.just(16),
        'encoding': st.sampled_from(['16UC1', '32FC1', 'mono16', 'rgb8', '', '64FC1', '²']),
        'data': st.binary(max_size=200) | st.just(bytes(96)),
    }
)
CALIBRATIONS = st.fixed_dictionaries(
    {
        'width': st.integers(0, 2**32 - 1),
        'height': st.integers(0, 2**32 - 1),
        'k': st.lists(FLOATS, min_size=9, max_size=9),
    }
)
TYPES = {'depth': 'Image', 'camera_info': 'CameraInfo'}
KINDS = {'boxes': ACTORS, 'depth': DEPTHS, 'camera_info': CALIBRATIONS}


def _make(random: Random, _folder: Path) -> tuple[str, tuple[int, int], Any]:
    kind = random.choice(tuple(KINDS))
    return kind, draw(STAMPS, random), draw(KINDS[kind], random)


def _run(given: tuple[str, tuple[int, int], Any]) -> None:
    """Give a message to what takes it, in place of the executor, and ask for figures."""
    from actloc_ros.ros.common.message_types import ros_type

    kind, (seconds, nanoseconds), values = given
    boxes, depth = _inputs()
    if kind == 'boxes':
        actors = [ros_type('actloc_ros/msg/ActionDetection')(**each) for each in values]
        message = ros_type('actloc_ros/msg/ActionDetectionArray')(detections=actors)
    else:
        message = ros_type(f'sensor_msgs/msg/{TYPES[kind]}')(**values)
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds
    {'boxes': boxes._keep, 'depth': _keep_depth, 'camera_info': depth._calibrate}[kind](
        *(('', message) if kind == 'boxes' else (message,))
    )
    assert boxes.values('')
    assert depth.values()


def _keep_depth(message: Any) -> None:
    """Keep a depth image, and convert it as for the frame that it belongs to."""
    from actloc_ros.io.conversions import depth_to_metres

    _inputs()[1]._keep(message)
    depth_to_metres(message)


@cache
def _inputs() -> tuple[Any, Any]:
    """Return what takes boxes, and what takes depth images and calibrations, of a node."""
    import rclpy
    from rclpy.node import Node

    from actloc_ros.ros.localizer_node.boxes_input import BoxesInput
    from actloc_ros.ros.localizer_node.depth_input import DepthInput
    from actloc_ros.stamped_buffer import BufferLimits, StampHistory

    rclpy.init()
    node, stamps, limits = Node('fuzz'), StampHistory(), BufferLimits(1.0, 1_000_000)
    boxes = BoxesInput(
        node, {'': stamps}, 'actloc_ros/ActionDetectionArray', 0.0, limits, lambda *_: None
    )
    depth = DepthInput(node, '', stamps, False, limits, lambda *_: None)
    depth.open()
    return boxes, depth


TARGETS = (Target('ros_messages', _make, _run, 4, _inputs),)

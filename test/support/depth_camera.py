"""Make what a depth camera sends."""

from __future__ import annotations

import numpy as np
from rclpy.qos import HistoryPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type

SIZE = (160, 120)
FOCAL = 100.0
KEEP_ALL = QoSProfile(depth=1, history=HistoryPolicy.KEEP_ALL)


def depth_message(depth: np.ndarray, stamp: int, encoding: str = '32FC1') -> Image:
    """Return a depth image taken at `stamp` (ns)."""
    header = header_message(ros_type, stamp, 'optical')
    message = Image(header=header, encoding=encoding, height=depth.shape[0], width=depth.shape[1])
    message.step = depth.strides[0]
    message.data = depth.tobytes()
    return message


def info_message(size: tuple[int, int], focal: float, centre: tuple[float, float]) -> CameraInfo:
    """Return a pinhole camera's calibration."""
    k = [focal, 0.0, centre[0], 0.0, focal, centre[1], 0.0, 0.0, 1.0]
    return CameraInfo(width=size[0], height=size[1], k=k)

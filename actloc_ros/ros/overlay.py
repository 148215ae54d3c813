"""Run the overlay node, which draws detections into the images that they were made from."""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import rclpy
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.io.conversions import FrameError, image_to_frame
from actloc_ros.io.drawing import draw_message
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetectionArray, LabelInfo
from actloc_ros.ros.common.signals import stop_event
from actloc_ros.ros.common.subscription import MatchedSubscription

TRANSPORTS = ('raw', 'compressed')
WARN_EVERY = 5.0  # s
SPIN_TIME = 0.2  # s after which a signal is noticed
ERROR = 2


class Overlay(Node):
    """Matches images and detections by their exact stamps, and publishes what it draws.

    It is a node of its own so that drawing never slows localization, and draws only while its
    topic has a subscriber. Topics: `image` (or `image/compressed`) and
    `action_localizer/detections` in, `~/image` out. The names of joints, by which limbs are drawn,
    come from `action_localizer/label_info`.
    """

    def __init__(self, message_filters: ModuleType) -> None:
        """Subscribe.

        Args:
            message_filters: The package of that name.

        Raises:
            ValueError: The parameter `transport` has another value than it may.
        """
        super().__init__('overlay')
        self._camera = self._declare('camera', '', 'Camera whose detections to draw.')
        transport = self._declare('transport', 'raw', f'What it sends: {" or ".join(TRANSPORTS)}.')
        if transport not in TRANSPORTS:
            raise ValueError(f'transport is "{transport}"; it must be {" or ".join(TRANSPORTS)}')
        size = self._declare('queue_size', 60, 'Images that wait for their detections.')
        self._images, self._detections = (message_filters.SimpleFilter() for _ in range(2))
        filters = [self._images, self._detections]
        self._matcher = message_filters.TimeSynchronizer(filters, size)
        self._matcher.registerCallback(self._draw)
        self._previous = 0
        self._joint_names: Sequence[str] = ()
        self._publisher = self.create_publisher(Image, '~/image', 10)
        self._subscribe(transport, size)

    def _subscribe(self, transport: str, size: int) -> None:
        kind, topic = Image, 'image'
        if transport == 'compressed':
            kind, topic = CompressedImage, 'image/compressed'
        MatchedSubscription(self, kind, topic, self._take_image, depth=size)
        topic = 'action_localizer/detections'
        MatchedSubscription(self, ActionDetectionArray, topic, self._take_detections, depth=size)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        topic = 'action_localizer/label_info'
        self.create_subscription(LabelInfo, topic, self._take_labels, latched)

    def _declare(self, name: str, default: Any, description: str) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=1, to_value=1000)]
        return self.declare_parameter(name, default, descriptor).value

    def _take_image(self, message: Any) -> None:
        if not self._publisher.get_subscription_count():
            return
        stamp = stamp_of(message.header.stamp)
        if stamp < self._previous:  # a loop: what waits would push out all that is older than it
            for queue in self._matcher.queues:
                queue.clear()
        self._previous = stamp
        self._images.signalMessage(message)

    def _take_detections(self, message: ActionDetectionArray) -> None:
        if message.camera == self._camera:
            self._detections.signalMessage(message)

    def _take_labels(self, message: LabelInfo) -> None:
        self._joint_names = message.joint_names

    def _draw(self, image: Any, detections: ActionDetectionArray) -> None:
        try:
            frame = image_to_frame(image, self._camera)
        except FrameError as error:
            self.get_logger().warning(
                f'an image cannot be drawn into: {error}', throttle_duration_sec=WARN_EVERY
            )
            return
        drawn = draw_message(frame.image, detections, self._joint_names)
        self._publisher.publish(
            Image(
                header=image.header,
                height=frame.height,
                width=frame.width,
                encoding='rgb8',
                step=3 * frame.width,
                data=array('B', drawn.tobytes()),
            )
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until a signal ends it; return the process's exit code."""
    try:
        import message_filters
    except ImportError:
        distro = os.environ.get('ROS_DISTRO', 'DISTRO')
        print(
            'overlay: error: it needs message_filters, which is not installed: '
            f'sudo apt install ros-{distro}-message-filters',
            file=sys.stderr,
        )
        return ERROR
    stop = stop_event()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Overlay(message_filters)
        while not stop.is_set():
            rclpy.spin_once(node, timeout_sec=SPIN_TIME)
    except ValueError as error:
        print(f'overlay: error: {error}', file=sys.stderr)
        return ERROR
    finally:
        rclpy.try_shutdown()
    return 0

"""A camera that comes and goes, changes, lags, repeats itself, jumps in time and breaks."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from actloc_ros.frames import nanoseconds
from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type

SIZES = ((320, 240), (160, 120), (256, 256), (400, 224))
ENCODINGS = {
    'rgb8': lambda pixels: pixels,
    'bgr8': lambda pixels: pixels[..., ::-1],
    'rgba8': lambda pixels: np.dstack([pixels, pixels[..., :1]]),
    'bgra8': lambda pixels: np.dstack([pixels[..., ::-1], pixels[..., :1]]),
}
EPISODE = (1.0, 8.0)  # s that a camera behaves in one way
JUMP = (1.0, 100.0)  # s
LAG = (0.3, 1.5)  # s
LATE = (0.05, 0.4)  # s; less than max_lateness
FOUND = 10.0  # s that the node has to find a new publisher


class SoakCamera(threading.Thread):
    """Publishes a film until `stop`.

    Attributes:
        name: As in the node's parameter `cameras`.
        sent: Images that were published.
        episodes: How often it behaved in each way.
        going: Cleared while it is to send nothing.
    """

    def __init__(self, node: Node, name: str, film: np.ndarray, rate: float, seed: int) -> None:
        """Prepare a camera.

        Args:
            node: Which publishes.
            name: Of the camera.
            film: uint8 (N, height, width, 3), shown again and again.
            rate: Of images, in Hz.
            seed: Of what it does.
        """
        super().__init__(name=name, daemon=True)
        self.sent, self.episodes = 0, Counter[str]()
        self.going = threading.Event()
        self.going.set()
        self._node, self._film, self._rate = node, film, rate
        self._order = random.Random(seed)
        self._stopping = threading.Event()
        self._idle = threading.Event()
        self._index = 0
        self._offset = 0.0
        self._last = 0
        self._size, self._encoding = SIZES[0], 'rgb8'
        self._publisher = self._advertise()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.going.set()
        self.join(FOUND + max(EPISODE) + max(LAG))

    def hold(self) -> None:
        """Send nothing from now on, until `going` is set; wait until that is so."""
        self._idle.clear()
        self.going.clear()
        self._idle.wait(FOUND + max(LAG))

    def run(self) -> None:
        """Behave in one way after the other."""
        ways = (
            self._steady,
            self._leave,
            self._fall_silent,
            self._change_size,
            self._change_encoding,
            self._lag,
            self._repeat,
            self._disorder,
            self._jump_back,
            self._jump_ahead,
            self._break,
            self._forget_stamps,
        )
        while not self._stopping.is_set():
            way = self._order.choice(ways)
            self.episodes[way.__name__.strip('_').replace('_', ' ')] += 1
            way(time.monotonic() + self._order.uniform(*EPISODE))

    def _advertise(self) -> Any:
        reliable = self._order.random() < 0.7
        qos = QoSProfile(depth=20) if reliable else qos_profile_sensor_data
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        topic = f'{self.name}/image'
        return self._node.create_publisher(Image, topic, qos, event_callbacks=quiet)

    def _steady(self, until: float) -> None:
        self._film_until(until, self._publish)

    def _leave(self, until: float) -> None:
        self._node.destroy_publisher(self._publisher)
        self._fall_silent(until)
        self._publisher = self._advertise()
        deadline = time.monotonic() + FOUND
        while not self._publisher.get_subscription_count() and time.monotonic() < deadline:
            if self._stopping.wait(0.05):
                return

    def _fall_silent(self, until: float) -> None:
        while time.monotonic() < until and not self._stopping.is_set():
            self._pause(0.1)

    def _change_size(self, until: float) -> None:
        self._size = self._order.choice(SIZES)
        self._steady(until)

    def _change_encoding(self, until: float) -> None:
        self._encoding = self._order.choice(list(ENCODINGS))
        self._steady(until)

    def _lag(self, until: float) -> None:
        waiting: list[Image] = []
        self._film_until(min(until, time.monotonic() + self._order.uniform(*LAG)), waiting.append)
        for message in waiting:
            self._publish(message)

    def _repeat(self, until: float) -> None:
        def twice(message: Image) -> None:
            self._publish(message)
            self._publish(message)

        self._film_until(until, twice)

    def _disorder(self, until: float) -> None:
        def late(message: Image) -> None:
            if self._last and self._order.random() < 0.3:
                stamp = self._last - nanoseconds(self._order.uniform(*LATE))
                message.header = header_message(ros_type, stamp, self.name)
            self._publish(message)

        self._film_until(until, late)

    def _jump_back(self, until: float) -> None:
        self._offset -= self._order.uniform(*JUMP)
        self._steady(until)

    def _jump_ahead(self, until: float) -> None:
        self._offset += self._order.uniform(*JUMP)
        self._steady(until)

    def _break(self, until: float) -> None:
        def broken(message: Image) -> None:
            if self._order.random() < 0.5:
                self._order.choice(FAULTS)(message)
            self._publish(message)

        self._film_until(until, broken)

    def _forget_stamps(self, until: float) -> None:
        def unset(message: Image) -> None:
            if self._order.random() < 0.3:
                message.header = header_message(ros_type, 0, self.name)
            self._publish(message)

        self._film_until(until, unset)

    def _film_until(self, until: float, use: Callable[[Image], None]) -> None:
        while time.monotonic() < until and not self._stopping.is_set():
            self._pause(1 / self._rate)
            use(self._next())

    def _pause(self, duration: float) -> None:
        self._stopping.wait(duration)
        if not self.going.is_set():
            self._idle.set()
            self.going.wait()

    def _next(self) -> Image:
        pixels = cv2.resize(self._film[self._index % len(self._film)], self._size)
        pixels = np.ascontiguousarray(ENCODINGS[self._encoding](pixels))
        self._index += 1
        stamp = self._node.get_clock().now().nanoseconds + nanoseconds(self._offset)
        header = header_message(ros_type, stamp, self.name)
        message = Image(header=header, encoding=self._encoding, data=pixels.tobytes())
        message.height, message.width = pixels.shape[:2]
        message.step = pixels.shape[1] * pixels.shape[2]
        return message

    def _publish(self, message: Image) -> None:
        stamp = message.header.stamp
        self._last = stamp.sec * 1_000_000_000 + stamp.nanosec
        self._publisher.publish(message)
        self.sent += 1


def _cut(message: Image) -> None:
    message.data = message.data[: len(message.data) // 2]


def _misname(message: Image) -> None:
    message.encoding = 'smell'


def _empty(message: Image) -> None:
    message.width, message.height, message.step, message.data = 0, 0, 0, b''


def _narrow(message: Image) -> None:
    message.step = 1


FAULTS = (_cut, _misname, _empty, _narrow)

"""Subscribe to one camera, store what comes, and say why nothing comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.messages import stamp_of
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.stamped_buffer import StampHistory

SILENCE = 2.0  # s without frames after which a camera counts as silent
RATE_WINDOW = 60  # frames over which the rate is measured


@dataclass
class ReceivedImage:
    """A message as the callback stored it.

    Attributes:
        camera: The camera's name.
        stamp: The header's stamp in ns.
        message: `Image` or `CompressedImage`.
        clock: When it came, by the node's clock, in ns.
        arrival: When it came, by `time.perf_counter`, in s.
    """

    camera: str
    stamp: int
    message: Any
    clock: int
    arrival: float


class CameraInput:
    """The images of one camera; what comes while no `sink` is set is discarded.

    Attributes:
        camera: The camera's name.
        sink: Takes each message; None discards them.
        received: Messages that came while there was a sink, since `restart`.
        callback_times: The newest durations of the callback in s.
    """

    def __init__(
        self, node: Node, camera: str, stamps: StampHistory, compressed: bool, lossless: bool
    ) -> None:
        """Subscribe; `stamps` takes the stamp of every image."""
        self.camera = camera
        self._stamps = stamps
        self.sink: Callable[[ReceivedImage], None] | None = None
        self.received = 0
        self.callback_times: deque[float] = deque(maxlen=300)
        self._node = node
        self._clock = node.get_clock()
        self._arrivals: deque[float] = deque(maxlen=RATE_WINDOW)
        self._type = CompressedImage if compressed else Image
        self._listening = time.monotonic()
        topic = camera_topic(camera, 'image/compressed' if compressed else 'image')
        self._subscription = MatchedSubscription(node, self._type, topic, self._receive, lossless)
        self.topic = self._subscription.topic
        self._lost_before = 0

    def restart(self) -> None:
        """Count from zero."""
        self.received = 0
        self._lost_before = self._subscription.lost

    def open(self, sink: Callable[[ReceivedImage], None]) -> None:
        """Give every message from now on to `sink`, which must return at once."""
        self._arrivals.clear()
        self.callback_times.clear()
        self._listening = time.monotonic()
        self.sink = sink

    def close(self) -> None:
        """Discard messages from now on."""
        self.sink = None

    @property
    def lost(self) -> int:
        """Return how many frames were lost on their way, as far as the middleware knows."""
        return self._subscription.lost - self._lost_before

    @property
    def lost_at(self) -> float:
        """Return when a frame was last known to be lost, by `time.monotonic`, in s."""
        return self._subscription.lost_at

    @property
    def best_effort(self) -> bool:
        """Whether a publisher of the images offers no more than best effort."""
        return self._subscription.best_effort

    def rate(self) -> float:
        """Return the rate in Hz at which frames come now."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or self.silent_for() > SILENCE:
            return 0.0
        return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-9)

    def silent_for(self) -> float:
        """Return the time in s since the last frame, or since the input was opened."""
        newest = self._arrivals[-1] if self._arrivals else self._listening
        return time.monotonic() - newest

    def why_silent(self) -> str:
        """Say why no frames come."""
        return self._subscription.why_silent() + self._other_transport()

    def _other_transport(self) -> str:
        """Hint at the other transport, where somebody publishes that."""
        if self._type is Image:
            other, transport = f'{self.topic}/compressed', 'compressed'
        else:
            other, transport = self.topic.removesuffix('/compressed'), 'raw'
        if self._node.count_publishers(other) and not self._node.count_publishers(self.topic):
            return f'; {other} is published: set transport to {transport}'
        return ''

    def _receive(self, message: Any) -> None:
        began = time.perf_counter()
        sink = self.sink
        if sink is None:
            return
        self.received += 1
        self._arrivals.append(time.monotonic())
        now, stamp = self._clock.now().nanoseconds, stamp_of(message.header.stamp)
        self._stamps.add(stamp)
        sink(ReceivedImage(self.camera, stamp, message, now, began))
        self.callback_times.append(time.perf_counter() - began)


def camera_topic(camera: str, name: str) -> str:
    """Return the topic `name` of a camera."""
    return f'{camera}/{name}' if camera else name

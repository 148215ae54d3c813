"""Subscribe to one camera, store what comes, and say why nothing comes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_policy_name_from_kind,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from actloc_ros.messages import stamp_of

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

SILENCE = 2.0  # s without frames after which a camera counts as silent
RATE_WINDOW = 60  # frames over which the rate is measured


@dataclass
class Received:
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
    """The subscription of one camera, for as long as the node lives.

    Humble crashes where a subscription is destroyed while the node spins: so it stays, and what
    comes while no `sink` is set is let go.

    Attributes:
        camera: The camera's name.
        sink: Takes each message; None lets them go.
        callback_times: The newest durations of the callback in s.
    """

    def __init__(self, node: Node, camera: str, compressed: bool, keep_all: bool) -> None:
        self.camera = camera
        self.sink: Callable[[Received], None] | None = None
        self.received = 0
        self.callback_times: deque[float] = deque(maxlen=300)
        self._node = node
        self._clock = node.get_clock()
        self._arrivals: deque[float] = deque(maxlen=RATE_WINDOW)
        self._type = CompressedImage if compressed else Image
        self._listening = time.monotonic()
        self._qos = input_qos(keep_all)
        name = 'image/compressed' if compressed else 'image'
        self._subscription = subscribe(
            node, self._type, camera_topic(camera, name), self._receive, self._qos
        )
        self.topic = self._subscription.topic_name

    def open(self, sink: Callable[[Received], None]) -> None:
        """Give every message from now on to `sink`, which must return at once."""
        self.received = 0
        self._arrivals.clear()
        self.callback_times.clear()
        self._listening = time.monotonic()
        self.sink = sink

    def close(self) -> None:
        """Let messages go from now on."""
        self.sink = None

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
        endpoints = self._node.get_publishers_info_by_topic(self.topic)
        wanted = f'sensor_msgs/msg/{self._type.__name__}'
        if not endpoints:
            return f'nobody publishes it{self._other_transport()}'
        fitting = [e for e in endpoints if e.topic_type == wanted]
        if not fitting:
            types = ', '.join(sorted({e.topic_type for e in endpoints}))
            return f'it is published as {types}, not as {wanted}'
        faults = [qos_check_compatible(e.qos_profile, self._qos) for e in fitting]
        if all(fault == QoSCompatibility.ERROR for fault, _ in faults):
            return f'the QoS of its publisher does not fit: {faults[0][1].strip()}'
        publishers = ', '.join(sorted({e.node_name for e in fitting}))
        return f'its publisher ({publishers}) sends nothing'

    def _other_transport(self) -> str:
        """Hint at the other transport, where somebody publishes that."""
        if self._type is Image:
            other, transport = f'{self.topic}/compressed', 'compressed'
        else:
            other, transport = self.topic.removesuffix('/compressed'), 'raw'
        if self._node.count_publishers(other):
            return f'; {other} is published: set transport to {transport}'
        return ''

    def _receive(self, message: Any) -> None:
        began = time.perf_counter()
        sink = self.sink
        if sink is None:
            return
        self.received += 1
        self._arrivals.append(time.monotonic())
        now = self._clock.now().nanoseconds
        sink(Received(self.camera, stamp_of(message.header.stamp), message, now, began))
        self.callback_times.append(time.perf_counter() - began)


def camera_topic(camera: str, name: str) -> str:
    """Return the topic `name` of a camera."""
    return f'{camera}/{name}' if camera else name


def input_qos(keep_all: bool) -> QoSProfile:
    """Return what is asked of publishers.

    Sensor data, best effort and volatile, fits whatever a publisher offers; replay asks for more.
    """
    if keep_all:
        return QoSProfile(history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE)
    sensor = qos_profile_sensor_data
    return QoSProfile(history=sensor.history, depth=sensor.depth, reliability=sensor.reliability)


def subscribe(
    node: Node, message_type: Any, topic: str, callback: Callable[[Any], None], qos: QoSProfile
) -> Subscription:
    """Subscribe, with `qos_overrides` allowed and a warning where a publisher does not fit.

    Overrides change `qos`, so that it says what the subscription asks for.
    """

    def warn(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        name = subscription.topic_name
        node.get_logger().warning(
            f'a publisher of {name} offers less {policy} than is asked of it: none of its messages'
            f' will come. Change the publisher, or set the parameter'
            f' qos_overrides.{name}.subscription.{policy.lower()} of this node'
        )

    subscription = node.create_subscription(
        message_type,
        topic,
        callback,
        qos,
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=warn),
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )
    return subscription

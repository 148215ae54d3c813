"""Subscribe with the reliability that publishers offer, and say where nothing fits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    HistoryPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

DEPTH = 5  # messages, as of sensor data
TAKEN = 256  # messages of which the time of sending is kept, to take none twice
CHECK_PERIOD = 1.0  # s between two checks of which publishers there are


class MatchedSubscription:
    """One topic's subscription, for as long as the node lives.

    It asks for reliable delivery: an image goes as many packets, and best effort loses it with any
    of them. As soon as a publisher offers no more than best effort, a second, best-effort
    subscription fits that one too. It gets the messages of reliable publishers as well: each is
    taken once, and while there are only reliable publishers, what the second gets is ignored.
    Nothing is ever unsubscribed: Humble crashes where a subscription is destroyed while the node
    spins.

    Attributes:
        topic: The topic's full name.
        qos: What is asked of publishers now.
        best_effort: Whether a publisher offers no more than best effort.
        lost: Messages that the middleware says were lost on their way.
        lost_at: When it last said so, by `time.monotonic`, in s.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        callback: Callable[[Any], None],
        lossless: bool = False,
        depth: int = DEPTH,
    ) -> None:
        """Subscribe.

        `lossless` insists on every message, so that best effort does not do; else the newest
        `depth` messages may wait. The parameters `qos_overrides.TOPIC.subscription.…` change the
        first subscription.
        """
        self._node, self._type, self._callback = node, message_type, callback
        self._lossless, self._depth = lossless, depth
        history = HistoryPolicy.KEEP_ALL if lossless else HistoryPolicy.KEEP_LAST
        self.qos = QoSProfile(depth=depth, history=history, reliability=ReliabilityPolicy.RELIABLE)
        self.lost, self.lost_at = 0, -inf
        self.best_effort = False
        self._checked = 0.0
        self._taken: deque[int] = deque(maxlen=TAKEN)
        self._second: Subscription | None = None
        self._first = self._subscribe(
            topic,
            self._take_first,
            self._count_lost,
            incompatible_qos=self._mismatch,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.topic: str = self._first.topic_name

    def why_silent(self) -> str:
        """Say why no messages come."""
        endpoints = self._node.get_publishers_info_by_topic(self.topic)
        if not endpoints:
            return 'nobody publishes it'
        wanted = f'sensor_msgs/msg/{self._type.__name__}'
        fitting = [e for e in endpoints if e.topic_type == wanted]
        if not fitting:
            types = ', '.join(sorted({e.topic_type for e in endpoints}))
            return f'it is published as {types}, not as {wanted}'
        faults = [qos_check_compatible(e.qos_profile, self.qos) for e in fitting]
        if all(fault == QoSCompatibility.ERROR for fault, _ in faults):
            return f'the QoS of its publisher does not fit: {faults[0][1].strip()}'
        publishers = ', '.join(sorted({e.node_name for e in fitting}))
        return f'its publisher ({publishers}) sends nothing'

    def _subscribe(
        self,
        topic: str,
        callback: Callable[[Any, Any], None],
        lost: Callable[[Any], None],
        incompatible_qos: Callable[[Any], None] | None = None,
        **options: Any,
    ) -> Subscription:
        def create(**events: Any) -> Subscription:
            callbacks = SubscriptionEventCallbacks(incompatible_qos=incompatible_qos, **events)
            return self._node.create_subscription(
                self._type,
                topic,
                callback,  # type: ignore[arg-type] # rclpy takes the information too
                self.qos,
                event_callbacks=callbacks,
                **options,
            )

        try:
            return create(message_lost=lost)
        except UnsupportedEventTypeError:  # by this middleware
            return create()

    def _count_lost(self, event: Any) -> None:
        self.lost += event.total_count_change
        self.lost_at = time.monotonic()

    def _count_lost_second(self, event: Any) -> None:
        self._follow_publishers()
        if self.best_effort:  # else the first subscription has them
            self._count_lost(event)

    def _take_first(self, message: Any, info: Any) -> None:
        if self._second is None or self._is_new(info):
            self._callback(message)

    def _take_second(self, message: Any, info: Any) -> None:
        self._follow_publishers()
        if self.best_effort and self._is_new(info):
            self._callback(message)

    def _is_new(self, info: Any) -> bool:
        """Say whether the other subscription has not given this message, by when it was sent."""
        sent = info['source_timestamp']
        if sent and sent in self._taken:
            return False
        self._taken.append(sent)
        return True

    def _follow_publishers(self) -> None:
        """Note now and then whether a publisher of best effort is still there."""
        now = time.monotonic()
        if now - self._checked < CHECK_PERIOD:
            return
        self._checked = now
        self.best_effort = any(
            endpoint.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
            for endpoint in self._node.get_publishers_info_by_topic(self.topic)
        )

    def _mismatch(self, event: Any) -> None:
        """Take best effort where that is all there is, or warn."""
        if self._lossless or event.last_policy_kind != QoSPolicyKind.RELIABILITY:
            self._warn(qos_policy_name_from_kind(event.last_policy_kind))
            return
        self.best_effort, self._checked = True, time.monotonic()
        if self._second is None:
            self._node.get_logger().info(
                f'a publisher of {self.topic} offers best effort alone: so it is taken, and images'
                ' may get lost on their way'
            )
            self.qos = QoSProfile(depth=self._depth, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._second = self._subscribe(
                self._first.topic_name, self._take_second, self._count_lost_second
            )

    def _warn(self, policy: str) -> None:
        self._node.get_logger().warning(
            f'a publisher of {self.topic} offers less {policy} than is asked of it: none of its'
            f' messages will come. Change the publisher, or set the parameter'
            f' qos_overrides.{self.topic}.subscription.{policy.lower()} of this node'
        )

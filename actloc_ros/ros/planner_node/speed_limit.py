"""Send the speed limit that people ask for, beside others who send theirs on the same topic."""

from __future__ import annotations

import time
from typing import Any

from actloc_ros.messages import header_message
from actloc_ros.planners.speed_limit import Limit, SpeedLimiter
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.outputs import NodeContext, Output, Scene, message_class

DEPTH = 10
PERIOD = 1.0  # s: a controller that was started again knows of no limit
MARK = 'actloc_planner_bridge:'  # begins the frame_id, which nobody reads: whose limit it is


class SpeedLimitOutput(Output):
    """`speed_limit`, on every change and each second, for as long as the node is active."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._limiter = SpeedLimiter(context.settings.speed)
        self._class = message_class('nav2_msgs/msg/SpeedLimit', 'nav2.speed_limit')
        self._mark = MARK + context.node.get_fully_qualified_name()
        self._sent: tuple[Limit, float] | None = None
        node = context.node
        self._publisher = node.create_lifecycle_publisher(self._class, 'speed_limit', DEPTH)
        self._others = node.create_subscription(self._class, 'speed_limit', self._take, DEPTH)

    def cycle(self, scene: Scene) -> None:
        """Send the limit; while somebody's place is not known, it is low."""
        nearest = scene.met.nearest(1) if scene.met is not None else []
        gap = float(scene.met.gap[nearest[0]]) if scene.met is not None and nearest else None
        known = not scene.faults and not scene.unplaced and scene.met is not None
        self._send(self._limiter.update(scene.now, gap, known))

    def reset(self) -> None:
        """Be slow until people are known again."""
        self._limiter.reset()

    def release(self) -> None:
        """Leave the limit that others asked for, or none: nobody would take ours back."""
        self._sent = None
        self._send(self._limiter.released())
        self._sent = None
        self._limiter.reset()

    def _send(self, limit: Limit) -> None:
        now = time.monotonic()
        if self._sent is not None and self._sent[0] == limit and now - self._sent[1] < PERIOD:
            return
        stamp = self._context.node.get_clock().now().nanoseconds
        message = self._class(header=header_message(ros_type, stamp, self._mark))
        message.percentage, message.speed_limit = limit.percentage, float(limit.value)
        self._publisher.publish(message)
        self._sent = limit, now

    def _take(self, message: Any) -> None:
        """Take the limit of somebody else, and answer at once: who writes last wins."""
        sender = message.header.frame_id
        if sender == self._mark:
            return
        if sender.startswith(MARK):
            # Each would take the other's answer for a wish of its own, and none would ever rise.
            self._context.warn(
                'bridges',
                f'{sender.removeprefix(MARK)} sends limits on {self._publisher.topic_name} too, and'
                ' they are ignored: let one planner_bridge listen to all localizers',
            )
            return
        limit = Limit(message.speed_limit, message.percentage)
        if not self._limiter.take(limit):
            self._context.warn('limit', f'a speed limit of {limit.value} is ignored')
            return
        self._sent = None
        self._send(self._limiter.current())

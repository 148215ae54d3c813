"""Run the planner bridge and talk to it as localizers and consumers do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rclpy
from lifecycle_msgs.srv import ChangeState
from node_harness import TRANSITIONS, spinning, wait_for
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile

from actloc_ros.messages import header_message
from actloc_ros.msg import ActionDetection, ActionDetectionArray, ActionHypothesis
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.node import PlannerBridge

EVERYTHING = QoSProfile(depth=10, history=HistoryPolicy.KEEP_ALL)
FRAME = 'base_link'
SIZE = (640, 480)


def detection(
    track: int,
    position: Sequence[float] | None = None,
    velocity: Sequence[float] | None = None,
    label: str = '',
    *,
    state: int = ActionDetection.ONGOING,
    score: float = 0.9,
    frame: str = FRAME,
    box: Sequence[float] = (100.0, 40.0, 200.0, 440.0),
    joints: Sequence[Sequence[float]] = (),
    joints_3d: Sequence[Sequence[float]] = (),
) -> ActionDetection:
    """Return one actor with one action; stamps and camera come with the array."""
    message = ActionDetection(track_id=track, label=label, box_score=0.8)
    message.bbox = [float(value) for value in box]
    message.state = state if label else ActionDetection.UNKNOWN
    message.class_id, message.instance_id = (2, track) if label else (-1, 0)
    if label:
        message.results = [ActionHypothesis(class_id=2, label=label, score=score)]
    if position is not None:
        message.has_pose = True
        message.pose.header.frame_id = frame
        at = message.pose.pose.pose.position
        at.x, at.y, at.z = (float(value) for value in position)
        message.pose.pose.pose.orientation.w = 1.0
        message.size.x, message.size.y, message.size.z = 0.5, 1.7, 0.3
    if velocity is not None:
        message.has_velocity = True
        message.velocity.header.frame_id = frame
        vector = message.velocity.vector
        vector.x, vector.y, vector.z = (float(value) for value in velocity)
    if joints:
        columns = [[float(value) for value in column] for column in zip(*joints, strict=True)]
        message.joints_x, message.joints_y, message.joints_score = columns
    point = ros_type('geometry_msgs/msg/Point')
    message.joints_3d = [point(x=float(x), y=float(y), z=float(z)) for x, y, z in joints_3d]
    return message


class BridgeClient:
    """Localizers, a robot and consumers around the node under test."""

    def __init__(self) -> None:
        self.node = Node('bridge_client')
        self._publishers: dict[str, Any] = {}
        self._changes: Any = None

    def listen(self, message_type: Any, topic: str, qos: Any = EVERYTHING) -> list[Any]:
        """Return a list of all messages that come on a topic."""
        found: list[Any] = []
        self.node.create_subscription(message_type, topic, found.append, qos)
        return found

    def publisher(self, message_type: Any, topic: str, qos: Any = 10) -> Any:
        """Return a publisher that the node has found."""
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(message_type, topic, qos)
            wait_for(self._publishers[topic].get_subscription_count)
        return self._publishers[topic]

    def report(
        self,
        *detections: ActionDetection,
        localizer: str = 'action_localizer',
        camera: str = '',
        age: float = 0.0,
        stamp: int | None = None,
    ) -> int:
        """Send what a localizer sees, taken `age` s ago or at `stamp` (ns); return the stamp."""
        if stamp is None:
            stamp = self.now() - round(age * 1e9)
        header = header_message(ros_type, stamp, 'optical')
        message = ActionDetectionArray(header=header, camera=camera, model='test')
        message.image_width, message.image_height = SIZE
        for each in detections:
            each.header, each.camera = header, camera
            for stamped in (each.pose.header, each.velocity.header):
                stamped.stamp = header.stamp
        message.detections = list(detections)
        self.publisher(ActionDetectionArray, f'{localizer}/detections').publish(message)
        return stamp

    def report_until(self, what: Any, *detections: ActionDetection, **options: Any) -> Any:
        """Report the same again and again, as a localizer does, until `what` gives an answer."""

        def step() -> Any:
            self.report(*detections, **options)
            time.sleep(0.03)
            return what()

        return wait_for(step)

    def change_state(self, transition: str) -> bool:
        """Ask for a transition as a lifecycle manager does; say whether it went well."""
        if self._changes is None:
            self._changes = self.node.create_client(ChangeState, 'planner_bridge/change_state')
            assert self._changes.wait_for_service(30)
        request = ChangeState.Request()
        request.transition.id, request.transition.label = TRANSITIONS[transition], transition
        future = self._changes.call_async(request)
        wait_for(future.done)
        return bool(future.result().success)

    def now(self) -> int:
        """Return the time in ns."""
        return int(self.node.get_clock().now().nanoseconds)


@contextmanager
def running_bridge(**parameters: Any) -> Iterator[tuple[PlannerBridge, BridgeClient]]:
    """Run the node with `parameters` (`__` stands for a dot), and a client beside it."""
    given = {'frame': FRAME, 'rate': 20.0, **parameters}
    rclpy.init()
    try:
        overrides = [Parameter(k.replace('__', '.'), value=v) for k, v in given.items()]
        node, client = PlannerBridge(parameter_overrides=overrides), BridgeClient()
        with spinning(node, client.node):
            yield node, client
        node.trigger_shutdown()
        node.destroy_node()
        client.node.destroy_node()
    finally:
        rclpy.shutdown()

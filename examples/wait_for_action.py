"""Wait until an action starts, and print who does it, where and since when.

Start the node, then, in another shell:

    python examples/wait_for_action.py walking
"""

import argparse
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from rclpy.utilities import remove_ros_args

from actloc_ros.msg import ActionDetection

# One frame may start and end many actions at once: a queue of fixed length would lose some.
EVENTS = QoSProfile(history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE)


class Waiter(Node):
    """Waits for the first event that starts an action.

    Attributes:
        event: Holds the `ActionDetection` as soon as it came.
    """

    def __init__(self, label: str) -> None:
        super().__init__('waiter')
        self.event = Future()
        self._label = label
        self.create_subscription(ActionDetection, 'action_localizer/events', self._take, EVENTS)

    def _take(self, event: ActionDetection) -> None:
        started = event.state == ActionDetection.STARTED and event.label == self._label
        if started and not self.event.done():
            self.event.set_result(event)


def describe(event: ActionDetection) -> str:
    """Return e.g. `track 3 started walking at 12.40 s, x 10 to 50 px, y 20 to 90 px in …`."""
    start = event.start_time.sec + event.start_time.nanosec / 1e9
    return f'track {event.track_id} started {event.label} at {start:.2f} s, {where(event)}'


def where(event: ActionDetection) -> str:
    """Return the actor's position in space where the node has depth, else its box."""
    if event.has_pose:
        at = event.pose.pose.pose.position
        return f'({at.x:.2f}, {at.y:.2f}, {at.z:.2f}) m in {event.pose.header.frame_id}'
    x1, y1, x2, y2 = (round(value) for value in event.bbox)
    camera = f'camera {event.camera}' if event.camera else 'the image'
    return f'x {x1} to {x2} px, y {y1} to {y2} px in {camera}'


def main() -> int:
    """Wait, print and return the exit code: 0 if the action started."""
    parser = argparse.ArgumentParser(description='Wait until an action starts.')
    parser.add_argument('label', help="the action, one of the model's labels")
    label = parser.parse_args(remove_ros_args(sys.argv)[1:]).label
    rclpy.init()
    waiter = Waiter(label)
    try:
        rclpy.spin_until_future_complete(waiter, waiter.event)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 1
    print(describe(waiter.event.result()), flush=True)
    waiter.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())

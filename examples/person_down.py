"""Wait until somebody is down, and print who, since when and how sure that is.

Start the localizer and the monitor, then, in another shell:

    python examples/person_down.py
"""

import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.task import Future

from actloc_ros.msg import ActionAlarm

RULE = 'person_down'  # of config/person_down.yaml
QUEUE = 100  # steps of alarms that may wait


class Waiter(Node):
    """Waits for the first alarm of the rule.

    Attributes:
        alarm: Holds the `ActionAlarm` as soon as it came.
    """

    def __init__(self) -> None:
        super().__init__('person_down')
        self.alarm = Future()
        self.create_subscription(ActionAlarm, 'action_monitor/alarms', self._take, QUEUE)

    def _take(self, alarm: ActionAlarm) -> None:
        if alarm.type == ActionAlarm.NEW and alarm.rule == RULE and not self.alarm.done():
            self.alarm.set_result(alarm)


def describe(alarm: ActionAlarm) -> str:
    """Return e.g. `track 3 is down since 12.40 s (falling, lying; score 0.83) in camera hall`."""
    tracks = ', '.join(str(track) for track in alarm.track_ids)
    start = alarm.start_time.sec + alarm.start_time.nanosec / 1e9
    camera = f' in camera {alarm.camera}' if alarm.camera else ''
    doing = ', '.join(alarm.labels)
    return f'track {tracks} is down since {start:.2f} s ({doing}; score {alarm.score:.2f}){camera}'


def main() -> int:
    """Wait, print and return the exit code: 0 if there was an alarm."""
    rclpy.init()
    waiter = Waiter()
    try:
        rclpy.spin_until_future_complete(waiter, waiter.alarm)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 1
    print(describe(waiter.alarm.result()), flush=True)
    waiter.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Stop the robot for who crosses its way: a behaviour tree of py_trees.

    python examples/stop_for_crossing.py

`cmd_vel_nav` goes on to `cmd_vel` while it is known that nobody is in the lower middle of the
image and that nobody does `crossing`; otherwise the robot stops. Give other corners, x y in [0, 1]
of the image, or with --frame in m: --zone 0 -0.5 2 -0.5 2 0.5 0 0.5 --frame base_link
"""

import argparse
import sys

import py_trees
import rclpy
from geometry_msgs.msg import Twist
from py_trees.common import Status
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from actloc_ros.planners.conditions import Zone
from actloc_ros.ros.behaviours import IsPersonDoing, IsZoneFree

ZONE = [0.3, 0.6, 0.7, 0.6, 0.8, 1.0, 0.2, 1.0]
PERIOD = 0.1  # s between ticks


class Drive(py_trees.behaviour.Behaviour):
    """Passes on what the planner wants; it never ends."""

    def setup(self, **kwargs: object) -> None:
        """Take velocities, and send them on."""
        node = kwargs['node']
        self.wanted = Twist()
        self.wheels = node.create_publisher(Twist, 'cmd_vel', 10)
        node.create_subscription(Twist, 'cmd_vel_nav', self.take, 10)

    def take(self, wanted: Twist) -> None:
        """Note what the planner wants."""
        self.wanted = wanted

    def update(self) -> Status:
        """Drive."""
        self.wheels.publish(self.wanted)
        return Status.RUNNING


class Stop(Drive):
    """Sends zeros instead."""

    def update(self) -> Status:
        """Stand."""
        self.wheels.publish(Twist())
        return Status.RUNNING


def tree(zone: Zone) -> py_trees.trees.BehaviourTree:
    """Return: drive while the way is free, else stop."""
    # Inverted, a condition is true while nothing is known: the zone is asked first for that reason.
    crossing = IsPersonDoing('does somebody cross', 'crossing')
    free = py_trees.composites.Sequence(
        'free way',
        memory=False,
        children=[
            IsZoneFree('is the way free', zone),
            py_trees.decorators.Inverter('does nobody cross', crossing),
            Drive('drive'),
        ],
    )
    return py_trees.trees.BehaviourTree(
        py_trees.composites.Selector('drive or stop', memory=False, children=[free, Stop('stop')])
    )


def main() -> int:
    """Tick until a signal ends it."""
    parser = argparse.ArgumentParser(description='Stop for who crosses.')
    parser.add_argument('--zone', type=float, nargs='+', default=ZONE, help='x y of each corner')
    parser.add_argument('--frame', default='', help='of corners in m; none: the image')
    given = parser.parse_args(remove_ros_args(sys.argv)[1:])
    zone = Zone(tuple(zip(given.zone[::2], given.zone[1::2], strict=True)), given.frame)
    rclpy.init()
    node = Node('stop_for_crossing')
    decisions = tree(zone)
    decisions.setup(node=node)
    node.create_timer(PERIOD, decisions.tick)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    return 0


if __name__ == '__main__':
    sys.exit(main())

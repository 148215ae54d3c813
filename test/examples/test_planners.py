"""Run the examples that drive a robot's wheels."""

import subprocess
import sys
import time

import pytest
import rclpy
from bridge_harness import BridgeClient, detection
from geometry_msgs.msg import Twist
from node_harness import spinning, wait_for


@pytest.fixture
def robot():
    """Return what surrounds the example, and what its wheels get."""
    rclpy.init()
    client = BridgeClient()
    wheels = client.listen(Twist, 'cmd_vel')
    with spinning(client.node):
        yield client, wheels
    client.node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def started(examples):
    """Return what starts an example, and ends it."""
    running = []

    def start(name, *arguments):
        running.append(subprocess.Popen([sys.executable, examples / name, *arguments]))

    yield start
    for each in running:
        each.kill()
        each.wait(10)


def drives_at(robot, expected, *people, timeout=40.0, silent=False):
    """Ask for 1 m/s and report people until the wheels get what is expected."""
    client, wheels = robot
    wheels.clear()

    def step():
        client.publisher(Twist, 'cmd_vel_nav').publish(wanted)
        if not silent:
            client.report(*people)
        time.sleep(0.05)
        return wheels and wheels[-1].linear.x == pytest.approx(expected, abs=0.011)

    wanted = Twist()
    wanted.linear.x = 1.0
    wait_for(step, timeout)


def test_slow_down_for_people(robot, started):
    started('slow_down_for_people.py')
    drives_at(robot, 1.0)
    drives_at(robot, 0.6, detection(1, (0, 0, 2.0)), detection(2, (0, 0, 5.0)))
    drives_at(robot, 0.2, detection(1, (0, 0, 0.5)))
    drives_at(robot, 1.0)
    drives_at(robot, 0.2, detection(1))  # somewhere
    drives_at(robot, 1.0)
    drives_at(robot, 0.2, silent=True)


def test_stop_for_a_crossing(robot, started):
    pytest.importorskip('py_trees', reason='py_trees is not installed')
    before, beside = (300, 100, 340, 400), (10, 100, 60, 400)
    started('stop_for_crossing.py')
    drives_at(robot, 1.0)
    drives_at(robot, 0.0, detection(1, box=before))
    drives_at(robot, 1.0, detection(1, box=beside))
    drives_at(robot, 0.0, detection(1, box=beside, label='crossing'))
    drives_at(robot, 1.0)
    drives_at(robot, 0.0, silent=True)

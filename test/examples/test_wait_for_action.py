"""Run the example of a planner that waits for an action."""

import subprocess
import sys

import pytest
import rclpy
from node_harness import wait_for
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile

from actloc_ros.msg import ActionDetection

EVENTS = 'robot/action_localizer/events'


@pytest.fixture
def publisher():
    """Return a publisher of events in the namespace of a robot."""
    rclpy.init()
    node = Node('events')
    qos = QoSProfile(depth=10, history=HistoryPolicy.KEEP_ALL)
    yield node.create_publisher(ActionDetection, EVENTS, qos)
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def planner(examples):
    """Return the example, which waits for someone who walks, as a process."""
    command = [sys.executable, examples / 'wait_for_action.py', 'walking']
    remapped = ['--ros-args', '-r', '__ns:=/robot']
    running = subprocess.Popen([*command, *remapped], stdout=subprocess.PIPE, text=True)
    yield running
    running.kill()
    running.wait(10)


def event(label, state=ActionDetection.STARTED, track=1):
    message = ActionDetection(label=label, state=state, track_id=track, camera='front')
    message.start_time.sec, message.start_time.nanosec = 12, 500_000_000
    message.bbox = [10.0, 20.0, 50.4, 90.0]
    return message


def test_the_first_start_of_the_action_counts_also_in_a_burst(publisher, planner):
    wait_for(publisher.get_subscription_count)
    publisher.publish(event('walking', ActionDetection.ENDED, track=7))
    for track in range(1, 100):
        publisher.publish(event('waving', track=track))
    publisher.publish(event('walking', track=3))
    publisher.publish(event('walking', track=4))
    printed, _ = planner.communicate(timeout=30)
    assert planner.returncode == 0
    assert printed == (
        'track 3 started walking at 12.50 s, x 10 to 50 px, y 20 to 90 px in camera front\n'
    )


def test_with_depth_it_prints_the_position(publisher, planner):
    wait_for(publisher.get_subscription_count)
    message = event('walking')
    message.has_pose = True
    message.pose.header.frame_id = 'map'
    message.pose.pose.pose.position.x, message.pose.pose.pose.position.z = 1.5, -0.25
    publisher.publish(message)
    printed, _ = planner.communicate(timeout=30)
    assert planner.returncode == 0
    assert printed.endswith('12.50 s, (1.50, 0.00, -0.25) m in map\n')


def test_the_launch_file_compiles(examples):
    path = examples / 'wait_for_action.launch.py'
    compile(path.read_text(), str(path), 'exec')


def test_the_launch_file_starts_node_and_planner(examples):
    pytest.importorskip('launch_ros', reason='launch_ros is not installed')
    from launch import LaunchContext
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch_ros.actions import Node as LaunchedNode

    source = PythonLaunchDescriptionSource(str(examples / 'wait_for_action.launch.py'))
    description = source.get_launch_description(LaunchContext())
    arguments = description.get_launch_arguments()
    assert [argument.name for argument in arguments[:2]] == ['label', 'namespace']
    [planner] = [each for each in description.entities if isinstance(each, LaunchedNode)]
    assert planner.node_executable == 'python3'

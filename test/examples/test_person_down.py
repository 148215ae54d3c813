"""Run the example that waits until somebody is down."""

import subprocess
import sys
from array import array

import rclpy
from node_harness import wait_for
from rclpy.node import Node

from actloc_ros.msg import ActionAlarm


def alarm(rule, kind=ActionAlarm.NEW, track=3):
    message = ActionAlarm(type=kind, rule=rule, labels=['falling', 'lying'], score=0.834)
    message.track_ids, message.camera = array('I', [track]), 'hall'
    message.start_time.sec, message.start_time.nanosec = 12, 400_000_000
    return message


def test_it_prints_who_is_down(examples):
    rclpy.init()
    node = Node('alarms')
    publisher = node.create_publisher(ActionAlarm, 'robot/action_monitor/alarms', 10)
    command = [sys.executable, examples / 'person_down.py', '--ros-args', '-r', '__ns:=/robot']
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(publisher.get_subscription_count)
        for message in (
            alarm('loitering'),
            alarm('person_down', ActionAlarm.END, track=1),
            alarm('person_down'),
        ):
            publisher.publish(message)
        printed, _ = running.communicate(timeout=30)
        assert running.returncode == 0
        assert printed == (
            'track 3 is down since 12.40 s (falling, lying; score 0.83) in camera hall\n'
        )
    finally:
        running.kill()
        running.wait(10)
        node.destroy_node()
        rclpy.shutdown()


def test_the_launch_file_compiles(examples):
    path = examples / 'person_down.launch.py'
    compile(path.read_text(), str(path), 'exec')

"""Tick behaviour trees over people: what is old or unknown is never a reason to go on."""

import time

import pytest
import rclpy
from bridge_harness import BridgeClient, detection
from node_harness import spinning, wait_for
from rclpy.node import Node

from actloc_ros.msg import ActionDetection
from actloc_ros.planners.conditions import Zone

pytest.importorskip('py_trees', reason='py_trees is not installed')

from py_trees.common import Status
from py_trees.trees import BehaviourTree

from actloc_ros.messages import header_message
from actloc_ros.ros.behaviours import EVENTS, IsPersonDoing, IsZoneFree, WaitForAction
from actloc_ros.ros.common.message_types import ros_type

DESK = Zone(((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)))
FLOOR = Zone(((0, -1), (2, -1), (2, 1), (0, 1)), frame='map')
IN_DESK, BESIDE = (100, 40, 200, 440), (500, 40, 600, 440)


@pytest.fixture(scope='module')
def ros():
    """Return a node for trees and a localizer."""
    rclpy.init()
    node, client = Node('tree'), BridgeClient()
    with spinning(node, client.node):
        yield node, client
    node.destroy_node()
    client.node.destroy_node()
    rclpy.shutdown()


def planted(node, behaviour):
    BehaviourTree(behaviour).setup(node=node)
    return behaviour


def becomes(client, behaviour, status, *people, **options):
    """Report people until a tick gives `status`."""

    def tick():
        behaviour.tick_once()
        return behaviour.status == status

    client.report_until(tick, *people, **options)


def test_a_person_is_doing_something_while_reports_are_young(ros):
    node, client = ros
    condition = planted(node, IsPersonDoing('waves', 'waving', max_age=0.5))
    condition.tick_once()
    assert (condition.status, condition.feedback_message) == (Status.FAILURE, 'no report yet')
    becomes(client, condition, Status.SUCCESS, detection(7, label='waving'), detection(8))
    assert condition.tracks == [7]
    becomes(client, condition, Status.FAILURE, detection(7, label='walking'))
    ended = detection(7, label='waving', state=ActionDetection.ENDED)
    becomes(client, condition, Status.FAILURE, ended)
    becomes(client, condition, Status.SUCCESS, detection(7, label='waving'))
    time.sleep(0.6)  # the localizer is silent
    condition.tick_once()
    assert condition.status == Status.FAILURE
    assert 's old' in condition.feedback_message


def test_a_zone_is_free_only_where_that_is_known(ros):
    node, client = ros
    image = planted(node, IsZoneFree('desk', DESK))
    floor = planted(node, IsZoneFree('floor', FLOOR))
    for zone in (image, floor):
        zone.tick_once()
        becomes(client, zone, Status.SUCCESS)
    becomes(client, image, Status.FAILURE, detection(1, box=IN_DESK))
    becomes(client, image, Status.SUCCESS, detection(1, box=BESIDE))
    becomes(client, floor, Status.FAILURE, detection(1, (1, 0, 1), frame='map'))
    becomes(client, floor, Status.SUCCESS, detection(1, (3, 0, 1), frame='map'))
    becomes(client, floor, Status.FAILURE, detection(1, (3, 0, 1), frame='optical'))
    becomes(client, floor, Status.SUCCESS)
    becomes(client, floor, Status.FAILURE, detection(1))  # seen without depth


def test_waiting_takes_the_first_start_after_it_began(ros):
    node, client = ros
    wait = planted(node, WaitForAction('wait', 'waving', max_age=1.0))
    events = client.publisher(ActionDetection, 'action_localizer/events', EVENTS)

    def send(label, state=ActionDetection.STARTED, age=0.0):
        stamp = client.now() - round(age * 1e9)
        event = ActionDetection(label=label, state=state)
        event.header = header_message(ros_type, stamp, 'optical')
        events.publish(event)
        time.sleep(0.1)

    send('waving')
    for label, state, age in (
        ('waving', ActionDetection.STARTED, 0.9),  # before the first tick, and on its way since
        ('walking', ActionDetection.STARTED, 0.0),
        ('waving', ActionDetection.ENDED, 0.0),
        ('waving', ActionDetection.STARTED, 5.0),
    ):
        wait.tick_once()
        assert wait.status == Status.RUNNING
        send(label, state, age)
    wait.tick_once()
    assert wait.status == Status.RUNNING

    def started():
        send('waving')
        wait.tick_once()
        return wait.status == Status.SUCCESS

    wait_for(started)
    assert wait.event.label == 'waving'


def test_what_is_no_tree_and_no_zone_is_refused():
    with pytest.raises(KeyError, match='waves needs a node'):
        IsPersonDoing('waves', 'waving').setup()
    with pytest.raises(ValueError, match='is no area'):
        Zone(((0, 0), (1, 1)))
    with pytest.raises(ValueError, match='is no area'):
        Zone(((0, 0), (1, 1), (2, 2)))

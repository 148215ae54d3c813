"""Check that the robot is never let loose by what the bridge does not know."""

import re
import signal
import subprocess
import sys
import time

import pytest
from bridge_harness import FRAME, detection, running_bridge
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from node_harness import stamp_of, values, wait_for
from rclpy.parameter import Parameter
from sensor_msgs.msg import PointCloud2

from actloc_ros.messages import header_message
from actloc_ros.planners.settings import SPECS, planner_settings
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.node import PlannerBridge

SECOND = 1_000_000_000
DEFAULTS = {spec.name: spec.default for spec in SPECS}

try:
    from nav2_msgs.msg import SpeedLimit
except ImportError:
    SpeedLimit = None

needs_nav2 = pytest.mark.skipif(
    SpeedLimit is None, reason='nav2_msgs is not installed, for nav2.speed_limit'
)


@pytest.fixture(scope='module')
def bridge():
    """Return a node that listens to two localizers and to odometry, what it sends, a client."""
    given = {'localizers': ['left', 'right'], 'frame': 'odom', 'stale': 0.6, 'nav2__cloud': True}
    if SpeedLimit:
        given |= {'nav2__speed_limit': True, 'speed_limit__release': 0.2}
    with running_bridge(**given) as (node, client):
        clouds = client.listen(PointCloud2, 'planner_bridge/people_cloud')
        reports = client.listen(DiagnosticArray, '/diagnostics')
        limits = client.listen(SpeedLimit, 'speed_limit') if SpeedLimit else []
        assert node.autostart()
        yield Bridge(node, client, clouds, limits, reports)


class Bridge:
    """The node under test and what surrounds it."""

    def __init__(self, node, client, clouds, limits, reports) -> None:
        self.node, self.client, self.clouds, self.limits = node, client, clouds, limits
        self._reports = reports

    def step(self, left=(), right=(), speed=0.0, x=0.0, frame='odom', age=0.0) -> None:
        """Send odometry and reports of both localizers; None: that one is silent."""
        odometry = Odometry(header=header_message(ros_type, self.client.now(), frame))
        odometry.pose.pose.position.x = x
        odometry.pose.pose.orientation.w = 1.0
        odometry.twist.twist.linear.x = speed
        self.client.publisher(Odometry, 'odom').publish(odometry)
        for name, people in (('left', left), ('right', right)):
            if people is not None:
                self.client.report(*people, localizer=name, age=age)

    def until(self, what, **step):
        """Step as long as `what` gives nothing."""

        def once():
            self.step(**step)
            time.sleep(0.05)
            return what()

        return wait_for(once)

    def said(self, text):
        """Return the newest diagnostic status of the bridge, if it says `text`."""
        for array in reversed(list(self._reports)):
            for status in array.status:
                if status.name.endswith('planner bridge'):
                    return status if text in status.message else None
        return None

    def cloud_after(self, stamp):
        """Return the number of points in the newest cloud that is later than `stamp`."""
        later = [m for m in list(self.clouds) if stamp_of(m) > stamp]
        return later[-1] if later else None

    def limit(self):
        """Return the newest limit."""
        return self.limits[-1].speed_limit if self.limits else None


def at(track, x, y=0.0, frame='odom', **options):
    return detection(track, (x, y, 1.0), frame=frame, **options)


def test_people_of_two_localizers_are_all_there_and_one_that_is_silent_stops_the_robot(bridge):
    cloud = bridge.until(
        lambda: next((m for m in bridge.clouds if m.width > 1000), None),
        left=[at(1, 2.0)],
        right=[at(1, 2.0, 2.0)],
    )
    assert cloud.header.frame_id == 'odom'
    bridge.until(lambda: bridge.said('the last report of right is'), left=[at(1, 2.0)], right=None)
    begin, count = bridge.client.now(), len(bridge.clouds)
    bridge.until(lambda: bridge.client.now() > begin + SECOND, left=[at(1, 2.0)], right=None)
    assert len(bridge.clouds) == count  # consumers notice silence, and stop
    bridge.until(lambda: bridge.said('people are known'))


def test_stamps_that_lag_behind_are_stale_however_often_they_come(bridge):
    bridge.until(lambda: bridge.said('people are known'))
    bridge.until(lambda: bridge.said('s old'), left=[at(1, 1.0)], age=2.0)
    bridge.until(lambda: bridge.said('people are known'))


def test_odometry_that_stops_is_not_a_robot_that_stands(bridge):
    bridge.until(lambda: bridge.said('people are known'))

    def step():
        bridge.client.report(localizer='left')
        bridge.client.report(localizer='right')
        return bridge.said('odometry is')

    wait_for(step)
    bridge.until(lambda: bridge.said('people are known'))


def test_a_frame_that_tf_does_not_know_is_counted_and_said(bridge):
    status = bridge.until(
        lambda: bridge.said('people are detected whose place is not known'),
        left=[at(1, 1.0, frame='nowhere')],
    )
    assert int(values(status)['people without a place']) > 0


@needs_nav2
def test_the_limit_is_low_for_people_without_a_place_and_while_blind(bridge):
    bridge.until(lambda: bridge.limit() == 100)
    bridge.until(lambda: bridge.limit() == 20, left=[at(1, 9.0, frame='nowhere')])
    bridge.until(lambda: bridge.limit() == 100)
    bridge.until(lambda: bridge.limit() == 20, left=[detection(1)])  # seen without depth
    bridge.until(lambda: bridge.limit() == 100)
    bridge.until(lambda: bridge.limit() == 20, right=None)
    bridge.until(lambda: bridge.limit() == 100)
    assert all(0 < m.speed_limit <= 100 for m in bridge.limits)


@needs_nav2
def test_the_limit_is_of_who_is_in_the_robots_way(bridge):
    beside, before = [at(1, 3.0, 1.8)], [at(1, 3.0, 0.0)]
    bridge.until(lambda: bridge.limit() == 100, left=beside, speed=0.5)
    bridge.until(lambda: 20 < bridge.limit() < 100, left=before, speed=0.5, x=0.4)
    bridge.until(lambda: bridge.limit() == 20, left=before, speed=0.5, x=1.9)
    bridge.until(lambda: bridge.limit() == 100, left=before, speed=0.5, x=6.0)  # behind


@needs_nav2
def test_the_limit_is_repeated_and_answers_others_and_is_released(bridge):
    bridge.until(lambda: bridge.limit() == 100)
    count, begin = len(bridge.limits), bridge.client.now()
    bridge.until(lambda: len(bridge.limits) >= count + 2)
    assert bridge.client.now() - begin > SECOND // 2  # repeated, but not in every cycle
    zone = bridge.client.publisher(SpeedLimit, 'speed_limit')
    zone.publish(SpeedLimit(percentage=True, speed_limit=50.0))
    own = 'actloc_planner_bridge:'
    bridge.until(lambda: bridge.limits[-1].header.frame_id.startswith(own))
    assert bridge.limit() == 50
    bridge.until(lambda: bridge.limit() == 20, left=[at(1, 0.5)])
    zone.publish(SpeedLimit(percentage=True, speed_limit=150.0))
    bridge.until(lambda: bridge.limit() == 20, left=[at(1, 0.5)])
    bridge.until(lambda: bridge.limit() == 100)
    zone.publish(SpeedLimit(percentage=False, speed_limit=0.2))
    bridge.until(lambda: not bridge.limits[-1].percentage)
    assert bridge.client.change_state('deactivate')
    wait_for(lambda: bridge.limits[-1].header.frame_id.startswith(own))
    assert (bridge.limit(), bridge.limits[-1].percentage) == (0.2, False)  # the zone's stays
    assert bridge.client.change_state('activate')
    bridge.until(lambda: bridge.limit() == 20)  # nobody is known yet
    zone.publish(SpeedLimit())
    bridge.until(lambda: bridge.limit() == 100)
    assert bridge.client.change_state('deactivate')
    wait_for(lambda: bridge.limit() == 0)  # none


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        ({'localizers': []}, 'localizers is []'),
        ({'localizers': ['a', '/a']}, 'holds a name twice'),
        ({'frame': ''}, 'frame is empty'),
        ({'speed_limit.far': 0.5}, 'it must be above speed_limit.near'),
        ({'rate': 0.0}, 'rate is 0.0; it must be from 1.0 to 50.0'),
        ({'moveit.handover': True}, 'moveit.handover_links is empty'),
        (
            {'moveit.handover': True, 'moveit.handover_links': ['gripper']},
            'it needs moveit.objects',
        ),
    ],
)
def test_wrong_parameters_are_refused(changes, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        planner_settings({**DEFAULTS, **changes})


@pytest.mark.parametrize(
    ('parameter', 'package', 'text'),
    [
        ('nav2.speed_limit', 'nav2_msgs', 'install nav2_msgs (apt: ros-$ROS_DISTRO-nav2-msgs)'),
        ('moveit.objects', 'moveit_msgs', 'install moveit_msgs'),
    ],
)
def test_an_absent_package_is_named_with_what_to_do(bridge, monkeypatch, parameter, package, text):
    """The other node of this module keeps rclpy alive."""
    for name in [package, f'{package}.msg', f'{package}.srv']:
        monkeypatch.setitem(sys.modules, name, None)
    ros_type.cache_clear()
    node = PlannerBridge(parameter_overrides=[Parameter(parameter, value=True)])
    assert not node.autostart()
    assert text in node.fault
    assert f'set {parameter} to false' in node.fault
    node.destroy_node()
    ros_type.cache_clear()


def test_humble_has_no_polygons(bridge, monkeypatch):
    monkeypatch.delattr('geometry_msgs.msg.PolygonInstanceStamped', raising=False)
    ros_type.cache_clear()
    node = PlannerBridge(parameter_overrides=[Parameter('nav2.polygons', value=True)])
    assert not node.autostart()
    assert 'it exists from Jazzy on, or set nav2.polygons to false' in node.fault
    node.destroy_node()
    ros_type.cache_clear()


def test_the_program_ends_in_order_and_refuses_wrong_parameters():
    def run(*parameters):
        options = [word for each in parameters for word in ('-p', each)]
        return subprocess.Popen(
            ['planner_bridge', '--ros-args', *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    wrong = run('rate:=0.1')
    printed, _ = wrong.communicate(timeout=60)
    assert wrong.returncode == 2, printed
    running = run('nav2.cloud:=true', f'frame:={FRAME}')
    try:
        for line in running.stdout:
            if 'sending nav2.cloud' in line:
                break
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate(timeout=60)
        assert running.returncode == 0, printed
    finally:
        running.kill()

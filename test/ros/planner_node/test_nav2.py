"""Check what Nav2 makes of what the bridge sends: its own arithmetic is in nav2_arithmetic."""

import numpy as np
import pytest
from bridge_harness import FRAME, BridgeClient, detection, running_bridge
from geometry_msgs.msg import PoseStamped
from nav2_arithmetic import (
    STOP,
    ObstacleLayer,
    PolygonSource,
    cloud_points,
    cloud_source,
    mppi_speed,
    zone_action,
)
from node_harness import stamp_of, wait_for
from sensor_msgs.msg import PointCloud2

PolygonInstanceStamped = pytest.importorskip(
    'geometry_msgs.msg', reason='needs geometry_msgs'
).__dict__.get('PolygonInstanceStamped')

TIMEOUT = 1.0  # s: source_timeout of nav2_people.yaml
SECOND = 1_000_000_000


@pytest.fixture(scope='module')
def bridge():
    """Return the node, active with all outputs to Nav2 that need no further packages."""
    switched = {'nav2__cloud': True, 'nav2__follow': True}
    if PolygonInstanceStamped:
        switched['nav2__polygons'] = True
    with running_bridge(**switched, stale=5.0) as (node, client):
        listened = {
            'people': client.listen(PointCloud2, 'planner_bridge/people_cloud'),
            'clearing': client.listen(PointCloud2, 'planner_bridge/clearing_cloud'),
            'follow': client.listen(PoseStamped, 'planner_bridge/follow_pose'),
            'polygons': [],
        }
        if PolygonInstanceStamped:
            listened['polygons'] = client.listen(
                PolygonInstanceStamped, 'planner_bridge/people_polygons'
            )
        assert node.autostart()
        yield client, listened


def sent_of(bridge: tuple, kind: str, *people, count: int = 1) -> list:
    """Report people until consumers have `count` messages that are of this report or later."""
    client, listened = bridge
    begin = client.report(*people)

    def newest() -> list:
        found = [m for m in list(listened[kind]) if stamp_of(m) >= begin]
        return found if len(found) >= count else []

    return client.report_until(newest, *people)


def test_an_empty_cloud_comes_in_every_cycle_with_the_fields_that_consumers_need(bridge):
    clouds = sent_of(bridge, 'people', count=3)
    assert all(cloud_points(m).shape == (0, 3) for m in clouds)
    assert all(m.header.frame_id == FRAME for m in clouds)
    points = cloud_source(clouds[-1], stamp_of(clouds[-1]), TIMEOUT)
    assert zone_action(points, half=0.5) == 'drive'


def test_collision_monitor_stops_for_the_cloud_of_who_is_near_and_not_of_who_is_far(bridge):
    for x, action in ((0.7, STOP), (3.0, 'drive')):
        cloud = sent_of(bridge, 'people', detection(1, (x, 0, 1)))[-1]
        now = stamp_of(cloud)
        assert zone_action(cloud_source(cloud, now, TIMEOUT), half=0.5) == action
        assert zone_action(cloud_source(cloud, now + 2 * SECOND, TIMEOUT), half=0.5) == STOP


def test_the_obstacle_layer_marks_people_and_clears_them_when_they_are_gone(bridge):
    layer = ObstacleLayer(max_obstacle_height=2.0, obstacle_max_range=9.0, raytrace_max_range=9.0)
    _, listened = bridge

    def update(*people) -> np.ndarray:
        marking = sent_of(bridge, 'people', *people)[-1]
        stamp = stamp_of(marking)
        clearing = wait_for(
            lambda: next((m for m in listened['clearing'] if stamp_of(m) == stamp), 0)
        )
        layer.update(marking, clearing, origin=(0.0, 0.0))
        return layer.marked()

    here = update(detection(11, (2, 1, 1)), detection(12, (-1.5, 0, 1), (0, 1, 0), 'walking'))
    for x, y in ((2, 1), (-1.5, 0), (-1.5, 1.0)):  # and where the walker will be in a second
        assert np.hypot(here[:, 0] - x, here[:, 1] - y).min() < 0.06
    around = here[(here > 0.5).all(axis=1)]  # people of the test before may still be held
    assert np.hypot(around[:, 0] - 2, around[:, 1] - 1).max() < 0.5
    wait_for(lambda: len(update()) == 0)


def test_a_cloud_that_is_empty_would_erase_nothing(bridge):
    """The published layer keeps its marks: it is the second cloud that erases them."""
    layer = ObstacleLayer(max_obstacle_height=2.0, obstacle_max_range=9.0, raytrace_max_range=9.0)
    marking = sent_of(bridge, 'people', detection(13, (2, 1, 1)))[-1]
    empty = PointCloud2(fields=marking.fields, point_step=marking.point_step)
    layer.update(marking, empty, origin=(0.0, 0.0))
    assert len(layer.marked())
    before = len(layer.marked())
    layer.update(empty, empty, origin=(0.0, 0.0))
    assert len(layer.marked()) == before


needs_polygons = pytest.mark.skipif(
    PolygonInstanceStamped is None, reason='geometry_msgs has polygons with ids from Jazzy on'
)


def feed(bridge, source, *people):
    """Let collision_monitor take a whole cycle in one burst; return its time."""
    messages = sent_of(bridge, 'polygons', *people, count=15)
    last = max(index for index, m in enumerate(messages) if m.polygon.id == 0)
    cycle = messages[last - 4 : last + 1]
    assert [m.polygon.id for m in cycle] == [1, 2, 3, 4, 0]
    for message in cycle:
        source.receive(message)
    source.spin()
    return stamp_of(cycle[-1])


@needs_polygons
def test_nobody_lets_the_robot_drive_and_silence_stops_it(bridge):
    source = PolygonSource(TIMEOUT)
    assert zone_action(source.get_data(0), 0.5) == STOP
    now = feed(bridge, source)
    assert zone_action(source.get_data(now + SECOND // 2), 0.5) == 'drive'
    assert zone_action(source.get_data(now + 2 * SECOND), 0.5) == 'drive'  # 0 points, valid still
    assert zone_action(source.get_data(now + 2 * SECOND), 0.5) == STOP


@needs_polygons
def test_a_crowd_does_not_push_the_heartbeat_or_the_nearest_out_of_the_queue(bridge):
    crowd = [detection(20 + n, (1.1 + 0.3 * n, 0, 1), (-1, 0, 0)) for n in range(12)]
    source = PolygonSource(TIMEOUT)
    now = feed(bridge, source, *crowd)
    points = source.get_data(now)
    assert points is not None
    assert points[:, 0].min() < 0.5  # the nearest, where he will be
    assert zone_action(points, 0.5) == STOP


@needs_polygons
def test_who_leaves_is_cleared_at_once_and_who_passes_does_not_stop_the_robot(bridge):
    source = PolygonSource(TIMEOUT)
    now = feed(bridge, source, detection(40, (0.6, 0, 1)))
    assert zone_action(source.get_data(now), 0.5) == STOP

    def gone() -> bool:
        now = feed(bridge, source, detection(41, (3, 2, 1), (1, 0, 0), 'walking'))
        return zone_action(source.get_data(now), 0.5) == 'drive'

    wait_for(gone)


@needs_polygons
def test_a_robot_within_a_large_outline_stops_all_the_same(bridge):
    source = PolygonSource(TIMEOUT)
    now = feed(bridge, source, detection(50, (0.2, 0, 0.2), label='lying'))
    assert zone_action(source.get_data(now), 0.3) == STOP


def test_follow_pose_is_of_who_waved_last_and_ends_with_the_track(bridge):
    client, listened = bridge
    waving, other = detection(60, (2, 1, 1), label='waving'), detection(61, (4, 0, 1))
    pose = sent_of(bridge, 'follow', other, waving)[-1]
    assert (pose.pose.position.x, pose.pose.position.y) == (2.0, 1.0)
    assert pose.header.frame_id == FRAME
    still = sent_of(bridge, 'follow', other, detection(60, (2, 2, 1), label='walking'))[-1]
    assert still.pose.position.y == 2.0
    turned = sent_of(bridge, 'follow', detection(61, (4, 0, 1), label='waving'), waving)
    assert turned[-1].pose.position.x == 4.0
    wait_for(lambda: client.report() and _silent(listened['follow'], client))


def _silent(messages: list, client: BridgeClient) -> bool:
    """Return whether nothing came for a second."""
    return client.now() - stamp_of(messages[-1]) > SECOND


def test_mppi_takes_percent_as_a_share():
    """The restated arithmetic: 0 is no limit, above 100 % is faster."""

    class Limit:
        percentage, speed_limit = True, 20.0

    assert mppi_speed(Limit, 0.5) == pytest.approx(0.1)
    Limit.speed_limit = 0.0
    assert mppi_speed(Limit, 0.5) == 0.5
    Limit.speed_limit = 150.0
    assert mppi_speed(Limit, 0.5) == 0.75

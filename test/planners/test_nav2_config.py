"""Check that config/nav2_people.yaml fits what is sent, and falls into none of Nav2's traps."""

from pathlib import Path

import yaml

from actloc_ros.planners.clouds import LOWEST, RAY_HEIGHT
from actloc_ros.planners.settings import SPECS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / 'config' / 'nav2_people.yaml').read_text()
CONFIG = yaml.safe_load(TEXT)
DEFAULTS = {spec.name: spec.default for spec in SPECS}
MONITOR = CONFIG['collision_monitor']['ros__parameters']
COSTMAPS = [CONFIG[name][name]['ros__parameters'] for name in ('local_costmap', 'global_costmap')]


def test_ros_reads_it_which_knows_no_aliases():
    events = yaml.parse(TEXT)
    assert not any(isinstance(event, yaml.AliasEvent) for event in events)


def test_sources_are_those_that_are_sent_and_never_without_a_timeout():
    assert set(MONITOR['observation_sources']) == {'people_polygons', 'people_cloud'}
    assert MONITOR['source_timeout'] > 0
    assert MONITOR['source_timeout'] <= DEFAULTS['stale']
    cloud, polygons = MONITOR['people_cloud'], MONITOR['people_polygons']
    assert (cloud['type'], polygons['type']) == ('pointcloud', 'polygon')
    sources = (ROOT / 'actloc_ros' / 'ros' / 'planner_node').glob('*.py')
    code = '\n'.join(path.read_text() for path in sources)
    for topic in (cloud['topic'], polygons['topic']):
        assert f"'~/{topic.removeprefix('/planner_bridge/')}'" in code
    assert cloud['min_height'] <= LOWEST
    assert cloud['max_height'] > RAY_HEIGHT


def test_layers_mark_all_heights_and_clear_as_far_as_they_mark():
    for costmap in COSTMAPS:
        plugins, layer = costmap['plugins'], costmap['people_layer']
        assert plugins.index('people_layer') < plugins.index('inflation_layer')
        assert layer['plugin'] == 'nav2_costmap_2d::ObstacleLayer'
        marks, clears = layer['people'], layer['people_clearing']
        assert layer['observation_sources'].split() == ['people', 'people_clearing']
        assert (marks['marking'], marks['clearing']) == (True, False)
        assert (clears['marking'], clears['clearing']) == (False, True)
        for source in (marks, clears):
            assert source['data_type'] == 'PointCloud2'
            assert source['sensor_frame'] == DEFAULTS['base_frame']
            assert source['max_obstacle_height'] >= DEFAULTS['person.height']
            assert source['min_obstacle_height'] <= LOWEST
            assert source['expected_update_rate'] > 1 / DEFAULTS['rate']
        assert marks['obstacle_max_range'] <= clears['raytrace_max_range']
        assert clears['raytrace_max_range'] <= DEFAULTS['nav2.clearing_distance']


def test_the_manager_expects_no_bond():
    manager = CONFIG['lifecycle_manager_people']['ros__parameters']
    assert manager['bond_timeout'] == 0.0
    assert manager['node_names'] == ['planner_bridge']

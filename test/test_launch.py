"""Test what the launch files start, and that a recording goes through them into the node."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml
from ament_index_python import get_packages_with_prefixes

pytest.importorskip('launch_ros', reason='launch_ros is not installed')

from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource

from actloc_ros.io.video_writer import VideoWriter

FOLDER = Path(__file__).resolve().parent.parent / 'launch'


def load(name):
    spec = importlib.util.spec_from_file_location(name.split('.')[0], FOLDER / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(file='actloc.launch.py', **arguments):
    """Return the nodes that a launch file gives, by executable, each with its words."""
    module = load(file)
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    context.extend_locals({'ros_specific_arguments': {'name': '', 'ns': ''}})
    for action in module.ARGUMENTS:
        action.execute(context)
    nodes = {}
    for node in module.start(context):
        node._perform_substitutions(context)
        words = [''.join(part.perform(context) for part in word) for word in node.cmd]
        nodes.setdefault(node.node_executable, []).append((node.node_name, words))
    return nodes


def parameters(words):
    """Return the parameters in the files that a command line names, after the first file."""
    files = [words[i + 1] for i, word in enumerate(words) if word == '--params-file']
    found = {}
    for file in files:
        if not file.endswith('actloc.yaml'):
            for section in yaml.load(Path(file).read_text(), yaml.FullLoader).values():
                found |= section['ros__parameters']
    return files, found


def test_arguments_are_those_that_are_promised():
    declared = load('actloc.launch.py').generate_launch_description().get_launch_arguments()
    assert {argument.name for argument in declared} == {
        'namespace',
        'params_file',
        'image',
        'model',
        'weights',
        'device',
        'autostart',
        'use_sim_time',
        'profile',
        'log_level',
        'overlay',
        'rviz',
    }
    assert all(argument.description for argument in declared)


def test_alone_the_parameter_file_rules():
    nodes = started()
    assert set(nodes) == {'action_localizer'}
    [(_, words)] = nodes['action_localizer']
    files, given = parameters(words)
    assert [Path(file).name for file in files] == ['actloc.yaml']
    assert not given


def test_what_the_user_gives_wins_over_the_file(tmp_path):
    own = tmp_path / 'actloc.yaml'
    own.touch()
    nodes = started(
        namespace='robot',
        params_file=str(own),
        model='yowov2_nano',
        weights='123',
        device='cpu',
        autostart='false',
        use_sim_time='true',
        log_level='debug',
        image='/camera/image_raw/compressed',
    )
    [(name, words)] = nodes['action_localizer']
    files, given = parameters(words)
    assert files[0] == str(own)
    assert len(files) == 2
    assert given == {
        'model': 'yowov2_nano',
        'weights': '123',
        'device': 'cpu',
        'autostart': False,
        'use_sim_time': True,
        'transport': 'compressed',
        'cameras': ('',),
    }
    assert 'image/compressed:=/camera/image_raw/compressed' in words
    assert words[words.index('--log-level') + 1] == 'debug'
    assert name == '/robot/action_localizer'


def test_several_cameras_have_an_overlay_each():
    nodes = started(image='front=/f/image_raw,rear=/r/image_raw', overlay='true')
    [(_, words)] = nodes['action_localizer']
    _, given = parameters(words)
    assert given == {'cameras': ('front', 'rear'), 'transport': 'raw'}
    assert {'front/image:=/f/image_raw', 'rear/image:=/r/image_raw'} <= set(words)
    (front, front_words), (rear, rear_words) = nodes['overlay']
    assert (front, rear) == ('/overlay_front', '/overlay_rear')
    assert 'image:=/f/image_raw' in front_words
    assert 'image:=/r/image_raw' in rear_words
    assert parameters(rear_words)[1] == {'camera': 'rear', 'transport': 'raw'}


def test_the_planner_bridge_gets_what_the_user_gives(tmp_path):
    own = tmp_path / 'actloc.yaml'
    own.touch()
    outputs = 'nav2.cloud, nav2.speed_limit'
    nodes = started(
        'planner.launch.py', params_file=str(own), outputs=outputs, odom='/o', localizers='a,b'
    )
    [(name, words)] = nodes['planner_bridge']
    assert name == '/planner_bridge'
    assert parameters(words)[1] == {
        'nav2.cloud': True,
        'nav2.speed_limit': True,
        'localizers': ('a', 'b'),
    }
    assert 'odom:=/o' in words


def test_the_planner_bridges_manager_expects_no_bond():
    if 'nav2_lifecycle_manager' not in get_packages_with_prefixes():
        pytest.skip('nav2_lifecycle_manager is not installed')
    nodes = started('planner.launch.py', manager='true')
    [(_, words)] = nodes['planner_bridge']
    assert parameters(words)[1]['autostart'] is False
    [(_, words)] = nodes['lifecycle_manager']
    given = parameters(words)[1]
    assert given == {'autostart': True, 'node_names': ('planner_bridge',), 'bond_timeout': 0.0}


def test_the_monitor_gets_what_the_user_gives():
    images = 'front=front/image/compressed, back=back/image'
    nodes = started(
        'monitor.launch.py', evidence='/e', images=images, notify='true', boxes='/cars, back=/more'
    )
    [(_, words)] = nodes['action_monitor']
    given = parameters(words)[1]
    assert given['boxes'] == ('/cars', 'back=/more')
    assert given['images'] == ('front=front/image/compressed', 'back=back/image')
    assert (given['evidence'], given['notify']) == ('/e', True)
    [(_, words)] = started('monitor.launch.py')['action_monitor']
    given = parameters(words)[1]
    assert (given['images'], given['evidence'], given['notify']) == (('',), '', False)


def test_rviz_looks_into_the_namespace():
    if 'rviz2' not in get_packages_with_prefixes():
        pytest.skip('rviz2 is not installed')
    [(_, words)] = started(rviz='true', namespace='robot')['rviz2']
    assert words[words.index('-d') + 1].endswith('config/actloc.rviz')
    assert '/overlay/image:=/robot/overlay/image' in words


def test_rviz_configuration_shows_what_the_nodes_publish():
    shown = yaml.safe_load((FOLDER.parent / 'config' / 'actloc.rviz').read_text())
    displays = shown['Visualization Manager']['Displays']
    topics = {display['Topic']['Value'] for display in displays if 'Topic' in display}
    assert topics == {'/overlay/image', '/action_localizer/markers'}


def test_a_parameter_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'lost\.yaml'):
        started(params_file=str(tmp_path / 'lost.yaml'))


@pytest.mark.parametrize(
    ('profile', 'file', 'names'),
    [
        (
            'fastdds',
            'fastdds.xml',
            {'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'},
        ),
        ('zenoh', 'zenoh.json5', {'ZENOH_SESSION_CONFIG_URI'}),
        ('', '', set()),
    ],
)
def test_the_profile_for_images_is_set_in_the_environment(profile, file, names):
    context = LaunchContext()
    context.launch_configurations['profile'] = profile
    before = set(context.environment)
    for action in load('actloc.launch.py').set_profile(context):
        action.execute(context)
    given = {name: context.environment[name] for name in set(context.environment) - before}
    assert set(given) == names
    assert all(Path(path).is_file() and Path(path).name == file for path in given.values())


def test_what_ends_with_the_player_ends_at_once_on_ctrl_c():
    context = LaunchContext()
    finish = load('bag.launch.py').finish
    assert [action.period for action in finish(None, context)] == [3.0]
    context._set_is_shutdown(True)
    assert finish(None, context) == []


@pytest.mark.parametrize(
    ('text', 'fault'),
    [('a=/x,b', 'neither'), ('a=/x,a=/y', 'neither'), ('a=/x,b=/y/compressed', 'mixes')],
)
def test_bad_topics_are_refused(text, fault):
    with pytest.raises(ValueError, match=fault):
        load('actloc.launch.py').parse_topics(text)


def test_recording_is_played_into_the_node_and_all_ends_cleanly(tmp_path, monkeypatch):
    video = tmp_path / 'a.mp4'
    with VideoWriter(video, rate=10) as writer:
        for index in range(10):
            writer.write(index * 100_000_000, np.zeros((48, 64, 3), np.uint8))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    codes = {}

    def note(event, _):
        codes[event.process_name.rpartition('-')[0]] = event.returncode

    service = LaunchService(noninteractive=True)
    include = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(FOLDER / 'bag.launch.py')),
        launch_arguments={'bag': str(video), 'namespace': 'launched'}.items(),
    )
    watch = RegisterEventHandler(OnProcessExit(on_exit=note))
    service.include_launch_description(LaunchDescription([watch, include]))
    assert service.run() == 0
    assert codes == {'play': 0, 'action_localizer': 0}

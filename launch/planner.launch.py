"""Start the planner bridge, and a lifecycle manager for it where asked for."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CONFIG = PathJoinSubstitution([FindPackageShare('actloc_ros'), 'config'])
BOOLEANS = {'true': True, 'false': False}

# What is left empty is not set, so that the parameter file's values hold.
ARGUMENTS = [
    DeclareLaunchArgument('namespace', default_value='', description='Namespace of all nodes.'),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution([CONFIG, 'planner_bridge.yaml']),
        description='Parameter file of the bridge.',
    ),
    DeclareLaunchArgument(
        'outputs',
        default_value='',
        description='What to switch on, e.g. nav2.cloud,nav2.polygons,nav2.speed_limit.',
    ),
    DeclareLaunchArgument(
        'localizers', default_value='', description='Names of the localizers, e.g. left,right.'
    ),
    DeclareLaunchArgument(
        'frame', default_value='', description='Frame of people: odom, map or base_link.'
    ),
    DeclareLaunchArgument('odom', default_value='odom', description='Topic of the odometry.'),
    DeclareLaunchArgument(
        'manager',
        default_value='false',
        choices=list(BOOLEANS),
        description='Whether a nav2_lifecycle_manager of its own activates the bridge.',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='',
        choices=['', *BOOLEANS],
        description='Whether time comes from /clock.',
    ),
    DeclareLaunchArgument('log_level', default_value='info', description='Level of the logs.'),
]


def generate_launch_description() -> LaunchDescription:
    """Return what to start."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node]:
    """Return the nodes that the arguments ask for."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    managed = BOOLEANS[values['manager']]
    return [bridge(values, managed), *([manager(values)] if managed else [])]


def bridge(values: dict[str, str], managed: bool) -> Node:
    """Return the bridge, with those parameters alone that the user gave."""
    given: dict[str, object] = dict.fromkeys(listed(values['outputs']), True)
    if values['localizers']:
        given['localizers'] = listed(values['localizers'])
    if values['frame']:
        given['frame'] = ParameterValue(values['frame'], value_type=str)
    if managed:
        given['autostart'] = False
    return Node(
        package='actloc_ros',
        executable='planner_bridge',
        name='planner_bridge',
        parameters=[values['params_file'], *with_time(values, given)],
        remappings=[('odom', values['odom'])],
        **common(values),
    )


def manager(values: dict[str, str]) -> Node:
    """Return a lifecycle manager that expects no bond: a Python node makes none."""
    given = {'autostart': True, 'node_names': ['planner_bridge'], 'bond_timeout': 0.0}
    return Node(
        package='nav2_lifecycle_manager',
        executable='lifecycle_manager',
        name='lifecycle_manager_people',
        parameters=with_time(values, given),
        **common(values),
    )


def listed(text: str) -> list[str]:
    """Return the parts of a text between commas."""
    return [part.strip() for part in text.split(',') if part.strip()]


def with_time(values: dict[str, str], given: dict[str, object]) -> list[dict[str, object]]:
    """Return parameters with use_sim_time, if the user gave any of them."""
    if values['use_sim_time']:
        given = {**given, 'use_sim_time': BOOLEANS[values['use_sim_time']]}
    return [given] if given else []


def common(values: dict[str, str]) -> dict[str, object]:
    """Return what all nodes have in common."""
    return {
        'namespace': values['namespace'],
        'arguments': ['--ros-args', '--log-level', values['log_level']],
        'output': 'screen',
    }

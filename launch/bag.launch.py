"""Play a bag (or a video, or a folder of images) into the action localizer, by its own time."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

FINISH = 3.0  # s that the localizer has after the last image

ARGUMENTS = [
    DeclareLaunchArgument('bag', description='The bag, video or folder of images to play.'),
    DeclareLaunchArgument(
        'topic', default_value='', description='Its image topic, where it has several.'
    ),
    DeclareLaunchArgument('rate', default_value='1.0', description='Speed; 2 is twice as fast.'),
    DeclareLaunchArgument(
        'loop',
        default_value='false',
        choices=['true', 'false'],
        description='Whether to begin again at its end.',
    ),
    DeclareLaunchArgument('namespace', default_value='', description='Namespace of all nodes.'),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='true',
        choices=['true', 'false'],
        description="Whether the nodes live in the bag's time, which the player publishes.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return what to start; all arguments of actloc.launch.py but `image` hold here too."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Return player and localizer; all ends a little after the player."""
    from actloc_ros.io.source_bag import COMPRESSED_IMAGE, BagSource
    from actloc_ros.io.sources import open_source

    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    source = open_source(values['bag'], values['topic'] or None)
    compressed = isinstance(source, BagSource) and source.type == COMPRESSED_IMAGE
    player = play(values)
    localizer = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).parent / 'actloc.launch.py')),
        launch_arguments={
            'image': 'image/compressed' if compressed else 'image',
            'namespace': values['namespace'],
            'use_sim_time': values['use_sim_time'],
        }.items(),
    )
    at_end = RegisterEventHandler(OnProcessExit(target_action=player, on_exit=finish))
    return [localizer, player, at_end]


def finish(_: ProcessExited, context: LaunchContext) -> list[TimerAction]:
    """Return what ends all when the player has ended, unless it ended since all does."""
    if context.is_shutdown:
        return []
    return [TimerAction(period=FINISH, actions=[Shutdown(reason='the recording is played')])]


def play(values: dict[str, str]) -> Node:
    """Return the player, which waits for the localizer."""
    options = ['--wait', '1', '--rate', values['rate']]
    if values['topic']:
        options += ['--topic', values['topic']]
    if values['loop'] == 'true':
        options.append('--loop')
    if values['use_sim_time'] == 'true':
        options.append('--clock')
    return Node(
        package='actloc_ros',
        executable='play',
        name='player',
        namespace=values['namespace'],
        arguments=[values['bag'], *options],
        output='screen',
    )

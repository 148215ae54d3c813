"""Start the action localizer and wait for an action; all ends when it has started.

ros2 launch actloc_ros wait_for_action.launch.py label:=walking image:=/camera/image_raw
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

SCRIPT = Path(__file__).parent / 'wait_for_action.py'
LOCALIZER = PathJoinSubstitution([FindPackageShare('actloc_ros'), 'launch', 'actloc.launch.py'])


def generate_launch_description() -> LaunchDescription:
    """Return what to start; all other arguments of actloc.launch.py hold here too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument('label', description='The action to wait for.'),
            DeclareLaunchArgument('namespace', default_value='', description='Of all nodes.'),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(LOCALIZER)),
            Node(
                executable='python3',
                arguments=[str(SCRIPT), LaunchConfiguration('label')],
                namespace=LaunchConfiguration('namespace'),
                output='screen',
                on_exit=Shutdown(reason='the action has started'),
            ),
        ]
    )

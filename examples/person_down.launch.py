"""Start the action localizer and the monitor, and wait until somebody is down; then all ends.

ros2 launch actloc_ros person_down.launch.py image:=/camera/image_raw
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

SCRIPT = Path(__file__).parent / 'person_down.py'
LAUNCH = PathJoinSubstitution([FindPackageShare('actloc_ros'), 'launch'])


def generate_launch_description() -> LaunchDescription:
    """Return what to start; all arguments of actloc.launch.py and monitor.launch.py hold here."""
    return LaunchDescription(
        [
            DeclareLaunchArgument('namespace', default_value='', description='Of all nodes.'),
            *(
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(PathJoinSubstitution([LAUNCH, name]))
                )
                for name in ('actloc.launch.py', 'monitor.launch.py')
            ),
            Node(
                executable='python3',
                arguments=[str(SCRIPT)],
                namespace=LaunchConfiguration('namespace'),
                output='screen',
                on_exit=Shutdown(reason='somebody is down'),
            ),
        ]
    )

"""Start the monitor, which makes alarms of detections by a rules file."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

STOP_TIME = '15'  # s in which clips are completed
ARGUMENTS = [
    DeclareLaunchArgument('namespace', default_value='', description='Namespace of the node.'),
    DeclareLaunchArgument(
        'rules',
        default_value=PathJoinSubstitution(
            [FindPackageShare('actloc_ros'), 'config', 'person_down.yaml']
        ),
        description='The rules file, see doc/rules.md.',
    ),
    DeclareLaunchArgument(
        'detections',
        default_value='action_localizer/detections',
        description='Topics of detections, with commas between them.',
    ),
    DeclareLaunchArgument(
        'boxes',
        default_value='',
        description='Topics of vehicles (vision_msgs/Detection2DArray), with commas between them: '
        'TOPIC, or CAMERA=TOPIC.',
    ),
    DeclareLaunchArgument(
        'evidence',
        default_value='',
        description='Folder of clips and snapshots of alarms, and of what waits to be sent.',
    ),
    DeclareLaunchArgument(
        'images',
        default_value='',
        description='Topics of images for the evidence, with commas between them: TOPIC, or '
        'CAMERA=TOPIC; one that ends in /compressed has CompressedImage.',
    ),
    DeclareLaunchArgument(
        'notify',
        default_value='false',
        description='Whether to notify on the channels of the rules file; needs evidence.',
    ),
    DeclareLaunchArgument('log_level', default_value='info', description='Level of the logs.'),
]


def generate_launch_description() -> LaunchDescription:
    """Return what to start."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node]:
    """Return the monitor."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    topics, boxes, images = (
        [topic.strip() for topic in values[name].split(',')]
        for name in ('detections', 'boxes', 'images')
    )
    return [
        Node(
            package='actloc_ros',
            executable='action_monitor',
            name='action_monitor',
            namespace=values['namespace'],
            parameters=[
                {
                    'rules': values['rules'],
                    'detections': topics,
                    'boxes': boxes,
                    'evidence': values['evidence'],
                    'images': images,
                    'notify': ParameterValue(LaunchConfiguration('notify'), value_type=bool),
                }
            ],
            sigterm_timeout=STOP_TIME,
            arguments=['--ros-args', '--log-level', values['log_level']],
            output='screen',
        )
    ]

"""Start the action localizer, and the overlay and RViz where asked for."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CONFIG = PathJoinSubstitution([FindPackageShare('actloc_ros'), 'config'])
COMPRESSED = '/compressed'
BOOLEANS = {'true': True, 'false': False}
PROFILES = {
    'fastdds': (
        'fastdds.xml',
        ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'),
    ),
    'zenoh': ('zenoh.json5', ('ZENOH_SESSION_CONFIG_URI',)),
}

# What is left empty is not set, so that the parameter file's values hold.
ARGUMENTS = [
    DeclareLaunchArgument('namespace', default_value='', description='Namespace of all nodes.'),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution([CONFIG, 'actloc.yaml']),
        description='Parameter file of the localizer.',
    ),
    DeclareLaunchArgument(
        'image',
        default_value='',
        description='Image topic; or NAME=TOPIC,NAME=TOPIC for several cameras. Topics that end '
        'with /compressed carry CompressedImage. Empty: what the parameter file says.',
    ),
    DeclareLaunchArgument('model', default_value='', description='The localizer, e.g. pose_n.'),
    DeclareLaunchArgument('weights', default_value='', description="The model's checkpoint."),
    DeclareLaunchArgument('device', default_value='', description='cpu, cuda, cuda:N or auto.'),
    DeclareLaunchArgument(
        'autostart',
        default_value='',
        choices=['', *BOOLEANS],
        description='Whether the localizer activates itself; false leaves that to a manager.',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='',
        choices=['', *BOOLEANS],
        description='Whether time comes from /clock.',
    ),
    DeclareLaunchArgument(
        'profile',
        default_value='',
        choices=['', *PROFILES],
        description='Middleware that is set up for images by shared memory; cameras must be too.',
    ),
    DeclareLaunchArgument('log_level', default_value='info', description='Level of the logs.'),
    DeclareLaunchArgument(
        'overlay',
        default_value='false',
        choices=list(BOOLEANS),
        description='Whether to draw detections into images on overlay/image.',
    ),
    DeclareLaunchArgument(
        'rviz', default_value='false', choices=list(BOOLEANS), description='Whether to show RViz.'
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Return what to start."""
    steps = [OpaqueFunction(function=set_profile), OpaqueFunction(function=start)]
    return LaunchDescription([*ARGUMENTS, *steps])


def set_profile(context: LaunchContext) -> list[SetEnvironmentVariable]:
    """Return what makes nodes that start from now on use the profile for images."""
    profile = LaunchConfiguration('profile').perform(context)
    if not profile:
        return []
    file, variables = PROFILES[profile]
    path = PathJoinSubstitution([CONFIG, file])
    return [SetEnvironmentVariable(variable, path) for variable in variables]


def start(context: LaunchContext) -> list[Node]:
    """Return the nodes that the arguments ask for."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    if not Path(values['params_file']).is_file():  # launch_ros would go on without it
        raise FileNotFoundError(f'params_file:={values["params_file"]} is no file')
    topics = parse_topics(values['image'])
    nodes = [localizer(values, topics)]
    if values['overlay'] == 'true':
        nodes += [overlay(values, camera, topic) for camera, topic in (topics or {'': ''}).items()]
    if values['rviz'] == 'true':
        nodes.append(rviz(values))
    return nodes


def parse_topics(text: str) -> dict[str, str]:
    """Return topics by camera; one topic alone belongs to the camera without a name."""
    if not text:
        return {}
    parts = [part.strip() for part in text.split(',')]
    if len(parts) == 1 and '=' not in text:
        return {'': text}
    pairs = [part.partition('=')[::2] for part in parts]
    topics = dict(pairs)
    if len(topics) < len(pairs) or not all(name and topic for name, topic in pairs):
        raise ValueError(f'image:={text} is neither a topic nor NAME=TOPIC,NAME=TOPIC')
    if len({topic.endswith(COMPRESSED) for topic in topics.values()}) > 1:
        raise ValueError(f'image:={text} mixes raw and compressed images; give one kind')
    return topics


def localizer(values: dict[str, str], topics: dict[str, str]) -> Node:
    """Return the localizer, with those parameters alone that the user gave."""
    given = {name: text(values[name]) for name in ('model', 'weights', 'device') if values[name]}
    if values['autostart']:
        given['autostart'] = BOOLEANS[values['autostart']]
    if topics:
        given['transport'] = transport(next(iter(topics.values())))
        given['cameras'] = list(topics)
    return Node(
        package='actloc_ros',
        executable='action_localizer',
        name='action_localizer',
        parameters=[values['params_file'], *with_time(values, given)],
        remappings=[remapping(camera, topic) for camera, topic in topics.items()],
        **common(values),
    )


def overlay(values: dict[str, str], camera: str, topic: str) -> Node:
    """Return the overlay of one camera."""
    given = {'camera': text(camera), 'transport': transport(topic)}
    return Node(
        package='actloc_ros',
        executable='overlay',
        name=f'overlay_{camera.strip("/").replace("/", "_")}' if camera else 'overlay',
        parameters=with_time(values, given),
        remappings=[remapping('', topic)] if topic else [],
        **common(values),
    )


def rviz(values: dict[str, str]) -> Node:
    """Return RViz, looking into the namespace."""
    begin = f'/{values["namespace"].strip("/")}'.rstrip('/')
    topics = ('/action_localizer/markers', '/overlay/image')
    return Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', PathJoinSubstitution([CONFIG, 'actloc.rviz'])],
        parameters=with_time(values, {}),
        remappings=[(topic, begin + topic) for topic in topics] if begin else [],
        output='screen',
    )


def common(values: dict[str, str]) -> dict[str, object]:
    """Return what our nodes have in common."""
    return {
        'namespace': values['namespace'],
        'arguments': ['--ros-args', '--log-level', values['log_level']],
        'output': 'screen',
    }


def with_time(values: dict[str, str], given: dict[str, object]) -> list[dict[str, object]]:
    """Return parameters with use_sim_time, if the user gave any of them."""
    if values['use_sim_time']:
        given = {**given, 'use_sim_time': BOOLEANS[values['use_sim_time']]}
    return [given] if given else []


def transport(topic: str) -> str:
    """Return what a topic carries."""
    return 'compressed' if topic.endswith(COMPRESSED) else 'raw'


def remapping(camera: str, topic: str) -> tuple[str, str]:
    """Return how a camera's own topic is called here."""
    own = f'{camera}/image' if camera else 'image'
    return (own + COMPRESSED if topic.endswith(COMPRESSED) else own, topic)


def text(value: str) -> ParameterValue:
    """Return a text that stays one, whatever it contains."""
    return ParameterValue(value, value_type=str)

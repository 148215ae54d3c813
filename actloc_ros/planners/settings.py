"""Define every parameter of the node `planner_bridge`, and group their values, without ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actloc_ros.parameter_spec import Mutability, ParameterSpec
from actloc_ros.planners.clouds import ClearingOptions
from actloc_ros.planners.encounters import EncounterOptions
from actloc_ros.planners.motion import ActionGroups, BodySize
from actloc_ros.planners.speed_limit import FULL, LEAST, SpeedOptions

_MET, _BODY, _SPEED, _CLEARING = EncounterOptions(), BodySize(), SpeedOptions(), ClearingOptions()


def _spec(name: str, default: Any, description: str, **limits: Any) -> ParameterSpec:
    return ParameterSpec(name, default, description, Mutability.START, **limits)


SPECS = (
    _spec(
        'localizers',
        ['action_localizer'],
        'Names of the localizers: NAME means the topics NAME/detections and NAME/label_info.',
    ),
    _spec('autostart', True, 'Configure and activate the node at its start.'),
    _spec(
        'frame',
        'odom',
        'Coordinate frame in which people are kept and sent, z up: one that does not move with the'
        ' robot; or base_frame, if the robot stands or there is no tf.',
    ),
    _spec('base_frame', 'base_link', "The robot's own coordinate frame."),
    _spec(
        'fixed_frames',
        ['odom', 'map'],
        'Coordinate frames that do not move: velocities in all others are relative to the robot.',
    ),
    _spec('rate', 10.0, 'How often in Hz people are sent to Nav2 and MoveIt.', low=1.0, high=50.0),
    _spec(
        'stale',
        1.0,
        'Age in s from which reports of a localizer say nothing: nothing is sent to Nav2 then, and'
        ' the speed limit is low.',
        low=0.1,
        high=10.0,
    ),
    _spec('hold', 1.0, 'Time in s for which a person is kept who is not detected.', high=30.0),
    _spec('prediction', 1.0, 'Time in s that is drawn of the way that people go.', high=10.0),
    _spec(
        'meeting.robot_radius',
        _MET.robot_radius,
        'Radius in m of the disc around base_frame that holds the robot.',
        high=10.0,
    ),
    _spec('meeting.horizon', _MET.horizon, 'How far ahead in s paths are compared.', high=30.0),
    _spec(
        'meeting.clearance',
        _MET.clearance,
        'Least distance in m between robot and person that is no meeting.',
        high=10.0,
    ),
    _spec(
        'meeting.near',
        _MET.near,
        'Distance in m within which everybody counts as met, wherever they go.',
        high=100.0,
    ),
    _spec('person.radius', _BODY.radius, 'Radius in m of who is upright.', low=0.05, high=3.0),
    _spec(
        'person.lying_radius', _BODY.lying_radius, 'Radius in m of who lies.', low=0.05, high=3.0
    ),
    _spec('person.height', _BODY.height, 'Height in m of a person.', low=0.2, high=3.0),
    _spec('person.floor', _BODY.floor, 'z in m of the floor in frame.', low=-100.0, high=100.0),
    _spec(
        'actions.still',
        ['standing', 'sitting', 'lying', 'bending', 'picking_up'],
        'Labels of actions that are done on the spot.',
    ),
    _spec('actions.walk', ['walking', 'crossing'], 'Labels of who goes at a walk.'),
    _spec('actions.run', ['running'], 'Labels of who goes at a run.'),
    _spec('actions.lie', ['falling', 'lying', 'crawling'], 'Labels of who lies.'),
    _spec('nav2.cloud', False, 'Send sensor_msgs/PointCloud2 of people, and one that clears.'),
    _spec(
        'nav2.clearing_distance',
        _CLEARING.distance,
        "Range in m of the clearing rays; at least the layer's raytrace_max_range.",
        low=0.5,
        high=100.0,
    ),
    _spec(
        'nav2.clearing_angle',
        _CLEARING.angle,
        'Width in rad of the view that is cleared, about the heading; 6.2832 clears all around.',
        low=0.01,
        high=6.2832,
    ),
    _spec(
        'nav2.polygons',
        False,
        'Send geometry_msgs/PolygonInstanceStamped of who meets the robot; from Jazzy on.',
    ),
    _spec('nav2.speed_limit', False, 'Send nav2_msgs/SpeedLimit.'),
    _spec(
        'nav2.follow',
        False,
        'Send geometry_msgs/PoseStamped of who is to be followed, for FollowObject.',
    ),
    _spec(
        'speed_limit.low',
        _SPEED.low,
        'Limit in % within speed_limit.near, and while it is not known where people are.',
        low=LEAST,
        high=FULL,
    ),
    _spec('speed_limit.near', _SPEED.near, 'Distance in m within which it is low.', high=100.0),
    _spec('speed_limit.far', _SPEED.far, 'Distance in m from which there is none.', high=100.0),
    _spec(
        'speed_limit.release',
        _SPEED.release,
        'Time in s for which a higher limit must have been due before it is given.',
        high=60.0,
    ),
    _spec(
        'speed_limit.max_speed',
        _SPEED.max_speed,
        "The controller's greatest speed in m/s, to compare with limits that others give in m/s.",
        low=0.01,
        high=100.0,
    ),
    _spec(
        'follow.labels',
        ['waving'],
        'Labels of the actions that ask the robot to follow, or to engage.',
    ),
    _spec('moveit.objects', False, 'Send moveit_msgs/CollisionObject of everybody.'),
    _spec(
        'moveit.handover',
        False,
        'Send where the hand is of who hands something over, and except this person from collision'
        ' checks meanwhile; needs moveit.objects.',
    ),
    _spec('moveit.handover_labels', ['handing_over'], 'Labels of handing something over.'),
    _spec(
        'moveit.handover_links',
        [''],
        "The robot's links that may touch the partner: its gripper's.",
    ),
    _spec('hri.bodies', False, 'Send bodies as ROS4HRI has them, on /humans/bodies.'),
    _spec('hri.cropped', False, 'Send their images, from the topic image or NAME/image.'),
    _spec('hri.tf', False, 'Send their tf frames body_<id>.'),
    _spec('hri.intents', False, 'Send hri_actions_msgs/Intent of who asks the robot to engage.'),
    _spec('vision.detections', False, 'Send vision_msgs/Detection2DArray, 3D and LabelInfo.'),
    _spec('people.people', False, 'Send people_msgs/People.'),
    _spec('foxglove.drawings', False, 'Send foxglove_msgs/ImageAnnotations and SceneUpdate.'),
)
"""Every parameter of the node."""


@dataclass(frozen=True)
class PlannerSettings:
    """The parameters' values, checked and grouped by who uses them."""

    localizers: tuple[str, ...]
    autostart: bool
    frame: str
    base_frame: str
    fixed_frames: frozenset[str]
    rate: float
    stale: float
    hold: float
    prediction: float
    meeting: EncounterOptions
    body: BodySize
    actions: ActionGroups
    clearing: ClearingOptions
    speed: SpeedOptions
    follow: frozenset[str]
    handover_labels: frozenset[str]
    handover_links: tuple[str, ...]
    outputs: frozenset[str]


OUTPUTS = tuple(
    spec.name for spec in SPECS if isinstance(spec.default, bool) and spec.name != 'autostart'
)
"""The parameters that switch outputs."""


def planner_settings(values: Mapping[str, Any]) -> PlannerSettings:
    """Return the settings that parameter `values` by name make.

    Raises:
        ValueError: A value is not allowed; the text says which and what is.
    """
    for spec in SPECS:
        spec.check(values[spec.name])
    for name in ('frame', 'base_frame'):
        if not values[name]:
            raise ValueError(f'{name} is empty; it must be the name of a coordinate frame')
    return PlannerSettings(
        localizers=_localizers(values['localizers']),
        fixed_frames=frozenset(values['fixed_frames']),
        meeting=EncounterOptions(**_group('meeting', values)),
        body=BodySize(**_group('person', values)),
        actions=ActionGroups(
            **{name: frozenset(labels) - {''} for name, labels in _group('actions', values).items()}
        ),
        clearing=ClearingOptions(values['nav2.clearing_distance'], values['nav2.clearing_angle']),
        speed=SpeedOptions(**_group('speed_limit', values)),
        follow=frozenset(values['follow.labels']) - {''},
        handover_labels=frozenset(values['moveit.handover_labels']) - {''},
        handover_links=_links(values),
        outputs=frozenset(name for name in OUTPUTS if values[name]),
        **{
            name: values[name]
            for name in ('autostart', 'frame', 'base_frame', 'rate', 'stale', 'hold', 'prediction')
        },
    )


def _localizers(names: Sequence[str]) -> tuple[str, ...]:
    if not names or '' in names:
        raise ValueError(
            f'localizers is {list(names)}; it must name one localizer at least, and none is empty'
        )
    if len({name.lstrip('/') for name in names}) < len(names):
        raise ValueError(f'localizers {list(names)} holds a name twice')
    return tuple(names)


def _links(values: Mapping[str, Any]) -> tuple[str, ...]:
    links = tuple(link for link in values['moveit.handover_links'] if link)
    if values['moveit.handover'] and not links:
        raise ValueError(
            'moveit.handover_links is empty; name the links that may touch the partner of a'
            ' handover, or set moveit.handover to false'
        )
    if values['moveit.handover'] and not values['moveit.objects']:
        raise ValueError('moveit.handover is true; it needs moveit.objects to be true, too')
    return links


def _group(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values below `prefix`, by the rest of their names."""
    begin = f'{prefix}.'
    return {name[len(begin) :]: value for name, value in values.items() if name.startswith(begin)}

"""Check the values of the node's parameters, and group them by who uses them, without ROS."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from actloc_ros.instances import InstanceOptions, parse_overrides
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.ensemble.options import PREFIX
from actloc_ros.models.pose.joint_files import RATE as JOINTS_RATE
from actloc_ros.models.sound import options as sound
from actloc_ros.models.taught.options import TAUGHT, TAUGHT_FILE
from actloc_ros.models.two_stage.options import NONE_BIAS, TwoStageOptions
from actloc_ros.parameter_spec import in_one_line
from actloc_ros.settings.specs import DEFAULTS, SPECS
from actloc_ros.stamped_buffer import BufferLimits
from actloc_ros.tracks import TrackOptions

CAMERA_NAME = re.compile(r'/?[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*')
DEVICE = re.compile(r'auto|cpu|(cuda|tensorrt)(:\d+)?|openvino(:\w+)?')
MEGABYTE = 1e6


@dataclass(frozen=True)
class Settings:
    """The parameters' values, checked and grouped by who uses them."""

    cameras: tuple[str, ...]
    compressed: bool
    autostart: bool
    strict: bool
    free_on_deactivate: bool
    process_all: bool
    model: str
    localizer: LocalizerOptions
    max_lateness: float
    boxes_type: str
    boxes_patience: float
    joints_type: str
    joints_patience: float
    sound_type: str
    sound_format: str
    sound_patience: float
    buffer: BufferLimits
    max_rate: float
    tracks: TrackOptions
    instances: InstanceOptions
    publish_markers: bool
    depth: bool
    depth_tolerance: float
    depth_patience: float
    target_frame: str
    transform_patience: float
    diagnostics_period: float


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return the settings that parameter `values` by name make.

    Raises:
        ValueError: A value is not allowed; the text says which and what is.
    """
    for spec in SPECS:
        spec.check(values[spec.name])
    if not values['model']:
        raise ValueError('model is empty; name one that `actloc models` lists')
    return Settings(
        cameras=_cameras(values['cameras']),
        compressed=values['transport'] == 'compressed',
        autostart=values['autostart'],
        strict=values['strict'],
        free_on_deactivate=values['free_on_deactivate'],
        process_all=values['process_all'],
        model=values['model'],
        localizer=_localizer(values),
        max_lateness=values['max_lateness'],
        boxes_type=values['boxes.type'],
        boxes_patience=values['boxes.patience'],
        joints_type=values['joints.type'],
        joints_patience=values['joints.patience'],
        sound_type=values['sound.type'],
        sound_format=values['sound.format'],
        sound_patience=values['sound.patience'],
        buffer=BufferLimits(values['buffer.duration'], values['buffer.memory'] * MEGABYTE),
        max_rate=values['max_rate'],
        tracks=TrackOptions(**_group('tubes', values)),
        instances=_instances(**_group('instances', values)),
        publish_markers=values['publish_markers'],
        depth=values['depth.enabled'],
        depth_tolerance=values['depth.tolerance'],
        depth_patience=values['depth.patience'],
        target_frame=values['target_frame'],
        transform_patience=values['transform_patience'],
        diagnostics_period=values['diagnostics.period'],
    )


def describe_unknown(name: str) -> str:
    """Say that there is no parameter `name`, with the nearest that there is."""
    near = difflib.get_close_matches(name, DEFAULTS, n=1)
    hint = f'did you mean {near[0]}?' if near else 'none of its parameters has a similar name'
    return f'the node has no parameter {name} ({hint})'


def _cameras(names: Sequence[str]) -> tuple[str, ...]:
    if list(names) in ([], ['']):
        return ('',)
    for name in names:
        if not CAMERA_NAME.fullmatch(name):
            raise ValueError(
                f'cameras holds "{in_one_line(name)}", which cannot begin a topic\'s name'
            )
    if len({name.strip('/') for name in names}) < len(names):  # /front is front in /
        raise ValueError(f'cameras {list(names)} holds a name twice')
    return tuple(names)


def _localizer(values: Mapping[str, Any]) -> LocalizerOptions:
    if not DEVICE.fullmatch(values['device']):
        raise ValueError(
            f'device is "{in_one_line(values["device"])}"; it must be auto, cpu, cuda, cuda:N,'
            ' tensorrt, tensorrt:N, openvino or openvino:DEVICE'
        )
    bridge, restart = values['bridge_gap'], values['restart_gap']
    if restart <= 0 or restart < bridge:
        raise ValueError(
            f'restart_gap is {restart} s; it must be above 0 s and at least bridge_gap ({bridge} s)'
        )
    names = [field.name for field in fields(LocalizerOptions) if field.name in values]
    extra = {field.name: values[field.name] for field in fields(TwoStageOptions)}
    extra |= {f'{PREFIX}{name}': value for name, value in _group('ensemble', values).items()}
    named = sound.WEIGHTS, sound.LABELS, sound.FUSION, NONE_BIAS, JOINTS_RATE
    extra |= {name: values[name] for name in named}
    extra[TAUGHT_FILE] = values[TAUGHT]
    given = {name: values[name] for name in names}
    given['labels'] = tuple(label for label in values['labels'] if label)
    return LocalizerOptions(**given, extra=extra)


def _instances(
    start_score: float, end_score: float, overrides: Sequence[str], **durations: float
) -> InstanceOptions:
    return InstanceOptions(
        start_score=_score('start_score', start_score),
        end_score=_score('end_score', end_score),
        overrides=parse_overrides(overrides),
        **durations,
    )


def _score(name: str, value: float) -> float | None:
    if -1 < value < 0:
        raise ValueError(f'instances.{name} is {value}; it must be -1 or from 0 to 1')
    return None if value == -1 else value


def _group(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values below `prefix`, by the rest of their names."""
    begin = f'{prefix}.'
    return {name[len(begin) :]: value for name, value in values.items() if name.startswith(begin)}

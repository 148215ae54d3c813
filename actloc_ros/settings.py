"""Define every parameter of the node, and check and group their values, without ROS."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from actloc_ros.instances import InstanceOptions, parse_overrides
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.ensemble.options import PREFIX, EnsembleOptions
from actloc_ros.models.pose.joint_files import RATE as JOINTS_RATE
from actloc_ros.models.sound import options as sound
from actloc_ros.models.taught.options import TAUGHT, TAUGHT_FILE
from actloc_ros.models.two_stage.options import NONE_BIAS, TwoStageOptions
from actloc_ros.parameter_spec import Mutability, ParameterSpec, in_one_line
from actloc_ros.pipeline import MAX_LATENESS
from actloc_ros.stamped_buffer import BufferLimits
from actloc_ros.tracks import TrackOptions

CAMERA_NAME = re.compile(r'/?[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*')
DEVICE = re.compile(r'auto|cpu|(cuda|tensorrt)(:\d+)?|openvino(:\w+)?')
MEGABYTE = 1e6

_TRACKS, _INSTANCES, _OPTIONS = TrackOptions(), InstanceOptions(), LocalizerOptions()

SPECS = (
    ParameterSpec(
        'cameras',
        [''],
        'Names of the cameras: NAME means the topic NAME/image. None: one camera on `image`.',
        Mutability.START,
    ),
    ParameterSpec(
        'transport',
        'raw',
        'What cameras send: raw is sensor_msgs/Image on image, compressed is'
        ' sensor_msgs/CompressedImage on image/compressed.',
        Mutability.START,
        choices=('raw', 'compressed'),
    ),
    ParameterSpec(
        'autostart', True, 'Configure and activate the node at its start.', Mutability.START
    ),
    ParameterSpec(
        'strict',
        False,
        'Refuse to start where a parameter is given that the node does not have; else it warns.',
        Mutability.START,
    ),
    ParameterSpec(
        'free_on_deactivate',
        False,
        'Free the model and its memory when the node is deactivated; to activate it then takes as'
        ' long as to configure it.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'process_all',
        False,
        'For replay: process every frame in order of stamps and drop none, with reliable'
        ' subscriptions; max_rate does not hold, and measured durations in messages are 0.',
        Mutability.START,
    ),
    ParameterSpec(
        'model',
        'pose_n',
        'The localizer: a name that `actloc models` lists, or MODULE:CLASS of your own.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'weights',
        '',
        "Path of the model's checkpoint or name of a downloaded one; empty: the model's default.",
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'random_weights',
        _OPTIONS.random_weights,
        'Run with random weights where there is no checkpoint: for benchmarks alone.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'device',
        _OPTIONS.device,
        'Where the model runs: cpu, cuda, cuda:N, or auto for the GPU where there is one; models'
        ' without PyTorch also on tensorrt, tensorrt:N, openvino and openvino:DEVICE.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'precision',
        _OPTIONS.precision,
        'Number format of the model; auto takes what the device gains from.',
        Mutability.INACTIVE,
        choices=('auto', 'float32', 'float16', 'bfloat16'),
    ),
    ParameterSpec(
        'threads',
        _OPTIONS.threads,
        'Threads of ONNX Runtime in a step on the CPU; beside other nodes, one is soonest done.',
        Mutability.INACTIVE,
        low=1,
        high=64,
    ),
    ParameterSpec(
        'bridge_gap',
        _OPTIONS.bridge_gap,
        'Longest time in s without frames that a clip bridges by its nearest frames.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'restart_gap',
        _OPTIONS.restart_gap,
        "Time in s without frames after which a camera's past is forgotten; above 0 and at least"
        ' bridge_gap.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'max_lateness',
        MAX_LATENESS,
        'A frame whose stamp is before the last by less than this time in s is dropped; by more,'
        " the camera's time has jumped back, and its past is forgotten.",
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'classify_rate',
        TwoStageOptions.classify_rate,
        "How often in Hz a two-stage model classifies each actor's clip, by stamps.",
        Mutability.INACTIVE,
        low=0.1,
        high=1000.0,
    ),
    ParameterSpec(
        'labels',
        [''],
        "What may happen, in words, such as 'a person waving', for models that take any"
        ' (DETECTOR+clip_…); for all others none.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'words.none',
        0.0,
        'Such models: added to the logit of "none of these"; above 0, less is reported.',
        Mutability.INACTIVE,
        low=-100.0,
        high=100.0,
    ),
    ParameterSpec(
        'ensemble.cascade',
        EnsembleOptions.cascade,
        'Run the first member of ensemble(A,B,…) at every frame, and each further one only where'
        ' those before it are unsure.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'ensemble.unsure',
        EnsembleOptions.unsure,
        'In a cascade: how near to the threshold a score is unsure.',
        Mutability.INACTIVE,
        high=1.0,
    ),
    ParameterSpec(
        'ensemble.budget',
        EnsembleOptions.budget,
        'In a cascade: time in ms that further members may take a frame, in the mean over about a'
        ' second; 0: no limit.',
        Mutability.INACTIVE,
        high=60000.0,
    ),
    ParameterSpec(
        TAUGHT,
        '',
        'File of actions that `actloc teach` taught, which the model then knows too; empty: none.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'boxes.type',
        'vision_msgs/Detection2DArray',
        'Message type of the topic boxes, or NAME/boxes, from which the model topic+CLASSIFIER'
        ' takes the people, with the stamps of their images.',
        Mutability.START,
        choices=('vision_msgs/Detection2DArray', 'actloc_ros/ActionDetectionArray'),
    ),
    ParameterSpec(
        'boxes.patience',
        0.2,
        'Longest time in s that a frame waits for its boxes.',
        Mutability.START,
        high=10.0,
    ),
    ParameterSpec(
        'joints.type',
        'hri_msgs/Skeleton2D',
        'From which messages the models topic+skeleton_n and topic+SKELETON take people and their'
        ' joints, with the stamps of their images: those of /humans/bodies, or the topic joints, or'
        ' NAME/joints, with the names on joints_info, or NAME/joints_info.',
        Mutability.START,
        choices=('hri_msgs/Skeleton2D', 'actloc_ros/ActionDetectionArray'),
    ),
    ParameterSpec(
        'joints.patience',
        0.2,
        'Longest time in s that a frame waits for its joints.',
        Mutability.START,
        high=10.0,
    ),
    ParameterSpec(
        JOINTS_RATE,
        0.0,
        'Frames a second of a file of joints that numbers its frames, for joints=PATH+skeleton_n;'
        ' 0: as the file says.',
        Mutability.INACTIVE,
        high=1000.0,
    ),
    ParameterSpec(
        'sound.type',
        'audio_common_msgs/AudioDataStamped',
        'Message type of the topic audio, from which models with sound hear; the first camera is'
        ' where its microphone is.',
        Mutability.START,
        choices=('audio_common_msgs/AudioDataStamped', 'audio_common_msgs/AudioData'),
    ),
    ParameterSpec(
        'sound.format',
        '',
        'What its bytes are: mp3, or SAMPLES,RATE,CHANNELS such as S16LE,16000,1; empty: what'
        ' AudioInfo on audio_info says.',
        Mutability.START,
    ),
    ParameterSpec(
        'sound.patience',
        0.2,
        'Longest time in s that a frame waits for the sound up to its stamp.',
        Mutability.START,
        high=10.0,
    ),
    ParameterSpec(
        sound.WEIGHTS,
        '',
        'What scores the sound of MODEL+sound: an ONNX file of `actloc train`, or a checkpoint of'
        ' EfficientAT; empty: the one that ships.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        sound.LABELS,
        [''],
        'Sounds to report, of those that the model knows; none: all.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        sound.FUSION,
        '',
        'File of learned weights by which sounds change the scores of actors; empty: none.',
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'buffer.duration',
        2.0,
        'Time in s for which messages of the topics depth, camera_info and boxes are kept for the'
        ' image that they belong to; above what the model may lag behind.',
        Mutability.START,
        low=0.1,
        high=60.0,
    ),
    ParameterSpec(
        'buffer.memory',
        256.0,
        'Most memory in MB for the messages of each of these topics.',
        Mutability.START,
        low=1.0,
        high=65536.0,
    ),
    ParameterSpec(
        'max_rate',
        0.0,
        'Most frames a second to process of each camera, by their stamps, in Hz; 0: no limit.',
        Mutability.ALWAYS,
        high=1000.0,
    ),
    ParameterSpec(
        'tubes.iou_min',
        _TRACKS.iou_min,
        'Least overlap (intersection over union, above 0) that links a detection to a track.',
        Mutability.ALWAYS,
        high=1.0,
    ),
    ParameterSpec(
        'tubes.max_gap',
        _TRACKS.max_gap,
        'Time in s without detections after which a track is given up.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'tubes.min_score',
        _TRACKS.min_score,
        'Box score from which a detection starts a track; a weaker one may only continue one.',
        Mutability.ALWAYS,
        high=1.0,
    ),
    ParameterSpec(
        'instances.start_score',
        -1.0,
        "Score from which an action starts; -1: the model's own threshold.",
        Mutability.ALWAYS,
        low=-1.0,
        high=1.0,
    ),
    ParameterSpec(
        'instances.end_score',
        -1.0,
        'Score below which it has no evidence any more; -1: 0.8 of its start score.',
        Mutability.ALWAYS,
        low=-1.0,
        high=1.0,
    ),
    ParameterSpec(
        'instances.min_duration',
        _INSTANCES.min_duration,
        'Time in s that an action must last to be reported.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'instances.merge_gap',
        _INSTANCES.merge_gap,
        'Longest time in s without evidence within one instance.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'instances.overrides',
        [''],
        'What differs for single labels, each LABEL:KEY=VALUE,KEY=VALUE with the keys start_score,'
        ' end_score, min_duration, merge_gap.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'publish_markers',
        False,
        'Publish RViz markers of actors whose pose is known.',
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'depth.enabled',
        False,
        'Locate actors in space, from a depth image registered to the camera (topics depth'
        ' and camera_info, or NAME/depth and NAME/camera_info).',
        Mutability.START,
    ),
    ParameterSpec(
        'depth.tolerance',
        0.05,
        'Longest time in s between the stamps of an image and its depth image, where none has the'
        " same stamp; never more than half a frame's time.",
        Mutability.ALWAYS,
    ),
    ParameterSpec(
        'depth.patience',
        0.2,
        'Longest time in s that the result of an image with actors waits for its depth image.',
        Mutability.ALWAYS,
        high=10.0,
    ),
    ParameterSpec(
        'target_frame',
        '',
        "Coordinate frame of poses and velocities; empty: the camera's. Needs tf2_ros.",
        Mutability.INACTIVE,
    ),
    ParameterSpec(
        'transform_patience',
        0.2,
        'Longest time in s that a result with poses waits for the transform to target_frame; then'
        " its poses are in the camera's frame, with the flag pose_untransformed.",
        Mutability.ALWAYS,
        high=10.0,
    ),
    ParameterSpec(
        'diagnostics.period',
        1.0,
        'Time in s between messages on /diagnostics.',
        Mutability.ALWAYS,
        low=0.1,
        high=60.0,
    ),
)


DEFAULTS = {spec.name: spec.default for spec in SPECS}
"""The default of every parameter by name."""


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

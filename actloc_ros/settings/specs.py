"""Define every parameter of the node: its type, default and range, and what it does."""

from __future__ import annotations

import re

from actloc_ros.instances import InstanceOptions
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.ensemble.options import EnsembleOptions
from actloc_ros.models.pose.joint_files import RATE as JOINTS_RATE
from actloc_ros.models.sound import options as sound
from actloc_ros.models.taught.options import TAUGHT
from actloc_ros.models.two_stage.options import TwoStageOptions
from actloc_ros.parameter_spec import Mutability, ParameterSpec
from actloc_ros.pipeline import MAX_LATENESS
from actloc_ros.tracks import TrackOptions

DEVICE = re.compile(r'auto|cpu|(cuda|tensorrt)(:\d+)?|openvino(:\w+)?')

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
        ' joints, with the stamps of their images: those of /humans/bodies, with several cameras'
        ' NAME/humans/bodies, or the topic joints, or NAME/joints, with the names on joints_info,'
        ' or NAME/joints_info.',
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

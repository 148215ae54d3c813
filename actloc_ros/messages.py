"""Lay out what the pipeline found as messages, alike for the live node and for the offline tools.

The caller chooses the message classes: rclpy's in the node, those of rosbags offline. Both take
every field by keyword, so that one layout serves both and live output equals offline output.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from actloc_ros.frames import NANOSECONDS

if TYPE_CHECKING:
    from actloc_ros.instances import InstanceUpdate
    from actloc_ros.pipeline import FrameResult
    from actloc_ros.projection import ActorPose

MAX_RESULTS = 10
LONGEST = 2**31 * NANOSECONDS - 1  # ns that a `Duration` holds: 68 years
MIN_RESULT_SCORE = 0.01

FindType = Callable[[str], Any]
"""Return the class of a message type, e.g. of `std_msgs/msg/Header`."""


def step_to_message(
    step: FrameResult,
    types: FindType,
    *,
    model: str,
    labels: Sequence[str],
    dropped: int = 0,
    inference_time: int = 0,
    latency: int = 0,
    poses: Mapping[int, ActorPose] | None = None,
) -> Any:
    """Return the `ActionDetectionArray` of what `step` found.

    Args:
        step: One pass of the pipeline.
        types: Finds the message classes.
        model: The localizer's name.
        labels: Its action names.
        dropped: Frames of the camera that were received and never processed.
        inference_time: In ns.
        latency: Publication minus header stamp in ns.
        poses: Poses of actors by track id, where known.
    """
    header = header_message(types, step.stamp, step.frame_id)
    poses = poses or {}
    return types('actloc_ros/msg/ActionDetectionArray')(
        header=header,
        camera=step.camera,
        clip_start=time_message(types, step.clip.start),
        clip_end=time_message(types, step.clip.end),
        clip_frames=step.clip.frames,
        clip_frames_missing=step.clip.missing,
        image_width=step.width,
        image_height=step.height,
        inference_time=duration_message(types, inference_time),
        latency=duration_message(types, latency),
        frames_dropped=dropped,
        model=model,
        detections=[
            _detection(types, step, action, labels, poses.get(action.track_id))
            for action in step.actions
        ],
    )


def label_info_message(
    types: FindType,
    *,
    stamp: int,
    model: str,
    labels: Sequence[str],
    threshold: float,
    joint_names: Sequence[str] = (),
) -> Any:
    """Return the `LabelInfo` of a localizer that was activated at `stamp` (ns)."""
    return types('actloc_ros/msg/LabelInfo')(
        header=header_message(types, stamp, ''),
        model=model,
        labels=list(labels),
        threshold=float(threshold),
        joint_names=list(joint_names),
    )


def header_message(types: FindType, stamp: int, frame_id: str) -> Any:
    """Return the header with `stamp` (ns) and `frame_id`."""
    header = types('std_msgs/msg/Header')
    return header(stamp=time_message(types, stamp), frame_id=frame_id)


def time_message(types: FindType, stamp: int) -> Any:
    """Return `stamp` (ns) as a `Time`."""
    sec, nanosec = divmod(stamp, NANOSECONDS)
    return types('builtin_interfaces/msg/Time')(sec=sec, nanosec=nanosec)


def duration_message(types: FindType, duration: int) -> Any:
    """Return `duration` (ns, may be negative) as a `Duration`, cut to the longest that it holds."""
    sec, nanosec = divmod(max(-LONGEST, min(duration, LONGEST)), NANOSECONDS)
    return types('builtin_interfaces/msg/Duration')(sec=sec, nanosec=nanosec)


def stamp_of(time: Any) -> int:
    """Return a `Time` or `Duration` message in ns."""
    return time.sec * NANOSECONDS + time.nanosec


def _detection(
    types: FindType,
    step: FrameResult,
    action: InstanceUpdate,
    labels: Sequence[str],
    pose: ActorPose | None,
) -> Any:
    detection = types('actloc_ros/msg/ActionDetection')
    return detection(
        header=header_message(types, step.stamp, step.frame_id),
        camera=step.camera,
        track_id=action.track_id,
        instance_id=action.instance_id,
        state=int(action.state),
        class_id=action.class_id,
        label=labels[action.class_id] if action.class_id >= 0 else '',
        results=_results(types, action.scores, labels),
        box_score=float(action.box_score),
        start_time=time_message(types, action.start),
        end_time=time_message(types, action.end),
        bbox=np.array(action.box, np.float32),
        whole_view=action.whole_view,
        **_space(types, step, pose),
        **_joints(types, detection, action, pose),
    )


def _results(types: FindType, scores: np.ndarray, labels: Sequence[str]) -> list[Any]:
    hypothesis = types('actloc_ros/msg/ActionHypothesis')
    best = np.argsort(-scores, kind='stable')[:MAX_RESULTS]
    return [
        hypothesis(class_id=int(index), label=labels[index], score=float(scores[index]))
        for index in best
        if scores[index] >= MIN_RESULT_SCORE
    ]


def _space(types: FindType, step: FrameResult, pose: ActorPose | None) -> dict[str, Any]:
    """Return the fields on space: flags say what is known, all else stays at its default."""
    frame_id = pose.frame_id if pose else ''
    velocity = pose.velocity if pose else None
    header = header_message(types, step.stamp if pose else 0, frame_id)
    moving = header_message(types, step.stamp if velocity is not None else 0, frame_id)
    return {
        'has_pose': pose is not None,
        'pose': types('geometry_msgs/msg/PoseWithCovarianceStamped')(
            header=header, pose=_pose(types, pose)
        ),
        'size': _vector(types, pose.size if pose else None),
        'pose_untransformed': pose is not None and pose.untransformed,
        'has_velocity': velocity is not None,
        'velocity': types('geometry_msgs/msg/Vector3Stamped')(
            header=moving, vector=_vector(types, velocity)
        ),
    }


def _joints(
    types: FindType, detection: Any, action: InstanceUpdate, pose: ActorPose | None
) -> dict[str, Any]:
    """Return the fields on joints of the class `detection`, empty where there are none."""
    none = action.joints is None
    x, y, score = np.zeros((3, 0), np.float32) if action.joints is None else action.joints.T
    points = () if none or pose is None or pose.joints is None else pose.joints.tolist()
    point = types('geometry_msgs/msg/Point')
    return {
        'joints_x': _floats(detection, x),
        'joints_y': _floats(detection, y),
        'joints_score': _floats(detection, score),
        'joints_3d': [point(x=x, y=y, z=z) for x, y, z in points],
    }


def _floats(message_class: Any, values: np.ndarray) -> np.ndarray | array[float]:
    """Return a `float32[]`: rosbags' classes, which are dataclasses, hold NumPy's arrays."""
    values = np.ascontiguousarray(values, np.float32)
    return values if is_dataclass(message_class) else array('f', values.tolist())


def _pose(types: FindType, pose: ActorPose | None) -> Any:
    covariance = np.zeros((6, 6))
    x, y, z = np.zeros(3) if pose is None else pose.position
    if pose is not None:
        covariance[:3, :3] = pose.covariance
        covariance[3:, 3:] = np.eye(3) * np.pi**2  # a body's orientation is not known
    return types('geometry_msgs/msg/PoseWithCovariance')(
        pose=types('geometry_msgs/msg/Pose')(
            position=types('geometry_msgs/msg/Point')(x=float(x), y=float(y), z=float(z)),
            orientation=types('geometry_msgs/msg/Quaternion')(x=0.0, y=0.0, z=0.0, w=1.0),
        ),
        covariance=covariance.ravel(),
    )


def _vector(types: FindType, vector: np.ndarray | None) -> Any:
    x, y, z = (0.0, 0.0, 0.0) if vector is None else vector
    return types('geometry_msgs/msg/Vector3')(x=float(x), y=float(y), z=float(z))

"""Draw actors whose pose is known as RViz markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from actloc_ros.joints import limb_indices
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.projection import ActorPose

LIFETIME = Duration(sec=1)
LEAST_SIZE = 0.05  # m: RViz does not show what has no extent
TEXT_HEIGHT = 0.15  # m
LIMB_WIDTH = 0.02  # m


def marker_array(
    message: ActionDetectionArray,
    camera_poses: Mapping[int, ActorPose],
    joint_names: Sequence[str] = (),
) -> MarkerArray:
    """Return a box, a text and limbs for each actor of `message` whose pose is known.

    Limbs connect joints that are known in space, by their names. All lie along the optical frame's
    axes, so poses are those in that frame, by track id.
    """
    spaces = f'{message.camera}/' if message.camera else ''
    markers = [
        Marker(header=message.header, ns=f'{spaces}{kind}', action=Marker.DELETEALL)
        for kind in ('box', 'text', 'limbs')
    ]
    for track_id, pose in sorted(camera_poses.items()):
        box = _marker(message.header, f'{spaces}box', track_id, pose.position)
        box.type, box.scale = Marker.CUBE, _scale(pose.size)
        text = _marker(message.header, f'{spaces}text', track_id, _above(pose))
        text.type, text.scale.z = Marker.TEXT_VIEW_FACING, TEXT_HEIGHT
        text.text = _words(message, track_id)
        markers += [box, text]
        points = _limb_points(pose, joint_names)
        if points:
            limbs = _marker(message.header, f'{spaces}limbs', track_id, np.zeros(3))
            limbs.type, limbs.scale.x, limbs.points = Marker.LINE_LIST, LIMB_WIDTH, points
            limbs.color.a = 1.0
            markers.append(limbs)
    return MarkerArray(markers=markers)


def _marker(header: Any, space: str, track_id: int, position: np.ndarray) -> Marker:
    x, y, z = (float(value) for value in position)
    return Marker(
        header=header,
        ns=space,
        id=track_id,
        action=Marker.ADD,
        pose=Pose(position=Point(x=x, y=y, z=z)),
        color=_colour(track_id),
        lifetime=LIFETIME,
    )


def _limb_points(pose: ActorPose, joint_names: Sequence[str]) -> list[Point]:
    """Return both ends of each limb whose joints are known in space."""
    if pose.joints is None:
        return []
    limbs = [pose.joints[list(limb)] for limb in limb_indices(joint_names)]
    ends = [end for limb in limbs if np.isfinite(limb).all() for end in limb.tolist()]
    return [Point(x=x, y=y, z=z) for x, y, z in ends]


def _scale(size: np.ndarray) -> Vector3:
    x, y, z = (max(float(value), LEAST_SIZE) for value in size)
    return Vector3(x=x, y=y, z=z)


def _above(pose: ActorPose) -> np.ndarray:
    """Return the text's position; y points down in an optical frame."""
    return pose.position - np.array([0, pose.size[1] / 2 + TEXT_HEIGHT, 0])


def _words(message: ActionDetectionArray, track_id: int) -> str:
    actions = [d.label for d in message.detections if d.track_id == track_id and d.class_id >= 0]
    return f'{track_id} {", ".join(actions)}'.strip()


def _colour(track_id: int) -> ColorRGBA:
    hue = track_id * 0.618 % 1  # neighbouring ids differ much
    r, g, b = (0.5 + 0.5 * np.cos(2 * np.pi * (hue + shift)) for shift in (0, 1 / 3, 2 / 3))
    return ColorRGBA(r=float(r), g=float(g), b=float(b), a=0.6)

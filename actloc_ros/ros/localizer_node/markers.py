"""Draw actors whose place is known as RViz markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from actloc_ros.messages import Place
from actloc_ros.pipeline import FrameResult

LIFETIME = Duration(sec=1)
LEAST_SIZE = 0.05  # m: RViz does not show what has no extent
TEXT_HEIGHT = 0.15  # m


def marker_array(
    header: Any, step: FrameResult, labels: Sequence[str], places: Mapping[int, Place]
) -> MarkerArray:
    """Return a box and a text for each actor of `step` with a place in the camera's frame.

    Boxes lie along the optical frame's axes, so places are those in that frame.
    """
    spaces = f'{step.camera}/' if step.camera else ''
    markers = [
        Marker(header=header, ns=f'{spaces}{kind}', action=Marker.DELETEALL)
        for kind in ('box', 'text')
    ]
    for track_id, place in sorted(places.items()):
        box = _marker(header, f'{spaces}box', track_id, place.position)
        box.type, box.scale = Marker.CUBE, _scale(place.size)
        text = _marker(header, f'{spaces}text', track_id, _above(place))
        text.type, text.scale.z = Marker.TEXT_VIEW_FACING, TEXT_HEIGHT
        text.text = _words(step, labels, track_id)
        markers += [box, text]
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


def _scale(size: np.ndarray) -> Vector3:
    x, y, z = (max(float(value), LEAST_SIZE) for value in size)
    return Vector3(x=x, y=y, z=z)


def _above(place: Place) -> np.ndarray:
    """Return where the text stands; y points down in an optical frame."""
    return place.position - np.array([0, place.size[1] / 2 + TEXT_HEIGHT, 0])


def _words(step: FrameResult, labels: Sequence[str], track_id: int) -> str:
    actions = [
        labels[a.class_id] for a in step.actions if a.track_id == track_id and a.class_id >= 0
    ]
    return f'{track_id} {", ".join(actions)}'.strip()


def _colour(track_id: int) -> ColorRGBA:
    hue = track_id * 0.618 % 1  # neighbouring ids differ much
    r, g, b = (0.5 + 0.5 * np.cos(2 * np.pi * (hue + shift)) for shift in (0, 1 / 3, 2 / 3))
    return ColorRGBA(r=float(r), g=float(g), b=float(b), a=0.6)

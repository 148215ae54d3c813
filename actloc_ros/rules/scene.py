"""Define what the rules take: the actors of one camera at one key frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from actloc_ros.instances import InstanceState
from actloc_ros.messages import stamp_of

PERSON = 'person'
VIEW = 'view'
"""The kind of what is no actor but the whole view, such as a sound."""

Box = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Actor:
    """A tracked person or thing that is detected at a key frame.

    Attributes:
        track_id: Unique in its camera.
        kind: `person`, `car`, …, or `view`.
        box: x1, y1, x2, y2 in pixels of the original image.
        scores: Of actions in [0, 1], by label; those left out are 0.
        position: x, y in m in `frame`; None where it is not known by measurement.
        frame: Of the position.
        stamp: When this was measured in ns; None for the scene's.
    """

    track_id: int
    kind: str
    box: Box
    scores: Mapping[str, float] = field(default_factory=dict)
    position: Point | None = None
    frame: str = ''
    stamp: int | None = None


@dataclass(frozen=True)
class Scene:
    """All actors of one camera at one key frame.

    Attributes:
        camera: Its name; empty for the single default camera.
        stamp: Of the key frame in ns.
        width: Of the image in pixels.
        height: Of the image in pixels.
        actors: Who is detected.
    """

    camera: str
    stamp: int
    width: int
    height: int
    actors: tuple[Actor, ...] = ()

    def with_actors(self, more: Iterable[Actor]) -> Scene:
        """Return the scene with further actors."""
        return replace(self, actors=(*self.actors, *more))


def scene_of(message: Any) -> Scene:
    """Return the scene of an `ActionDetectionArray` of any message classes.

    An actor with ended actions alone is not counted as detected: the message
    does not say whether it is. Poses that were to be in another frame than they are keep theirs.
    """
    actors: dict[int, Actor] = {}
    for detection in message.detections:
        if detection.state != InstanceState.ENDED and detection.track_id not in actors:
            actors[detection.track_id] = _actor(detection)
    return Scene(
        message.camera,
        stamp_of(message.header.stamp),
        message.image_width,
        message.image_height,
        tuple(actors.values()),
    )


def _actor(detection: Any) -> Actor:
    x1, y1, x2, y2 = (float(value) for value in detection.bbox)
    point = detection.pose.pose.pose.position
    return Actor(
        track_id=int(detection.track_id),
        kind=VIEW if detection.whole_view else PERSON,
        box=(x1, y1, x2, y2),
        scores={each.label: float(each.score) for each in detection.results},
        position=(point.x, point.y) if detection.has_pose else None,
        frame=detection.pose.header.frame_id if detection.has_pose else '',
    )

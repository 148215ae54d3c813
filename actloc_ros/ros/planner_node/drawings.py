"""Send drawings for Foxglove: on the image, and in space."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import Point, Pose, Vector3

from actloc_ros.joints import RELIABLE_SCORE, limb_indices
from actloc_ros.messages import duration_message, time_message
from actloc_ros.msg import ActionDetection
from actloc_ros.planners.collision_objects import Body
from actloc_ros.planners.people import PersonKey
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.collision_objects import person_bodies
from actloc_ros.ros.planner_node.inputs import actors_of
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, Scene, message_class

DEPTH = 10
PARAMETER = 'foxglove.drawings'
LIFETIME = 1_000_000_000  # ns: 0 would leave people in the scene for ever
LINE, LETTERS = 2.0, 14.0  # pixels
TEXT_HEIGHT = 0.2  # m
GOLDEN = 0.618  # of neighbouring ids the colours differ much


class DrawingOutput(Output):
    """`~/annotations` with boxes, limbs and actions in pixels; `~/scene` with people in m."""

    def __init__(self, context: NodeContext) -> None:
        self._settings = context.settings
        self._flat_class = message_class('foxglove_msgs/msg/ImageAnnotations', PARAMETER)
        self._deep_class = message_class('foxglove_msgs/msg/SceneUpdate', PARAMETER)
        node = context.node
        self._flat = node.create_lifecycle_publisher(self._flat_class, '~/annotations', DEPTH)
        self._deep = node.create_lifecycle_publisher(self._deep_class, '~/scene', DEPTH)

    def report(self, incoming: Incoming) -> None:
        """Send what is drawn on the image; nothing without actors, so that old drawings go."""
        message = self._flat_class()
        limbs = limb_indices(incoming.joint_names)
        for track_id, found in actors_of(incoming.message).items():
            key, stamp = incoming.key(track_id), found[0].header.stamp
            message.points.append(_box(found[0], track_id))
            ends = _limb_ends(found[0], limbs)
            if ends:
                message.points.append(_points(stamp, 4, ends, track_id))
            message.texts.append(_text(key, found, track_id))
        self._flat.publish(message)

    def cycle(self, scene: Scene) -> None:
        """Send people as cylinders that vanish by themselves."""
        if scene.faults:
            return
        bodies = person_bodies(scene.movers, self._settings)
        update = self._deep_class()
        for person, (id_, body) in zip(scene.movers.people, bodies.items(), strict=True):
            words = f'{person.key.name} {", ".join(sorted(person.labels))}'.strip()
            update.entities.append(self._entity(scene.stamp, id_, body, words, person.key.track_id))
        self._deep.publish(update)

    def release(self) -> None:
        """Take all people out of the scene."""
        deletion = ros_type('foxglove_msgs/msg/SceneEntityDeletion')
        self._deep.publish(self._deep_class(deletions=[deletion(type=deletion.ALL)]))
        self._flat.publish(self._flat_class())

    def _entity(self, stamp: int, id_: str, body: Body, words: str, track_id: int) -> Any:
        x, y, z = (float(value) for value in body.centre)
        width = 2 * body.radius
        cylinder = ros_type('foxglove_msgs/msg/CylinderPrimitive')(
            pose=Pose(position=Point(x=x, y=y, z=z)),
            size=Vector3(x=width, y=width, z=body.height),
            bottom_scale=1.0,
            top_scale=1.0,
            color=_colour(track_id, 0.5),
        )
        over = Point(x=x, y=y, z=z + body.height / 2 + TEXT_HEIGHT)
        text = ros_type('foxglove_msgs/msg/TextPrimitive')(
            pose=Pose(position=over),
            billboard=True,
            font_size=TEXT_HEIGHT,
            color=_colour(track_id, 1.0),
            text=words,
        )
        return ros_type('foxglove_msgs/msg/SceneEntity')(
            timestamp=time_message(ros_type, stamp),
            frame_id=self._settings.frame,
            id=id_,
            lifetime=duration_message(ros_type, LIFETIME),
            cylinders=[cylinder],
            texts=[text],
        )


def _box(detection: ActionDetection, track_id: int) -> Any:
    x1, y1, x2, y2 = (float(value) for value in detection.bbox)
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    return _points(detection.header.stamp, 2, corners, track_id)


def _limb_ends(
    detection: ActionDetection, limbs: Sequence[tuple[int, int]]
) -> list[tuple[float, float]]:
    """Return both ends of each limb whose joints are known, one after the other."""
    x, y, score = detection.joints_x, detection.joints_y, detection.joints_score
    known = {i for i, value in enumerate(score) if value >= RELIABLE_SCORE}
    return [(x[i], y[i]) for limb in limbs if known.issuperset(limb) for i in limb]


def _points(stamp: Any, kind: int, places: Sequence[tuple[float, float]], track_id: int) -> Any:
    """Return an annotation of kind LINE_LOOP (2) or LINE_LIST (4)."""
    return ros_type('foxglove_msgs/msg/PointsAnnotation')(
        timestamp=stamp,
        type=kind,
        points=[_point(*place) for place in places],
        outline_color=_colour(track_id, 1.0),
        thickness=LINE,
    )


def _text(key: PersonKey, found: Sequence[ActionDetection], track_id: int) -> Any:
    actions = ', '.join(sorted({d.label for d in found if d.label}))
    return ros_type('foxglove_msgs/msg/TextAnnotation')(
        timestamp=found[0].header.stamp,
        position=_point(found[0].bbox[0], found[0].bbox[1]),
        text=f'{key.name} {actions}'.strip(),
        font_size=LETTERS,
        text_color=_colour(track_id, 1.0),
    )


def _point(x: float, y: float) -> Any:
    return ros_type('foxglove_msgs/msg/Point2')(x=float(x), y=float(y))


def _colour(track_id: int, alpha: float) -> Any:
    r, g, b = colorsys.hsv_to_rgb(track_id * GOLDEN % 1, 0.8, 1.0)
    return ros_type('foxglove_msgs/msg/Color')(r=r, g=g, b=b, a=alpha)

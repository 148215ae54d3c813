"""Make `foxglove_msgs/ImageAnnotations`: boxes and labels over an image panel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import find_type
from actloc_ros.io.drawing import track_colour
from actloc_ros.messages import time_message

KIND = 'foxglove_msgs/msg/ImageAnnotations'
LINE_LOOP = 2
THICKNESS, FONT = 2.0, 14.0  # pixels
# The definitions as distributions have them; they lie in the file, so that no package is needed.
DEFINITIONS = {
    'foxglove_msgs/msg/Color': 'float64 r\nfloat64 g\nfloat64 b\nfloat64 a\n',
    'foxglove_msgs/msg/Point2': 'float64 x\nfloat64 y\n',
    'foxglove_msgs/msg/CircleAnnotation': 'builtin_interfaces/Time timestamp\n'
    'foxglove_msgs/Point2 position\nfloat64 diameter\nfloat64 thickness\n'
    'foxglove_msgs/Color fill_color\nfoxglove_msgs/Color outline_color\n',
    'foxglove_msgs/msg/PointsAnnotation': 'builtin_interfaces/Time timestamp\n'
    'uint8 UNKNOWN=0\nuint8 POINTS=1\nuint8 LINE_LOOP=2\nuint8 LINE_STRIP=3\nuint8 LINE_LIST=4\n'
    'uint8 type\nfoxglove_msgs/Point2[] points\nfoxglove_msgs/Color outline_color\n'
    'foxglove_msgs/Color[] outline_colors\nfoxglove_msgs/Color fill_color\nfloat64 thickness\n',
    'foxglove_msgs/msg/TextAnnotation': 'builtin_interfaces/Time timestamp\n'
    'foxglove_msgs/Point2 position\nstring text\nfloat64 font_size\n'
    'foxglove_msgs/Color text_color\nfoxglove_msgs/Color background_color\n',
    KIND: 'foxglove_msgs/CircleAnnotation[] circles\nfoxglove_msgs/PointsAnnotation[] points\n'
    'foxglove_msgs/TextAnnotation[] texts\n',
}


@lru_cache
def image_annotations_definition() -> str:
    """Return the definition of `ImageAnnotations`, with those that it needs."""
    return _types().generate_msgdef(KIND, ros_version=2)[0]


def serialize_image_annotations(message: Any, stamp: int) -> bytes:
    """Return a box with its text for each actor of an `ActionDetectionArray`, in CDR.

    Args:
        message: The array.
        stamp: The image's, in ns.
    """
    actors: dict[int, list[Any]] = {}
    for detection in message.detections:
        if detection.state != InstanceState.ENDED:
            actors.setdefault(detection.track_id, []).append(detection)
    boxes = [_box(track, found[0].bbox, stamp) for track, found in actors.items()]
    texts = [_text(track, found, stamp) for track, found in actors.items()]
    content = _class('ImageAnnotations')(circles=[], points=boxes, texts=texts)
    return bytes(_types().serialize_cdr(content, KIND))


def _box(track: int, bbox: Any, stamp: int) -> Any:
    x1, y1, x2, y2 = (float(value) for value in bbox)
    point = _class('Point2')
    return _class('PointsAnnotation')(
        timestamp=time_message(find_type, stamp),
        type=LINE_LOOP,
        points=[point(x1, y1), point(x2, y1), point(x2, y2), point(x1, y2)],
        outline_color=_colour(track),
        outline_colors=[],
        fill_color=_class('Color')(0.0, 0.0, 0.0, 0.0),
        thickness=THICKNESS,
    )


def _text(track: int, detections: list[Any], stamp: int) -> Any:
    labels = [each.label for each in detections if each.label]
    return _class('TextAnnotation')(
        timestamp=time_message(find_type, stamp),
        position=_class('Point2')(*(float(value) for value in detections[0].bbox[:2])),
        text=' '.join([str(track), ', '.join(labels)]).strip(),
        font_size=FONT,
        text_color=_class('Color')(1.0, 1.0, 1.0, 1.0),
        background_color=_colour(track),
    )


def _colour(track: int) -> Any:
    red, green, blue = (value / 255 for value in track_colour(track))
    return _class('Color')(red, green, blue, 1.0)


def _class(name: str) -> Any:
    return _types().types[f'foxglove_msgs/msg/{name}']


@lru_cache
def _types() -> Typestore:
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, definition in DEFINITIONS.items():
        store.register(get_types_from_msg(definition, name))
    return store

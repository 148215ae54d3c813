"""Send detections as `vision_msgs`: in the image, in space, and the list of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actloc_ros.msg import ActionDetection
from actloc_ros.planners.people import PersonKey
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.planner_node.inputs import LATCHED, actors_of
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output, message_class

DEPTH = 10
PARAMETER = 'vision.detections'
PERSON = 'person'  # class of an actor who does nothing that is known


class VisionOutput(Output):
    """`~/detections_2d`, `~/detections_3d` and `~/vision_labels`.

    A detection is an actor: `id` is its name, `results` hold labels, not numbers.
    """

    def __init__(self, context: NodeContext) -> None:
        node = context.node
        self._labels_class = message_class('vision_msgs/msg/LabelInfo', PARAMETER)
        flat = message_class('vision_msgs/msg/Detection2DArray', PARAMETER)
        deep = message_class('vision_msgs/msg/Detection3DArray', PARAMETER)
        self._flat = node.create_lifecycle_publisher(flat, '~/detections_2d', DEPTH)
        self._deep = node.create_lifecycle_publisher(deep, '~/detections_3d', DEPTH)
        self._labels = node.create_lifecycle_publisher(
            self._labels_class, '~/vision_labels', LATCHED
        )
        self._arrays = flat, deep
        self._sent: Any = None

    def report(self, incoming: Incoming) -> None:
        """Send both arrays, also when they are empty."""
        self._send_labels(incoming.labels)
        message, (flat, deep) = incoming.message, self._arrays
        actors = {incoming.key(t): found for t, found in actors_of(message).items()}
        self._flat.publish(
            flat(header=message.header, detections=[_flat(*each) for each in actors.items()])
        )
        placed = [(key, found) for key, found in actors.items() if found[0].has_pose]
        # One array has one frame: that of its poses, which are in one frame too.
        header = placed[0][1][0].pose.header if placed else message.header
        self._deep.publish(deep(header=header, detections=[_deep(*each) for each in placed]))

    def release(self) -> None:
        """Send the labels again when the node is active again."""
        self._sent = None

    def _send_labels(self, labels: Any) -> None:
        """Latch the labels, as numbers of the localizer's own list, once for each list."""
        if labels is None or labels is self._sent:
            return
        self._sent = labels
        named = ros_type('vision_msgs/msg/VisionClass')
        message = self._labels_class(header=labels.header, threshold=labels.threshold)
        message.class_map = [
            named(class_id=index, class_name=name) for index, name in enumerate(labels.labels)
        ]
        self._labels.publish(message)


def _flat(key: PersonKey, found: Sequence[ActionDetection]) -> Any:
    detection = found[0]
    x1, y1, x2, y2 = (float(value) for value in detection.bbox)
    message = ros_type('vision_msgs/msg/Detection2D')(
        header=detection.header, results=_results(detection), id=key.name
    )
    message.bbox.center.position.x, message.bbox.center.position.y = (x1 + x2) / 2, (y1 + y2) / 2
    message.bbox.size_x, message.bbox.size_y = x2 - x1, y2 - y1
    return message


def _deep(key: PersonKey, found: Sequence[ActionDetection]) -> Any:
    detection = found[0]
    message = ros_type('vision_msgs/msg/Detection3D')(
        header=detection.pose.header, results=_results(detection), id=key.name
    )
    for result in message.results:
        result.pose = detection.pose.pose
    message.bbox.center = detection.pose.pose.pose
    message.bbox.size = detection.size
    return message


def _results(detection: ActionDetection) -> list[Any]:
    """Return what the actor may be doing, best first; a person if that is all that is known."""
    named = [(result.label, result.score) for result in detection.results]
    results = []
    for label, score in named or [(PERSON, detection.box_score)]:
        result = ros_type('vision_msgs/msg/ObjectHypothesisWithPose')()
        result.hypothesis.class_id, result.hypothesis.score = label, float(score)
        results.append(result)
    return results

"""Take the people that another node finds, and give them to the frame that they belong to."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node

from actloc_ros.localizer import PersonBoxes
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetection
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.awaited import AwaitedInput
from actloc_ros.ros.localizer_node.camera_input import camera_topic
from actloc_ros.stamped_buffer import BufferLimits, StampHistory

QUEUE = 30  # messages that may wait for the executor: each belongs to an image
FARTHEST = 1e6  # pixels: no image is as large


class BoxesInput(AwaitedInput[PersonBoxes]):
    """The topics `boxes` or `NAME/boxes` of all cameras: the `SideInputs` of the node."""

    def __init__(
        self,
        node: Node,
        images: Mapping[str, StampHistory],
        type_name: str,
        patience: float,
        limits: BufferLimits,
        warn: Callable[[str, str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            images: By camera, the stamps of its images.
            type_name: `vision_msgs/Detection2DArray` or `actloc_ros/ActionDetectionArray`.
            patience: Time in s for which a frame waits for its boxes.
            limits: How much is kept of each camera.
            warn: Takes a kind and a text of what is wrong.

        Raises:
            ValueError: The type's package is not installed.
        """
        super().__init__('boxes', images, patience, limits, warn)
        message_type, self._read = _type(type_name)
        for camera in images:
            MatchedSubscription(
                node,
                message_type,
                camera_topic(camera, 'boxes'),
                partial(self._keep, camera),
                depth=QUEUE,
            )

    def boxes(self, camera: str, stamp: int) -> PersonBoxes | None:
        """Return the boxes for a stamp in ns, waiting for them; None where none come."""
        return self.take(camera, stamp)

    def _keep(self, camera: str, message: Any) -> None:
        boxes, scores = self._read_safely(camera, message)
        size = boxes.nbytes + scores.nbytes
        self.keep(camera, stamp_of(message.header.stamp), (boxes, scores), size)

    def _read_safely(self, camera: str, message: Any) -> PersonBoxes:
        """Return the usable boxes of a message, and count and report the others."""
        try:
            boxes, scores = self._read(message)
        except Exception as error:  # e.g. of another version of vision_msgs
            self.note_broken(camera, 1, f'{type(error).__name__}: {error}')
            return _people([], [])
        usable = np.isfinite(boxes).all(axis=1) & (scores >= 0) & (scores <= 1)
        usable &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (np.abs(boxes) < FARTHEST).all(axis=1)
        if not usable.all():
            row = int(np.argmin(usable))
            text = f'box {boxes[row].tolist()} with score {scores[row]}'
            self.note_broken(camera, int((~usable).sum()), text)
        return boxes[usable], scores[usable]


def _type(name: str) -> tuple[Any, Callable[[Any], PersonBoxes]]:
    """Return a message class and what reads the people from such a message."""
    package, _, message = name.partition('/')
    try:
        module = importlib.import_module(f'{package}.msg')
    except ImportError as error:
        raise ValueError(
            f'boxes.type is {name}, but {package} cannot be imported ({error}): install it, e.g. '
            f'apt install ros-$ROS_DISTRO-{package.replace("_", "-")}'
        ) from error
    readers = {'Detection2DArray': _read_detections, 'ActionDetectionArray': _read_actions}
    return getattr(module, message), readers[message]


def _read_detections(message: Any) -> PersonBoxes:
    """Return every box of a `vision_msgs/Detection2DArray`, with its best score."""
    boxes, scores = [], []
    for detection in message.detections:
        box = detection.bbox
        x, y = box.center.position.x, box.center.position.y
        boxes.append(
            [x - box.size_x / 2, y - box.size_y / 2, x + box.size_x / 2, y + box.size_y / 2]
        )
        scores.append(max((r.hypothesis.score for r in detection.results), default=1.0))
    return _people(boxes, scores)


def _read_actions(message: Any) -> PersonBoxes:
    """Return each actor of an `ActionDetectionArray` once."""
    here = (d for d in message.detections if d.state != ActionDetection.ENDED)
    actors = {d.track_id: d for d in here if not d.whole_view}
    return _people([d.bbox for d in actors.values()], [d.box_score for d in actors.values()])


def _people(boxes: Sequence[Any], scores: Sequence[float]) -> PersonBoxes:
    array = np.array([list(box) for box in boxes], np.float64).reshape(-1, 4)
    return array, np.array(scores, np.float64)

"""Take the people that another node finds, and give them to the frame of the same stamp."""

from __future__ import annotations

import importlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node

from actloc_ros.localizer import PersonBoxes
from actloc_ros.messages import stamp_of
from actloc_ros.msg import ActionDetection
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.localizer_node.camera_input import camera_topic

KEPT = 100  # messages of each camera that wait for their frame


class BoxesInput:
    """The topics `boxes` or `NAME/boxes` of all cameras: the `SideInputs` of the node."""

    def __init__(
        self,
        node: Node,
        cameras: Sequence[str],
        type_name: str,
        patience: float,
        warn: Callable[[str, str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: Whose executor takes the messages.
            cameras: Their names.
            type_name: `vision_msgs/Detection2DArray` or `actloc_ros/ActionDetectionArray`.
            patience: Time in s for which a frame waits for its boxes.
            warn: Takes a kind and a text of what is wrong.

        Raises:
            ValueError: The type's package is not installed.
        """
        message_type, self._read = _type(type_name)
        self._patience, self._warn = patience, warn
        self._changed = threading.Condition()
        self._came: dict[str, deque[tuple[int, Any]]] = {}
        for camera in cameras:
            self._came[camera] = deque(maxlen=KEPT)
            MatchedSubscription(
                node,
                message_type,
                camera_topic(camera, 'boxes'),
                partial(self._keep, camera),
            )

    def boxes(self, camera: str, stamp: int) -> PersonBoxes | None:
        """Return the boxes for a stamp in ns, waiting for them; None where none come."""
        with self._changed:
            came = self._came[camera]
            self._changed.wait_for(lambda: came and came[-1][0] >= stamp, self._patience)
            message = next((m for at, m in came if at == stamp), None)
        if message is None:
            name = f'camera "{camera}"' if camera else 'the camera'
            self._warn('boxes', f'no boxes came with the stamp of a frame of {name}')
            return None
        return self._read(message)

    def _keep(self, camera: str, message: Any) -> None:
        with self._changed:
            self._came[camera].append((stamp_of(message.header.stamp), message))
            self._changed.notify_all()


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
    actors = {d.track_id: d for d in message.detections if d.state != ActionDetection.ENDED}
    return _people([d.bbox for d in actors.values()], [d.box_score for d in actors.values()])


def _people(boxes: Sequence[Any], scores: Sequence[float]) -> PersonBoxes:
    array = np.array([list(box) for box in boxes], np.float64).reshape(-1, 4)
    return array, np.array(scores, np.float64)

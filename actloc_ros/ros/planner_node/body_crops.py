"""Send the images of bodies for ROS4HRI, where somebody subscribes to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from actloc_ros.io.conversions import FrameError, image_to_frame
from actloc_ros.messages import stamp_of
from actloc_ros.planners.people import PersonKey
from actloc_ros.ros.common.subscription import MatchedSubscription
from actloc_ros.ros.planner_node.body_publishers import BodyPublishers
from actloc_ros.ros.planner_node.inputs import actors_of
from actloc_ros.ros.planner_node.outputs import Incoming, NodeContext, Output
from actloc_ros.stamped_buffer import BufferLimits, StampedBuffer, StampHistory

DEPTH = 1
KEPT = BufferLimits(duration=2.0, memory=128e6)


class BodyCropOutput(Output):
    """`/humans/bodies/<id>/cropped`, from the topic `image`, or NAME/image of the camera NAME.

    Images are received from the first moment on that somebody subscribes to a crop.
    """

    def __init__(self, context: NodeContext) -> None:
        self._node, self._warn = context.node, context.warn
        self._bodies = BodyPublishers(self._node, context.settings.hold)
        self._images: dict[str, StampedBuffer[Image]] = {}

    def report(self, incoming: Incoming) -> None:
        """Send the crops of all in view that are subscribed to."""
        message = incoming.message
        stamp, actors = stamp_of(message.header.stamp), actors_of(message)
        self._bodies.update((incoming.key(track_id) for track_id in actors), stamp)
        wanted = {t: d[0] for t, d in actors.items() if self._is_wanted(incoming.key(t))}
        if not wanted:
            return
        image = self._buffer(message.camera).find(stamp, 0).item
        if image is None:
            return
        try:
            pixels = image_to_frame(image, message.camera).image
        except FrameError as error:
            self._warn('crop', f'no crops of bodies: {error}')
            return
        for track_id, detection in wanted.items():
            self._publish(incoming.key(track_id), pixels, detection.bbox, message.header)

    def reset(self) -> None:
        """Forget all bodies."""
        self._bodies.clear()
        for images in self._images.values():
            images.clear()

    release = reset

    def _is_wanted(self, key: PersonKey) -> bool:
        return bool(self._publisher(key).get_subscription_count() > 0)

    def _publisher(self, key: PersonKey) -> Any:
        return self._bodies.get(key, 'cropped', Image, DEPTH)

    def _buffer(self, camera: str) -> StampedBuffer[Image]:
        if camera not in self._images:
            images: StampedBuffer[Image] = StampedBuffer(StampHistory(), KEPT)
            self._images[camera] = images
            MatchedSubscription(
                self._node,
                Image,
                f'{camera}/image' if camera else 'image',
                lambda image: images.put(stamp_of(image.header.stamp), image, len(image.data)),
            )
        return self._images[camera]

    def _publish(self, key: PersonKey, pixels: np.ndarray, box: Any, header: Any) -> None:
        low, high = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
        crop = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
        if not crop.size:
            return
        image = Image(header=header, height=crop.shape[0], width=crop.shape[1], encoding='rgb8')
        image.step, image.data = 3 * crop.shape[1], crop.tobytes()
        self._publisher(key).publish(image)

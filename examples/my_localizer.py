"""A localizer of one's own in one file: what moves before a fixed camera, upright or lying.

Offline and live, with this folder on the path:

    export PYTHONPATH="$PYTHONPATH:$PWD/examples"
    actloc run walk.mp4 --model my_localizer:MyLocalizer
    ros2 run actloc_ros action_localizer --ros-args -p model:=my_localizer:MyLocalizer
"""

from collections.abc import Sequence

import cv2
import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions

MIN_SHARE = 0.005  # of the image: smaller regions are noise
LEARNING_RATE = 0.002  # a frame: what stands still for 50 frames becomes background


class MyLocalizer(Localizer):
    """Subtracts each camera's background; a region's shape is its action."""

    name = 'my_localizer'
    labels = ('upright', 'lying')
    threshold = 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        """Take the options that every localizer gets; this one needs none."""
        self._backgrounds: dict[str, cv2.BackgroundSubtractor] = {}

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the moving regions of each camera's newest frame."""
        return [self._detect(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the background of one camera, or of all."""
        for name in [camera] if camera is not None else list(self._backgrounds):
            self._backgrounds.pop(name, None)

    def _detect(self, frame: Frame) -> Detections:
        regions = self._regions(frame)
        left, top, width, height, area = regions.T
        tall = height / np.maximum(width + height, 1)
        return Detections(
            boxes=np.stack([left, top, left + width, top + height], axis=1).astype(np.float32),
            scores=(area / np.maximum(width * height, 1)).astype(np.float32),
            actions=np.stack([tall, 1 - tall], axis=1).astype(np.float32),
            clip=ClipInfo(frame.stamp, frame.stamp),
        )

    def _regions(self, frame: Frame) -> np.ndarray:
        """Return int (N, 5): left, top, width, height and area of what moves, in pixels."""
        if frame.camera not in self._backgrounds:
            self._backgrounds[frame.camera] = cv2.createBackgroundSubtractorMOG2()
        mask = self._backgrounds[frame.camera].apply(frame.image, learningRate=LEARNING_RATE)
        moving = (mask == 255).astype(np.uint8)  # 127 marks shadows
        whole = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        _, _, regions, _ = cv2.connectedComponentsWithStats(whole)
        regions = regions[1:]  # the first is the background
        return regions[regions[:, cv2.CC_STAT_AREA] >= MIN_SHARE * frame.width * frame.height]

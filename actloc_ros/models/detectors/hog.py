"""Find upright people by OpenCV."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from actloc_ros.frames import Frame
from actloc_ros.localizer import Detections
from actloc_ros.models.detectors.base import DeviceImage, PersonDetector, people
from actloc_ros.models.vision.hog_people import PeopleDetector


class HogDetector(PersonDetector):
    """Upright people by OpenCV's HOG detector: no download, and no GPU."""

    def __init__(self) -> None:
        self._detectors: dict[str, PeopleDetector] = {}

    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """See `PersonDetector`."""
        return [self._detect(view.frame) for view in views]

    def reset(self, camera: str) -> None:
        """See `PersonDetector`; searched sizes take turns, and start again."""
        self._detectors.pop(camera, None)

    def _detect(self, frame: Frame) -> Detections:
        detector = self._detectors.setdefault(frame.camera, PeopleDetector())
        boxes, scores = detector.detect(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY))
        return people(frame.stamp, boxes, scores)

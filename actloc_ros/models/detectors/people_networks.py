"""Find people by any network that needs no PyTorch: `people_n`, or one that a file describes."""

from __future__ import annotations

from collections.abc import Sequence

from actloc_ros.localizer import Detections
from actloc_ros.models.detectors.base import LEAST_SCORE, DeviceImage, PersonDetector, people
from actloc_ros.models.people.open import PeopleNetwork


class PeopleNetworkDetector(PersonDetector):
    """People by a network that ONNX Runtime runs.

    Args:
        network: Of `models.people.open`.
    """

    def __init__(self, network: PeopleNetwork) -> None:
        self._network = network
        self.sure_score = network.threshold

    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """See `PersonDetector`; the frame's own image is read, not the smaller one of the view."""
        return [self._detect(view) for view in views]

    def _detect(self, view: DeviceImage) -> Detections:
        found = self._network.detect(view.frame.image, min(LEAST_SCORE, self.sure_score))
        return people(view.frame.stamp, found.boxes, found.scores)

"""`people_n` as a person detector: the first stage of two-stage models."""

from __future__ import annotations

from collections.abc import Sequence

from actloc_ros.localizer import Detections
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.two_stage_people import LEAST_SCORE, PersonDetector, View, people


class PeopleNetworkDetector(PersonDetector):
    """People by `people_n`, run by ONNX Runtime.

    Args:
        session: The network.
    """

    def __init__(self, session: PeopleSession) -> None:
        self._session = session
        self.sure_score = session.threshold

    def detect(self, views: Sequence[View]) -> list[Detections]:
        """See `PersonDetector`; the frame's own image is read, not the smaller one of the view."""
        return [self._detect(view) for view in views]

    def _detect(self, view: View) -> Detections:
        found = self._session.find(view.frame.image, min(LEAST_SCORE, self.sure_score))
        return people(view.frame.stamp, found.boxes, found.scores)

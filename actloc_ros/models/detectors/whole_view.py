"""Take the whole view for the actor, where what happens matters and not who does it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.localizer import Detections
from actloc_ros.models.detectors.base import DeviceImage, PersonDetector, people


class WholeView(PersonDetector):
    """One box a frame, the image itself."""

    whole_view = True

    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """Return the image's own box for each view."""
        return [
            people(
                view.frame.stamp,
                np.array([[0, 0, view.frame.width, view.frame.height]], np.float32),
                np.ones(1, np.float32),
            )
            for view in views
        ]

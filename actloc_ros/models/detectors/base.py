"""Find the people in images, by any of several detectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections

LEAST_SCORE = 0.1  # of a box that may still continue a track


@dataclass(frozen=True, eq=False)
class DeviceImage:
    """A frame, and its image as it is held on the device.

    Attributes:
        frame: As it came.
        image: uint8 (3, h, w), RGB, on the device: the frame's image, or a smaller one.
    """

    frame: Frame
    image: Tensor

    @property
    def scale(self) -> np.ndarray:
        """Return what boxes in pixels of `image` are multiplied by: float64 (4,)."""
        height, width = self.image.shape[-2:]
        return np.array([self.frame.width / width, self.frame.height / height] * 2)


class PersonDetector(ABC):
    """Finds people in single images.

    Attributes:
        sure_score: Score from which a box starts a track; weaker ones may only continue one.
        whole_view: Whether its one box is the image, of which the central square is classified, as
            classifiers are measured; else it is a square around the box.
    """

    sure_score = 0.5
    whole_view = False

    @abstractmethod
    def detect(self, views: Sequence[DeviceImage]) -> list[Detections]:
        """Return the people in each view, in pixels of its frame, with no actions."""

    def reset(self, camera: str) -> None:  # noqa: B027 - most keep nothing of the past
        """Forget what is kept of a camera's past."""


def people(stamp: int, boxes: np.ndarray, scores: np.ndarray) -> Detections:
    """Return boxes (N, 4) and scores (N,) as detections at a stamp with no actions."""
    return Detections(
        boxes=boxes.astype(np.float32).reshape(-1, 4),
        scores=scores.astype(np.float32),
        actions=np.zeros((len(boxes), 0), np.float32),
        clip=ClipInfo(stamp, stamp),
    )

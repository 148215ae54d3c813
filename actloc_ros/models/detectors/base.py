"""Find the people in images, by any of several detectors."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, GivenPeople, no_detections
from actloc_ros.models.vision.hog_people import PeopleDetector

LEAST_SCORE = 0.1  # of a box that may still continue a track
COLUMNS = ('camera', 'stamp', 'x1', 'y1', 'x2', 'y2')


@dataclass(frozen=True, eq=False)
class View:
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
    """

    sure_score = 0.5

    @abstractmethod
    def detect(self, views: Sequence[View]) -> list[Detections]:
        """Return the people in each view, in pixels of its frame, with no actions."""

    def reset(self, camera: str) -> None:  # noqa: B027 - most keep nothing of the past
        """Forget what is kept of a camera's past."""


class HogDetector(PersonDetector):
    """Upright people by OpenCV's HOG detector: no download, and no GPU."""

    def __init__(self) -> None:
        self._detectors: dict[str, PeopleDetector] = {}

    def detect(self, views: Sequence[View]) -> list[Detections]:
        """See `PersonDetector`."""
        return [self._detect(view.frame) for view in views]

    def reset(self, camera: str) -> None:
        """See `PersonDetector`; searched sizes take turns, and begin anew."""
        self._detectors.pop(camera, None)

    def _detect(self, frame: Frame) -> Detections:
        detector = self._detectors.setdefault(frame.camera, PeopleDetector())
        boxes, scores = detector.detect(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY))
        return people(frame.stamp, boxes, scores)


class NetworkDetector(PersonDetector):
    """People by a detection network of torchvision's kind.

    Args:
        network: Takes a list of float images (3, h, w) in [0, 1] and returns dictionaries with
            `boxes`, `labels` and `scores`; on the device, in evaluation mode.
        person: The class of people among its labels.
    """

    def __init__(self, network: nn.Module, person: int) -> None:
        self._network, self._person = network, person

    @torch.inference_mode()
    def detect(self, views: Sequence[View]) -> list[Detections]:
        """See `PersonDetector`."""
        found = self._network([view.image.float() / 255 for view in views])
        return [self._people(view, result) for view, result in zip(views, found, strict=True)]

    def _people(self, view: View, found: dict[str, Tensor]) -> Detections:
        kept = (found['labels'] == self._person) & (found['scores'] >= LEAST_SCORE)
        boxes = found['boxes'][kept].float().cpu().numpy() * view.scale
        return people(view.frame.stamp, boxes, found['scores'][kept].float().cpu().numpy())


class GivenBoxes(PersonDetector):
    """People whom someone else has found: boxes for exact stamps, from a file or a topic.

    Args:
        find: Camera and stamp in ns -> the people, or None where nobody looked.
    """

    sure_score = 0.0  # who gives boxes has chosen them

    def __init__(self, find: Callable[[str, int], GivenPeople | None]) -> None:
        self._find = find

    def detect(self, views: Sequence[View]) -> list[Detections]:
        """See `PersonDetector`."""
        return [self._look_up(view.frame) for view in views]

    def _look_up(self, frame: Frame) -> Detections:
        found = self._find(frame.camera, frame.stamp)
        if found is None:
            return no_detections(ClipInfo(frame.stamp, frame.stamp), 0)
        return people(frame.stamp, *found)


def people(stamp: int, boxes: np.ndarray, scores: np.ndarray) -> Detections:
    """Return boxes (N, 4) and scores (N,) as detections at a stamp with no actions."""
    return Detections(
        boxes=boxes.astype(np.float32).reshape(-1, 4),
        scores=scores.astype(np.float32),
        actions=np.zeros((len(boxes), 0), np.float32),
        clip=ClipInfo(stamp, stamp),
    )


def read_boxes(path: Path) -> GivenBoxes:
    """Return the people that a CSV file names.

    Its first line names the columns: camera, stamp (ns, as in the frames' headers), x1, y1, x2,
    y2 (pixels of the original image) and, if there is one, score (in [0, 1], else 1).

    Raises:
        ValueError: The file has other columns, or a line holds no numbers.
        OSError: The file cannot be read.
    """
    found: dict[tuple[str, int], list[list[float]]] = {}
    with path.open(newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        missing = sorted(set(COLUMNS) - set(reader.fieldnames or ()))
        if missing:
            raise ValueError(f'"{path}" lacks the columns {", ".join(missing)} in its first line')
        for row in reader:
            try:
                key = row['camera'], int(row['stamp'])
                box = [float(row[name]) for name in COLUMNS[2:]]
                found.setdefault(key, []).append([*box, float(row.get('score') or 1)])
            except (TypeError, ValueError) as error:
                raise ValueError(f'"{path}" line {reader.line_num}: {error}') from error
    arrays = {key: np.array(rows) for key, rows in found.items()}

    def find(camera: str, stamp: int) -> GivenPeople | None:
        rows = arrays.get((camera, stamp))
        return None if rows is None else (rows[:, :4], rows[:, 4])

    return GivenBoxes(find)

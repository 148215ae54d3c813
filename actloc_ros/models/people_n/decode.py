"""Turn what the `people_n` network reports into people; no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from actloc_ros.models.people_n.letterbox import Letterbox

FloatArray = npt.NDArray[np.float32]

FIELD_STRIDE = 8
REFINEMENTS = 3
FARTHEST = 0.4
"""Share of the root of a box's area by which the field may move a joint."""


class Reports(NamedTuple):
    """What the network reports of one image, over its A cells; see `network.RawPeople`.

    Attributes:
        scores: float32 (A,), in [0, 1].
        boxes: float32 (A, 4), pixels of the input.
        joints: float32 (A, 17, 2), pixels of the input.
        presence: float32 (A, 17), in [0, 1].
        field: float32 (17, 2, h, w), pixels.
    """

    scores: FloatArray
    boxes: FloatArray
    joints: FloatArray
    presence: FloatArray
    field: FloatArray


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """People in an image, best first.

    Attributes:
        boxes: float32 (N, 4), x1, y1, x2, y2 in pixels of the image, inside it.
        scores: float32 (N,), in [0, 1].
        joints: float32 (N, 17, 3), x, y in pixels of the image and confidence in [0, 1].
        appearance: float32 (N, D), what each looks like; rows of NaN where that is not known. None:
            of nobody.
    """

    boxes: FloatArray
    scores: FloatArray
    joints: FloatArray
    appearance: FloatArray | None = None

    def __getitem__(self, rows: Any) -> FoundPeople:
        """Return some of them."""
        appearance = None if self.appearance is None else self.appearance[rows]
        return FoundPeople(self.boxes[rows], self.scores[rows], self.joints[rows], appearance)


def decode(
    reports: Reports, letterbox: Letterbox, least: float, overlap: float = 0.45, most: int = 100
) -> FoundPeople:
    """Return the people that the cells report.

    Args:
        reports: Of one image.
        letterbox: That made the input of the image.
        least: Score from which a person is reported.
        overlap: IoU from which the weaker of two boxes is taken for the same person.
        most: People at most.
    """
    rows = np.flatnonzero(reports.scores >= least)
    rows = rows[np.argsort(-reports.scores[rows], kind='stable')]
    rows = rows[suppress(reports.boxes[rows], overlap)][:most]
    boxes = letterbox.boxes_back(reports.boxes[rows])
    height, width = letterbox.image
    np.clip(boxes, 0, np.array([width, height] * 2, np.float32), out=boxes)
    places = letterbox.points_back(refined(reports, rows))
    joints = np.concatenate([places, reports.presence[rows][..., None]], -1)
    return FoundPeople(boxes, reports.scores[rows], joints)


def suppress(boxes: FloatArray, overlap: float) -> npt.NDArray[np.int64]:
    """Return the rows of boxes (N, 4), best first, that no better kept box overlaps too much."""
    if not len(boxes):
        return np.zeros(0, np.int64)
    low = np.maximum(boxes[:, None, :2], boxes[:, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    close = shared > overlap * (areas[:, None] + areas - shared)
    kept: list[int] = []
    for row in range(len(boxes)):
        if not close[row, kept].any():
            kept.append(row)
    return np.array(kept, np.int64)


def refined(reports: Reports, rows: npt.NDArray[np.int64]) -> FloatArray:
    """Return the joints (N, 17, 2) of some cells, moved to where the field around them points."""
    joints = reports.joints[rows]
    boxes = reports.boxes[rows]
    size = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1))[:, None, None]
    height, width = reports.field.shape[-2:]
    kinds = np.arange(joints.shape[1])
    places = joints
    for _ in range(REFINEMENTS):
        cells = np.floor(places / FIELD_STRIDE)
        inside = np.all((cells >= 0) & (cells < [width, height]), axis=-1, keepdims=True)
        x = np.clip(cells[..., 0], 0, width - 1).astype(np.int64)
        y = np.clip(cells[..., 1], 0, height - 1).astype(np.int64)
        centres = (np.stack([x, y], -1) + 0.5) * FIELD_STRIDE
        pointed = centres + reports.field[kinds, :, y, x]
        places = np.where(inside, pointed, places)
    near = np.abs(places - joints).max(-1, keepdims=True) <= np.maximum(
        FARTHEST * size, FIELD_STRIDE
    )
    return np.where(near, places, joints).astype(np.float32)

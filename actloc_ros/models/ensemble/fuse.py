"""Fuse what several localizers detect in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.localizer import Detections
from actloc_ros.models.ensemble.fusion import (
    Cluster,
    Confidence,
    LabelledBoxes,
    weighted_boxes_fusion,
)


@dataclass(frozen=True, eq=False)
class FusedActors:
    """N actors that M members detect, with what each member says of them: C labels.

    Attributes:
        boxes: float32 (N, 4) in pixels.
        actor: float (N, M) in [0, 1]: the members' box scores; 0 where one does not detect it.
        scores: float (N, M, C) in [0, 1]: the members' scores, under the ensemble's labels.
        detected: bool (N, M): whether a member detects it.
        rows: int64 (N, M): row of the member's detections; -1 where it does not detect it.
    """

    boxes: np.ndarray
    actor: np.ndarray
    scores: np.ndarray
    detected: np.ndarray
    rows: np.ndarray


def union(labels: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Return all members' labels, each name once, and each member's places among them.

    Names that differ in case alone are one label, spelled as by the first member.

    Args:
        labels: Of each member.

    Returns:
        The C names, and for each member an int64 array: the place of each of its labels.
    """
    names: dict[str, str] = {}
    for member in labels:
        for label in member:
            names.setdefault(label.casefold(), label)
    place = {key: index for index, key in enumerate(names)}
    places = [np.array([place[label.casefold()] for label in member], int) for member in labels]
    return tuple(names.values()), places


class Fuser:
    """Fuses the boxes of a frame by weighted boxes fusion, whatever their labels.

    Args:
        places: Of `union`.
        classes: Number of the ensemble's labels.
        weights: Of each member's boxes, above 0.
        iou: Overlap above which boxes are fused.
    """

    def __init__(
        self, places: Sequence[np.ndarray], classes: int, weights: Sequence[float], iou: float
    ) -> None:
        self._places, self._classes, self._weights, self._iou = places, classes, weights, iou

    def fuse(self, found: Sequence[Detections | None], width: int, height: int) -> FusedActors:
        """Return the actors of one frame.

        Args:
            found: What each member detects; None for one that did not run.
            width: Of the image in pixels.
            height: Of the image in pixels.
        """
        size = np.array([width, height, width, height], np.float64)
        clusters = weighted_boxes_fusion(
            [_relative(each, size) for each in found],
            self._weights,
            self._iou,
            confidence=Confidence.ABSENT_AWARE,
        )
        count, members = len(clusters), len(found)
        fused = FusedActors(
            boxes=np.array([c.box * size for c in clusters], np.float32).reshape(-1, 4),
            actor=np.zeros((count, members)),
            scores=np.zeros((count, members, self._classes)),
            detected=np.zeros((count, members), bool),
            rows=np.full((count, members), -1, np.int64),
        )
        for index, cluster in enumerate(clusters):
            self._note(fused, index, cluster, found)
        return fused

    def _note(
        self,
        fused: FusedActors,
        index: int,
        cluster: Cluster,
        found: Sequence[Detections | None],
    ) -> None:
        """Note what each member says of one actor; of several boxes of a member the best counts."""
        for member, row in cluster.members[::-1].tolist():
            detections = found[member]
            assert detections is not None
            fused.actor[index, member] = detections.scores[row]
            fused.scores[index, member, self._places[member]] = detections.actions[row]
            fused.detected[index, member], fused.rows[index, member] = True, row


def _relative(found: Detections | None, size: np.ndarray) -> LabelledBoxes:
    if found is None or not len(found):
        return LabelledBoxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    # A box without any confidence has no part in a mean that scores weight.
    scores = np.maximum(found.scores.astype(np.float64), 1e-6)
    boxes = (found.boxes / size).clip(0, 1)
    return LabelledBoxes(boxes, scores, np.zeros(len(found), np.int64))

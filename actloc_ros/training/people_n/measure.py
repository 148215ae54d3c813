"""Measure people found in photographs against labelled ones: boxes, and joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.people_n.pictures import SIGMAS, People

FloatArray = npt.NDArray[np.float32]

LEAST_SIDE = 40.0
"""Pixels of the longer side from which a person counts."""

OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class BoxTally:
    """What became of the reported boxes and of the true people of some photographs.

    Attributes:
        scores: (R,), of the reported boxes that count.
        right: bool (R,), whether each is a person.
        found: (N,), the score with which each true person was found; 0 where not at all.
        empty: Photographs of nobody.
        phantoms: (M,), scores of the boxes reported there.
    """

    scores: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    found: npt.NDArray[np.float64]
    empty: int
    phantoms: npt.NDArray[np.float64]

    def at(self, score: float) -> tuple[float, float, float]:
        """Return recall, precision and boxes in a photograph of nobody, from a score on."""
        picked = self.right[self.scores >= score]
        precision = float(picked.mean()) if len(picked) else 1.0
        recall = float((self.found >= score).mean()) if len(self.found) else 0.0
        return recall, precision, float((self.phantoms >= score).sum()) / max(1, self.empty)

    def average_precision(self) -> float:
        """Return the area under precision over recall; 0 where there are no people."""
        order = np.argsort(-self.scores, kind='stable')
        hits = np.cumsum(self.right[order])
        precision = hits / np.arange(1, len(order) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        recall = np.minimum(hits / max(1, len(self.found)), 1)
        return float((np.diff(recall, prepend=0) * precision).sum())

    def recall_at(self, precision: float) -> tuple[float, float]:
        """Return the highest recall with at least this precision, and its score."""
        best = 0.0, 1.0
        for score in np.unique(self.scores):
            recall, reached, _ = self.at(float(score))
            if reached >= precision and recall > best[0]:
                best = recall, float(score)
        return best


def tally_boxes(pictures: Sequence[tuple[People, FoundPeople]], complete: bool = True) -> BoxTally:
    """Compare boxes by IoU 0.5, best first, each person once.

    People below 40 pixels and ignored regions neither help nor harm, as do boxes on them. Where
    labels are not complete, boxes on nobody count as nothing.
    """
    scores: list[float] = []
    right: list[bool] = []
    found: list[float] = []
    phantoms: list[float] = []
    empty = 0
    for people, report in pictures:
        verdicts, seen = match(people, report.boxes, report.scores)
        counts = (verdicts == 1) | ((verdicts == 0) & complete)
        scores += report.scores[counts].tolist()
        right += (verdicts[counts] == 1).tolist()
        tall = (people.boxes[:, 2:] - people.boxes[:, :2]).max(-1, initial=0) >= LEAST_SIDE
        found += seen[tall & ~people.ignored].tolist()
        if not len(people):
            empty += 1
            phantoms += report.scores[counts].tolist()
    return BoxTally(
        np.array(scores), np.array(right, bool), np.array(found), empty, np.array(phantoms)
    )


def match(
    people: People, boxes: FloatArray, scores: FloatArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return of each box 1 right, 0 wrong, -1 not counted; of each person the score it got."""
    seen, verdicts = np.zeros(len(people)), np.zeros(len(boxes), np.int64)
    sides = (people.boxes[:, 2:] - people.boxes[:, :2]).max(-1, initial=0)
    overlaps, covered = compare(boxes, people.boxes)
    for i in np.argsort(-scores, kind='stable'):
        free = np.where((seen > 0) | people.ignored, -1, overlaps[i])
        if len(free) and free.max() >= OVERLAP:
            best = int(free.argmax())
            seen[best], verdicts[i] = scores[i], 1 if sides[best] >= LEAST_SIDE else -1
        elif (people.ignored & (covered[i] > 0.5)).any() or (
            boxes[i, 2:] - boxes[i, :2]
        ).max() < LEAST_SIDE:
            verdicts[i] = -1
    return verdicts, seen


def compare(boxes: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return IoU (N, M) of boxes (N, 4) and (M, 4), and the share of each box in each other."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)[:, None]
    union = areas + np.prod(others[:, 2:] - others[:, :2], axis=-1) - shared
    return shared / np.maximum(union, 1e-9), shared / np.maximum(areas, 1e-9)


def similarity(joints: FloatArray, true: FloatArray, box: FloatArray) -> float:
    """Return COCO's object keypoint similarity of joints (17, 2+) with true ones (17, 3).

    The area of the body is taken as 0.53 of its box. 0 where no joint is labelled.
    """
    labelled = true[:, 2] > 0
    if not labelled.any():
        return 0.0
    area = max(float(np.prod(box[2:] - box[:2])) * 0.53, 1.0)
    squares = ((joints[labelled, :2] - true[labelled, :2]) ** 2).sum(-1)
    return float(np.exp(-squares / (2 * area * (2 * SIGMAS[labelled]) ** 2)).mean())


def joint_similarities(pictures: Sequence[tuple[People, FoundPeople]]) -> npt.NDArray[np.float64]:
    """Return of each true person with joints the similarity of the person found there, or 0.

    The person found is the one whose box overlaps most, by IoU 0.5 or more.
    """
    values = []
    for people, report in pictures:
        overlaps, _ = compare(people.boxes, report.boxes)
        for i in np.flatnonzero(people.posed & ~people.ignored):
            sides = people.boxes[i, 2:] - people.boxes[i, :2]
            if sides.max() < LEAST_SIDE or (people.joints[i, :, 2] > 0).sum() < 6:
                continue
            best = int(overlaps[i].argmax()) if len(report.boxes) else -1
            near = best >= 0 and overlaps[i, best] >= OVERLAP
            value = (
                similarity(report.joints[best], people.joints[i], people.boxes[i]) if near else 0
            )
            values.append(value)
    return np.array(values)

"""Hold the results of an evaluation: a figure, and what each class gives to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actloc_ros.evaluation.precision import AVERAGES, precision_recall
from actloc_ros.truth.boxes import EvaluationError


@dataclass(frozen=True)
class ClassResult:
    """One class's share.

    Attributes:
        class_id: The class's id in the ground truth.
        name: Its name.
        truths: Number of true boxes or tubes.
        detections: Number of detections that counted.
        right: How many of these were right.
        average: Average precision in [0, 1]; NaN without ground truth.
    """

    class_id: int
    name: str
    truths: int
    detections: int
    right: int
    average: float


@dataclass(frozen=True)
class Figure:
    """One measured figure: the mean of its classes' average precisions.

    Attributes:
        name: What was measured, as `frame-mAP@0.5`.
        protocol: The protocol's name.
        classes: Each class's share.
        left_out: Detections that did not count, by reason.
    """

    name: str
    protocol: str
    classes: tuple[ClassResult, ...]
    left_out: dict[str, int]

    @property
    def counted(self) -> tuple[ClassResult, ...]:
        """The classes with ground truth: the mean is over these."""
        return tuple(each for each in self.classes if each.truths)

    @property
    def value(self) -> float:
        """The mean average precision in [0, 1]."""
        return float(np.mean([each.average for each in self.counted]))


def class_result(
    class_id: int, name: str, truths: int, hits: np.ndarray, average: str
) -> ClassResult:
    """Return a class's share.

    Args:
        class_id: The class's id.
        name: Its name.
        truths: Number of things to find.
        hits: bool (N,), whether each detection is right, highest score first.
        average: How to average, a key of `precision.AVERAGES`.
    """
    value = AVERAGES[average](*precision_recall(hits, truths)) if truths else math.nan
    return ClassResult(class_id, name, truths, len(hits), int(hits.sum()), value)


def check_truths(path: str, classes: dict[int, str], labels: np.ndarray) -> None:
    """Refuse a ground truth that has nothing to find.

    Raises:
        EvaluationError: No box or tube is of an evaluated class.
    """
    if not np.isin(labels, list(classes)).any():
        raise EvaluationError(
            f'{path}: no ground truth of any of the {len(classes)} evaluated classes, '
            'so there is nothing to measure; check the file, the label map and the exclusions'
        )

"""Compute video-mAP: how well whole tubes are found and labelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from actloc_ros.evaluation.figures import ClassResult, Figure, check_truths, class_result
from actloc_ros.evaluation.linking import LinkOptions, link_tubes
from actloc_ros.evaluation.matching import match_pairs
from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.evaluation.protocols import Protocol
from actloc_ros.truth.boxes import EvaluationError, FrameBoxes, GroundTruth, Tube


def video_map(
    truth: GroundTruth,
    tubes: Sequence[Tube],
    protocol: Protocol,
    thresholds: Sequence[float],
) -> list[Figure]:
    """Return video-mAP by a protocol's conventions, one figure for each threshold.

    Args:
        truth: What was there; with tubes.
        tubes: What was detected, in the order of its file.
        protocol: The conventions.
        thresholds: Least spatio-temporal overlaps of a right tube, see `tube_iou`.

    Raises:
        EvaluationError: The ground truth has no tubes.
    """
    true = truth.tubes or ()
    check_truths(truth.path, truth.labels, np.array([tube.label for tube in true]))
    found = {tube.label for tube in true}
    scored = [tube for tube in tubes if tube.label in found]
    left_out = {'of classes without ground truth': len(tubes) - len(scored)}
    overlaps = {
        label: _Overlaps(
            [tube for tube in true if tube.label == label],
            [tube for tube in scored if tube.label == label],
            protocol,
        )
        for label in tqdm(
            sorted(truth.labels), 'video-mAP', unit='class', leave=False, disable=None
        )
    }
    return [
        Figure(
            f'video-mAP@{threshold:g}',
            protocol.name,
            tuple(
                each.result(label, truth.labels[label], threshold)
                for label, each in overlaps.items()
            ),
            {reason: count for reason, count in left_out.items() if count},
        )
        for threshold in thresholds
    ]


class _Overlaps:
    """The overlaps of all detected with all true tubes of one class."""

    def __init__(self, true: list[Tube], detected: list[Tube], protocol: Protocol) -> None:
        scores = np.array([tube.score for tube in detected])
        order = np.argsort(-scores, kind='stable')
        by_video = defaultdict(list)
        for index, tube in enumerate(true):
            by_video[tube.video].append(index)
        pairs = [
            (rank, index, tube_iou(detected[place], true[index], protocol.pixel))
            for rank, place in enumerate(order)
            for index in by_video.get(detected[place].video, ())
        ]
        columns = np.array(pairs, np.float64).reshape(-1, 3)
        self._detection, self._truth = columns[:, :2].astype(np.int64).T
        self._overlap = columns[:, 2]
        self._counts = len(detected), len(true)
        self._protocol = protocol

    def result(self, label: int, name: str, threshold: float) -> ClassResult:
        """Return the class's share at a threshold."""
        near = self._overlap >= threshold
        detections, truths = self._counts
        right = match_pairs(
            detections,
            self._detection[near],
            self._truth[near],
            self._overlap[near],
            truths,
            self._protocol.video_second_choice,
        )
        return class_result(label, name, truths, right, self._protocol.video_average)


def link_all(boxes: FrameBoxes, options: LinkOptions, labels: Sequence[int]) -> list[Tube]:
    """Link the boxes of each video and each of the classes `labels`.

    Raises:
        EvaluationError: A score is not in [0, 1], so that it cannot be weighed against overlaps.
    """
    if len(boxes) and not (boxes.scores.min() >= 0 and boxes.scores.max() <= 1):
        raise EvaluationError(
            f'scores lie in {boxes.scores.min():g} … {boxes.scores.max():g}, but linking boxes '
            'into tubes needs probabilities in [0, 1]; map them first, or give tubes'
        )
    boxes = boxes[np.isin(boxes.label, list(labels))]
    group = np.column_stack([boxes.video, boxes.label])
    _, place = np.unique(group, axis=0, return_inverse=True)
    order = np.argsort(place.reshape(-1), kind='stable')
    parts = np.split(order, np.flatnonzero(np.diff(place.reshape(-1)[order])) + 1)
    return [
        tube
        for part in tqdm(parts, 'linking', unit='part', leave=False, disable=None)
        if len(part)
        for tube in link_tubes(boxes[part], options)
    ]

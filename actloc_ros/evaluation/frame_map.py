"""Compute frame-mAP: how well boxes in single frames are found and labelled."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from actloc_ros.evaluation.figures import ClassResult, Figure, check_truths, class_result
from actloc_ros.evaluation.matching import match_boxes
from actloc_ros.evaluation.protocols import Protocol
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth


def frame_map(
    truth: GroundTruth, detections: FrameBoxes, protocol: Protocol, threshold: float = 0.5
) -> Figure:
    """Return frame-mAP by a protocol's conventions.

    Args:
        truth: The ground truth.
        detections: What was detected, in the order of its file.
        protocol: The conventions.
        threshold: Least IoU of a right detection.

    Raises:
        EvaluationError: The ground truth is empty.
    """
    check_truths(truth.path, truth.labels, truth.boxes.label)
    detections, left_out = _choose(truth, detections, protocol)
    classes = [
        _class(truth, detections, label, protocol, threshold)
        for label in tqdm(
            sorted(truth.labels), 'frame-mAP', unit='class', leave=False, disable=None
        )
    ]
    return Figure(f'frame-mAP@{threshold:g}', protocol.name, tuple(classes), left_out)


def _choose(
    truth: GroundTruth, detections: FrameBoxes, protocol: Protocol
) -> tuple[FrameBoxes, dict[str, int]]:
    left_out = {}
    if protocol.keyframes_only:
        good = np.isin(detections.keys, truth.keyframes)
        left_out['in frames without ground truth'] = int((~good).sum())
        detections = detections[good]
    if protocol.max_boxes:
        good = _best_boxes(detections, protocol.max_boxes)
        left_out[f'beyond {protocol.max_boxes} boxes a frame'] = int((~good).sum())
        detections = detections[good]
    found = np.unique(truth.boxes.label)
    good = np.isin(detections.label, found[np.isin(found, list(truth.labels))])
    left_out['of classes without ground truth'] = int((~good).sum())
    return detections[good], {reason: count for reason, count in left_out.items() if count}


def _best_boxes(detections: FrameBoxes, most: int) -> np.ndarray:
    """Mark the detections of the `most` best boxes of each frame; a box may have classes."""
    chosen = np.ones(len(detections), bool)
    _, frame, count = np.unique(detections.keys, return_inverse=True, return_counts=True)
    for crowded in np.flatnonzero(count > most):
        rows = np.flatnonzero(frame == crowded)
        rows = rows[np.argsort(-detections.scores[rows], kind='stable')]
        _, first, box = np.unique(
            detections.boxes[rows], axis=0, return_index=True, return_inverse=True
        )
        chosen[rows] = first.argsort().argsort()[box.reshape(-1)] < most
    return chosen


def _class(
    truth: GroundTruth, detections: FrameBoxes, label: int, protocol: Protocol, threshold: float
) -> ClassResult:
    true = truth.boxes[truth.boxes.label == label]
    mine = detections[detections.label == label]
    mine = mine[_frame_by_frame(mine) if protocol.reversed_ties else _by_score(mine.scores)]
    right = match_boxes(
        mine.keys,
        mine.boxes,
        true.keys,
        true.boxes,
        threshold,
        protocol.pixel,
        protocol.frame_second_choice,
    )
    if protocol.reversed_ties:
        right = right[np.argsort(mine.scores)[::-1]]
    return class_result(label, truth.labels[label], len(true), right, protocol.frame_average)


def _by_score(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind='stable')


def _frame_by_frame(detections: FrameBoxes) -> np.ndarray:
    """Order detections by frame, as these appear in the file, and by score in each frame."""
    _, first, frame = np.unique(detections.keys, return_index=True, return_inverse=True)
    return np.lexsort((-detections.scores, first[frame]))

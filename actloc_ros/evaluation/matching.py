"""Decide which detections are right: each true thing counts once, for the best detection of it."""

from __future__ import annotations

import numpy as np

from actloc_ros.boxes import paired_iou


def match_boxes(
    groups: np.ndarray,
    boxes: np.ndarray,
    truth_groups: np.ndarray,
    truth_boxes: np.ndarray,
    threshold: float,
    pixel: float,
    second_choice: bool,
) -> np.ndarray:
    """Return which detections are right.

    Args:
        groups: int64 (N,), detections' frames; the best detection of a frame comes first.
        boxes: float64 (N, 4).
        truth_groups: int64 (M,), frames of the true boxes.
        truth_boxes: float64 (M, 4).
        threshold: Least IoU of a right detection.
        pixel: See `boxes.area`.
        second_choice: See `match_pairs`.

    Returns:
        bool (N,).
    """
    order = np.argsort(truth_groups, kind='stable')
    first = np.searchsorted(truth_groups[order], groups, 'left')
    count = np.searchsorted(truth_groups[order], groups, 'right') - first
    detection = np.repeat(np.arange(len(groups)), count)
    step = np.arange(len(detection)) - np.repeat(np.cumsum(count) - count, count)
    truth = order[np.repeat(first, count) + step]
    overlap = paired_iou(boxes[detection], truth_boxes[truth], pixel)
    near = overlap >= threshold
    return match_pairs(
        len(groups), detection[near], truth[near], overlap[near], len(truth_boxes), second_choice
    )


def match_pairs(
    detections: int,
    detection: np.ndarray,
    truth: np.ndarray,
    overlap: np.ndarray,
    truths: int,
    second_choice: bool,
) -> np.ndarray:
    """Return which detections are right, given all pairs that overlap enough.

    Args:
        detections: Number of detections; the best comes first.
        detection: int64 (P,), a pair's detection.
        truth: int64 (P,), a pair's true thing.
        overlap: float64 (P,).
        truths: Number of true things.
        second_choice: What a detection does whose best match is taken: True takes the best that
            is left (ACT), False is wrong (PASCAL VOC).

    Returns:
        bool (`detections`,).
    """
    order = np.lexsort((truth, -overlap, detection))
    detection, truth = detection[order], truth[order]
    if not second_choice:
        best = np.diff(detection, prepend=-1) > 0
        detection, truth = detection[best], truth[best]
    right = np.zeros(detections, bool)
    taken = np.zeros(truths, bool)
    for i, j in zip(detection.tolist(), truth.tolist(), strict=True):
        if not (right[i] or taken[j]):
            right[i] = taken[j] = True
    return right

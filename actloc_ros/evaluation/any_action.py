"""Let an evaluation measure actors, whatever they do: all classes become one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from actloc_ros.truth.boxes import FrameBoxes, GroundTruth, Predictions

ANY_ACTION = {0: 'any action'}


def actors_of_truth(truth: GroundTruth) -> GroundTruth:
    """Return a ground truth with one class; a box that has several actions counts once."""
    tubes = truth.tubes
    if tubes is not None:
        tubes = tuple(replace(tube, label=0) for tube in tubes)
    return replace(truth, labels=ANY_ACTION, boxes=merge_actions(truth.boxes), tubes=tubes)


def actors_of_predictions(predictions: Predictions) -> Predictions:
    """Return predictions with one class; a box that has several actions keeps the best score."""
    tubes = predictions.tubes
    if tubes is not None:
        tubes = tuple(replace(tube, label=0) for tube in tubes)
    return replace(predictions, boxes=merge_actions(predictions.boxes), tubes=tubes)


def merge_actions(boxes: FrameBoxes) -> FrameBoxes:
    """Return each box of each frame once, with class 0 and its best score, in the same order."""
    if not len(boxes):
        return boxes
    rows = np.column_stack([boxes.video, boxes.frame, boxes.boxes])
    _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    best = np.full(len(first), -np.inf)
    np.maximum.at(best, index.reshape(-1), boxes.scores)
    order = np.argsort(first)
    merged = boxes[first[order]]
    return replace(merged, label=np.zeros_like(merged.label), scores=best[order])

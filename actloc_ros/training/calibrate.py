"""Shift the scores of actions so that 0.5 separates best, label by label, who does it and who not.

A network trained on rare and frequent labels together is more confident of the frequent ones: at
one threshold it reports some labels too often and misses others. A shift of each label's logits
corrects that. It is the one with the highest F1 on recordings that were not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torchvision.ops import box_iou

from actloc_ros.training.adapter import TrainableAdapter
from actloc_ros.training.validation import KeyFramePrediction, KeyFrameTruth, Validation

OVERLAP = 0.5
"""Least IoU of a box that shows an actor."""

FEWEST = 20
"""True boxes that a label must have; with fewer, its scores stay as they are."""

FARTHEST = 4.0
"""Largest shift of a logit."""

AS_GOOD = 0.98
"""Share of the highest F1 that counts as high: the shift is the middle of those that reach it."""


@dataclass(frozen=True, eq=False)
class ScoredBoxes:
    """What was predicted for N boxes, and what is true.

    Attributes:
        needed: float (N, C): the shift of each logit from which its score is 0.5 or more.
        right: bool (N, C): whether the actor in the box does the action.
        all: int (C,): how many true boxes show each action, found or not.
    """

    needed: np.ndarray
    right: np.ndarray
    all: np.ndarray


def calibrate(
    detector: TrainableAdapter, validation: Validation, network: nn.Module, device: torch.device
) -> np.ndarray:
    """Shift the biases of a network of the detector's kind; return by how much: float (C,)."""
    network.eval()
    scored = [
        score_boxes(validation.predict(key, network, device), truth)
        for key, truth in zip(validation.keys, validation.truths, strict=True)
    ]
    shifts = best_shifts(
        ScoredBoxes(
            needed=np.concatenate([each.needed for each in scored]),
            right=np.concatenate([each.right for each in scored]),
            all=np.sum([each.all for each in scored], axis=0),
        )
    )
    with torch.no_grad():
        for bias in detector.action_biases(network):
            bias += torch.from_numpy(shifts).to(bias)
    return shifts


def score_boxes(prediction: KeyFramePrediction, truth: KeyFrameTruth) -> ScoredBoxes:
    """Return what was predicted in one key frame beside what is true."""
    overlap = box_iou(
        prediction.boxes_in(truth.size), torch.from_numpy(truth.boxes).double()
    ).numpy()
    found, actor = linear_sum_assignment(-overlap)
    enough = overlap[found, actor] >= OVERLAP
    right = np.zeros(prediction.actors.actions.shape, bool)
    right[found[enough]] = truth.actions[actor[enough]] > 0
    return ScoredBoxes(
        needed=needed_shift(prediction.actors.scores, prediction.actors.actions).cpu().numpy(),
        right=right,
        all=(truth.actions > 0).sum(axis=0),
    )


def needed_shift(actor: Tensor, actions: Tensor) -> Tensor:
    """Return the shift from which a score is 0.5: (N, C); infinite where no shift is enough.

    Args:
        actor: (N,) probabilities.
        actions: (N, C) scores, each the geometric mean of the actor's and the action's.
    """
    actor, actions = actor.double()[:, None], actions.double()
    likely = (actions.square() / actor).clamp(1e-9, 1 - 1e-9)
    wanted = (0.25 / actor).clamp(max=1.0)
    return wanted.logit() - likely.logit()


def best_shifts(boxes: ScoredBoxes) -> np.ndarray:
    """Return for each label the shift with which scores from 0.5 on have the highest F1: (C,)."""
    labels = range(len(boxes.all))
    return np.array(
        [
            best_shift(boxes.needed[:, c], boxes.right[:, c], int(boxes.all[c])) if enough else 0.0
            for c, enough in zip(labels, boxes.all >= FEWEST, strict=True)
        ]
    )


def best_shift(needed: np.ndarray, right: np.ndarray, truths: int) -> float:
    """Return the shift of one label's logits; 0 where no shift finds anything."""
    order = np.argsort(needed, kind='stable')
    order = order[needed[order] <= FARTHEST]
    if not right[order].any():
        return 0.0
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + truths)
    needed = needed[order].clip(min=-FARTHEST)
    # Boxes that need the same shift come together: only the last of them has the F1 of all.
    last = np.append(needed[1:] > needed[:-1], True)
    needed, f1 = needed[last], f1[last]
    high = needed[f1 >= AS_GOOD * f1.max()]
    return float((high[0] + high[-1]) / 2)

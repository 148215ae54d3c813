"""Fit per label how scores become chances, on material that was held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.labels import LABELS, UNKNOWN, YES
from actloc_ros.training.skeleton_n.measure import Scored, sigmoid

STEEPEST, FLATTEST = 2.0, 0.3  # slopes beyond which a fit is not to be believed
NEVER_TRUE = 0.25  # of the weight of a part counts, for a label that is never true in it
PRIOR = 0.02  # strength of the pull to a slope of 1 and a shift of 0
THRESHOLDS = np.round(np.arange(0.5, 0.96, 0.05), 2)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Logits become slopes · logits + shifts.

    Attributes:
        slopes: float (C,), positive.
        shifts: float (C,).
        thresholds: float (C,) in [0.5, 1): from which chance on a label is reported.
    """

    slopes: np.ndarray
    shifts: np.ndarray
    thresholds: np.ndarray


def calibrate(parts: list[tuple[Scored, float]], precision: float) -> Calibration:
    """Fit a line to each label's logits.

    Args:
        parts: Held-out frames, and how much each part counts in all (not each frame of it).
        precision: What thresholds aim at, of the frames that they report in all parts together.
    """
    slopes, shifts = np.ones(len(LABELS)), np.zeros(len(LABELS))
    thresholds = np.full(len(LABELS), 0.5)
    for label in range(len(LABELS)):
        logits, yes, weights = _known(parts, label)
        if yes.any() and not yes.all():
            slopes[label], shifts[label] = fit_line(logits, yes, weights)
            chances = sigmoid(slopes[label] * logits + shifts[label])
            thresholds[label] = lowest_threshold(chances, yes, weights, precision)
    return Calibration(slopes, shifts, thresholds)


def _known(
    parts: list[tuple[Scored, float]], label: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, truth and weights of all frames of which a label is known.

    A part in which the label is never true counts less: it would only teach to be silent.
    """
    logits, yes, weights = [], [], []
    for scored, weight in parts:
        known = scored.targets[:, label] != UNKNOWN
        if not (scored.targets[:, label] == YES).any():
            weight = weight * NEVER_TRUE
        logits.append(scored.logits[known, label].astype(float))
        yes.append(scored.targets[known, label] == YES)
        weights.append(np.full(known.sum(), weight / max(1, known.sum())))
    return np.concatenate(logits), np.concatenate(yes), np.concatenate(weights)


def fit_line(logits: np.ndarray, yes: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return slope and shift of the likeliest line, drawn a little towards 1 and 0."""
    share = weights / weights.sum()

    def loss(line: np.ndarray) -> float:
        moved = np.exp(line[0]) * logits + line[1]
        cost = np.logaddexp(0, np.where(yes, -moved, moved))
        return float((share * cost).sum() + PRIOR * (line[0] ** 2 + 0.05 * line[1] ** 2))

    best = minimize(loss, np.zeros(2), method='L-BFGS-B').x
    return float(np.clip(np.exp(best[0]), FLATTEST, STEEPEST)), float(best[1])


def lowest_threshold(
    chances: np.ndarray, yes: np.ndarray, weights: np.ndarray, precision: float
) -> float:
    """Return the lowest of THRESHOLDS that reaches a precision, or the most precise one."""
    found = []
    for threshold in THRESHOLDS.tolist():
        reported = chances >= threshold
        right = float((weights * (reported & yes)).sum() / max((weights * reported).sum(), 1e-12))
        if right >= precision:
            return threshold
        found.append((right, threshold))
    return max(found)[1]


def fold(network: SkeletonNet, calibration: Calibration) -> None:
    """Change a network's last layer in place, so that its scores are the calibrated chances."""
    slopes = torch.from_numpy(calibration.slopes.astype(np.float32))
    shifts = torch.from_numpy(calibration.shifts.astype(np.float32))
    with torch.no_grad():
        network.head.weight.mul_(slopes[:, None])
        network.head.bias.mul_(slopes).add_(shifts)

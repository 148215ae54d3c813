"""Fit the calibration and the weights of an ensemble's members to labelled frames.

Each member's scores of each label are calibrated by Platt's method (1999): a line of the logit
under which the labels are most likely. The weights of the calibrated logits are those, 0 or more,
under which the labels are most likely, drawn slightly towards equal ones. A shift then puts 0.5
where F1 is highest. Boxes weigh as the inverse of their squared errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from actloc_ros.evaluation.precision import envelope, precision_recall
from actloc_ros.models.ensemble.fuse import Fuser, union
from actloc_ros.models.ensemble.pool import (
    BOX_IOU,
    EnsembleFit,
    LabelFit,
    Pool,
    logit,
    sigmoid,
)
from actloc_ros.training.ensemble.collect import LabelledFrame, Samples, box_errors, fuse_frames
from actloc_ros.truth.boxes import EvaluationError

FEWEST = 20
"""True boxes that a label must have; with fewer, its scores are plain averages."""

OVERLAPS = (0.45, 0.55, 0.65)
"""Among these, that with the best mean AP is what fuses boxes."""

PULL = 1.0
"""Samples' worth of log-likelihood by which a parameter is drawn to where it starts."""

FINEST = 0.01
"""Least error of a corner, in sides of the box: keeps weights within bounds."""


@dataclass(frozen=True, eq=False)
class FitReport:
    """What was learned, and how it does on what it was learned from.

    Attributes:
        fit: What was learned.
        labels: Names of all C labels.
        truths: int64 (C,): true boxes of each.
        average: float (C,): AP at IoU 0.5 of the ensemble, on the same frames; NaN without truths.
    """

    fit: EnsembleFit
    labels: tuple[str, ...]
    truths: np.ndarray
    average: np.ndarray


def fit_ensemble(
    frames: Sequence[LabelledFrame],
    members: Sequence[str],
    labels: Sequence[Sequence[str]],
    learned_from: str = '',
) -> FitReport:
    """Return how members are best combined.

    Args:
        frames: What they detect in labelled frames, and the truth.
        members: Their names.
        labels: Their labels.
        learned_from: What the frames are, in words.

    Raises:
        EvaluationError: Too few true actors are there to learn anything.
    """
    names, places = union(labels)
    actors = sum(len(frame.boxes) for frame in frames)
    if actors < FEWEST:
        raise EvaluationError(
            f'there are {actors} true actors in {len(frames)} labelled frames; a fit takes '
            f'{FEWEST} or more'
        )
    knows = np.zeros((len(members), len(names)), bool)
    for row, place in zip(knows, places, strict=True):
        row[place] = True
    weights = _box_weights(frames)
    reports = []
    for iou in OVERLAPS:
        samples = fuse_frames(frames, Fuser(places, len(names), weights, iou))
        fit = EnsembleFit(
            members=tuple(members),
            box_weights=weights,
            iou=iou,
            labels=_fit_labels(samples, names, knows),
            actor=fit_label(
                samples.actor,
                samples.detected,
                samples.is_actor,
                samples.actors,
                np.ones(len(members), bool),
            ),
            learned_from=learned_from,
        )
        average = _averages(samples, Pool(knows, names, fit))
        reports.append(FitReport(fit, names, samples.truths, average))
    return max(reports, key=lambda report: (np.nanmean(report.average), report.fit.iou == BOX_IOU))


def fit_label(
    scores: np.ndarray, detected: np.ndarray, right: np.ndarray, truths: int, knows: np.ndarray
) -> LabelFit:
    """Return what is learned of one label from N actors and M members.

    Args:
        scores: float (N, M) in [0, 1].
        detected: bool (N, M): whether a member detects the actor.
        right: bool (N,): whether the label is true of it.
        truths: How many true boxes have the label, found or not.
        knows: bool (M,): whether a member knows the label.
    """
    lines = [
        _fit_line(scores[detected[:, m], m], right[detected[:, m]]) if knows[m] else (0.0, 0.0)
        for m in range(len(knows))
    ]
    absent = [_log_odds(right[~detected[:, m]]) if knows[m] else 0.0 for m in range(len(knows))]
    slope, offset = zip(*lines, strict=True)
    zero = tuple(0.0 for _ in knows)
    calibrated = LabelFit(slope, offset, tuple(absent), zero, 1.0, 0.0).calibrated(scores, detected)
    weight, scale = _fit_weights(calibrated, right, knows)
    shift = -_best_threshold(scale * (calibrated @ weight), right, truths)
    return LabelFit(slope, offset, tuple(absent), tuple(weight.tolist()), scale, shift)


def _fit_labels(samples: Samples, names: Sequence[str], knows: np.ndarray) -> dict[str, LabelFit]:
    return {
        name: fit_label(
            samples.scores[:, :, column],
            samples.detected,
            samples.targets[:, column],
            int(samples.truths[column]),
            knows[:, column],
        )
        for column, name in enumerate(names)
        if samples.truths[column] >= FEWEST and samples.targets[:, column].any()
    }


def _box_weights(frames: Sequence[LabelledFrame]) -> tuple[float, ...]:
    """Return weights of the members' boxes: the best has 1."""
    inverse = 1 / np.maximum(box_errors(frames), FINEST**2)
    return tuple(np.maximum(inverse / inverse.max(), 1e-3).tolist())


def _fit_line(scores: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return slope, 0 or more, and offset of the logits of scores (N,)."""
    values, truth = logit(scores), right.astype(np.float64)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = parameters
        value, slopes = _log_loss(slope * values + offset, truth)
        pull = parameters - np.array([1.0, 0.0])
        gradient = np.array([slopes @ values, slopes.sum()])
        return value + PULL / 2 * float(pull @ pull), gradient + PULL * pull

    found = minimize(
        loss, [1.0, 0.0], jac=True, method='L-BFGS-B', bounds=[(0.0, None), (None, None)]
    )
    return float(found.x[0]), float(found.x[1])


def _fit_weights(
    calibrated: np.ndarray, right: np.ndarray, knows: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return weights (M,), 0 or more and in sum 1, of calibrated logits (N, M), and their scale."""
    truth, start = right.astype(np.float64), knows / knows.sum()
    columns = calibrated * knows

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weight, offset = parameters[:-1], parameters[-1]
        value, slopes = _log_loss(columns @ weight + offset, truth)
        pull = weight - start
        gradient = np.append(columns.T @ slopes + PULL * pull, slopes.sum() + PULL * offset)
        return value + PULL / 2 * float(pull @ pull + offset**2), gradient

    bounds = [(0.0, None if known else 0.0) for known in knows.tolist()] + [(None, None)]
    found = minimize(loss, np.append(start, 0.0), jac=True, method='L-BFGS-B', bounds=bounds)
    weight = found.x[:-1]
    total = float(weight.sum())
    return (weight / total, total) if total > 0 else (start, 1.0)


def _log_loss(logits: np.ndarray, truth: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative log-likelihood of truth (N,), and its slope at each logit."""
    value = np.logaddexp(0, logits) - truth * logits
    return float(value.sum()), sigmoid(logits) - truth


def _log_odds(right: np.ndarray) -> float:
    """Return the logit of the share that is right, drawn to a half by a sample."""
    return float(np.log((right.sum() + 0.5) / ((~right).sum() + 0.5)))


def _best_threshold(values: np.ndarray, right: np.ndarray, truths: int) -> float:
    """Return the value from which on F1 is highest, halfway to the next lower one."""
    order = np.argsort(-values, kind='stable')
    f1 = 2 * np.cumsum(right[order]) / (np.arange(1, len(order) + 1) + truths)
    best = int(f1.argmax())
    below = values[order[min(best + 1, len(order) - 1)]]
    return float((values[order[best]] + below) / 2)


def _averages(samples: Samples, pool: Pool) -> np.ndarray:
    """Return each label's AP (C,) of pooled scores; NaN where nothing is true."""
    asked = np.ones(samples.detected.shape[1], bool)
    scores = pool.scores(samples.scores, samples.detected, asked)
    return np.array(
        [
            envelope(
                *precision_recall(
                    samples.targets[np.argsort(-scores[:, column], kind='stable'), column], truths
                )
            )
            if truths
            else np.nan
            for column, truths in enumerate(samples.truths.tolist())
        ]
    )

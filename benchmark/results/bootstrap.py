"""Say how sure frame-mAP is: by scenes that are drawn again and again, with replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.evaluation.matching import match_boxes
from actloc_ros.evaluation.precision import AVERAGES
from actloc_ros.evaluation.protocols import Protocol
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Resampled:
    """A model's frame-mAP.

    Attributes:
        value: On all scenes.
        drawn: float64 (RESAMPLES,), on each draw of scenes.
    """

    value: float
    drawn: np.ndarray


@dataclass(frozen=True, eq=False)
class _Ranked:
    """One model's detections of one class, best first: which are right, and of which scene."""

    right: np.ndarray
    scene: np.ndarray
    truths: np.ndarray  # by scene


def resampled(
    truth: GroundTruth, found: Mapping[str, FrameBoxes], protocol: Protocol
) -> dict[str, Resampled]:
    """Return each model's frame-mAP.

    All models have the same draws, so that differences and shares are taken draw by draw.

    Args:
        truth: Its videos are the scenes.
        found: What each model detects, by the truth's classes.
        protocol: The conventions. Those that choose among detections are not known here.
    """
    scenes = len(truth.videos)
    draws = np.random.default_rng(0).multinomial(
        scenes, np.full(scenes, 1 / scenes), size=RESAMPLES
    )
    figures = {}
    for name, boxes in found.items():
        ranked = _rank(truth, boxes, protocol)
        figures[name] = Resampled(
            _mean_ap(ranked, np.ones(scenes), protocol),
            np.array([_mean_ap(ranked, draw, protocol) for draw in draws]),
        )
    return figures


def interval(values: np.ndarray) -> list[float]:
    """Return the interval that holds 95 % of what was drawn."""
    return [float(value) for value in np.quantile(values, (0.025, 0.975))]


def span(ends: Sequence[float]) -> str:
    """Return an interval as a table's cell."""
    return f'{ends[0]:.3f} to {ends[1]:.3f}'


def _rank(truth: GroundTruth, found: FrameBoxes, protocol: Protocol) -> list[_Ranked]:
    """Return the detections of each class that the ground truth has."""
    ranked = []
    for label in np.unique(truth.boxes.label).tolist():
        true = truth.boxes[truth.boxes.label == label]
        mine = found[found.label == label]
        mine = mine[np.argsort(-mine.scores, kind='stable')]
        right = match_boxes(
            mine.keys,
            mine.boxes,
            true.keys,
            true.boxes,
            0.5,
            protocol.pixel,
            protocol.frame_second_choice,
        )
        truths = np.bincount(true.video, minlength=len(truth.videos))
        ranked.append(_Ranked(right, mine.video, truths))
    return ranked


def _mean_ap(ranked: Sequence[_Ranked], times: np.ndarray, protocol: Protocol) -> float:
    """Return mean AP where each scene counts as often as `times` says."""
    average, values = AVERAGES[protocol.frame_average], []
    for each in ranked:
        truths = (each.truths * times).sum()
        if not truths:
            continue
        weight = times[each.scene].astype(np.float64)
        hits, count = np.cumsum(weight * each.right), np.cumsum(weight)
        some = count > 0
        values.append(average(hits[some] / count[some], hits[some] / truths))
    return float(np.mean(values))

"""Evaluate predictions against ground truth by a protocol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.evaluation.figures import Figure
from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.linking import LinkOptions
from actloc_ros.evaluation.protocols import RANGE_THRESHOLDS, VIDEO_THRESHOLDS, Protocol
from actloc_ros.evaluation.report import Report
from actloc_ros.evaluation.video_map import link_all, video_map
from actloc_ros.truth.boxes import EvaluationError, GroundTruth, Predictions, Tube


def evaluate(
    truth: GroundTruth, predictions: Predictions, protocol: Protocol, trimmed: bool | None = None
) -> Report:
    """Return frame-mAP@0.5 and, where the ground truth has tubes, video-mAP.

    Args:
        truth: What was there.
        predictions: What was detected.
        protocol: The conventions.
        trimmed: Whether tubes that are linked here are trimmed in time; None leaves it to the
            protocol.

    Raises:
        EvaluationError: There is nothing to measure, the protocol does not go with the ground
            truth, or scores do not let boxes be linked.
    """
    if truth.in_seconds == (protocol.pixel > 0):
        raise EvaluationError(
            f'{truth.path}: {protocol.name} does not go with this ground truth; AVA csv goes with '
            'ava-official, JSON with the others'
        )
    figures = [frame_map(truth, predictions.boxes, protocol)]
    if truth.tubes is None:
        return Report(protocol, truth, predictions, figures)
    tubes, origin = _tubes(truth, predictions, protocol, trimmed)
    video_figures = video_map(
        truth, tubes, protocol, sorted({*VIDEO_THRESHOLDS, *RANGE_THRESHOLDS})
    )
    named = {f'video-mAP@{threshold:g}' for threshold in VIDEO_THRESHOLDS}
    figures += [figure for figure in video_figures if figure.name in named]
    averages = {'video-mAP@0.5:0.95': _range_mean(video_figures)}
    return Report(protocol, truth, predictions, figures, origin, averages)


def _tubes(
    truth: GroundTruth, predictions: Predictions, protocol: Protocol, trimmed: bool | None
) -> tuple[Sequence[Tube], str]:
    if predictions.tubes is not None:
        return predictions.tubes, f'{len(predictions.tubes):,}, {predictions.tubes_origin}'
    options = LinkOptions(
        trimmed=protocol.trimmed if trimmed is None else trimmed, pixel=protocol.pixel
    )
    tubes = link_all(predictions.boxes, options, np.unique(truth.boxes.label).tolist())
    return tubes, f'{len(tubes):,}, {options.describe()}'


def _range_mean(figures: Sequence[Figure]) -> float:
    names = {f'video-mAP@{threshold:g}' for threshold in RANGE_THRESHOLDS}
    return float(np.mean([figure.value for figure in figures if figure.name in names]))

"""Measure what was detected in time alone, for `actloc eval`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from actloc_ros.datasets.formats.frame_scores import holds_frame_scores, read_frames
from actloc_ros.datasets.formats.segment_files import read_segments, read_starts
from actloc_ros.datasets.formats.segment_truth import read_segment_truth
from actloc_ros.evaluation.restrict import named_videos
from actloc_ros.evaluation.temporal.measure import (
    measure_frames,
    measure_segments,
    measure_starts,
    starts_of_scores,
)
from actloc_ros.evaluation.temporal.protocols import TIME_PROTOCOLS, Measure
from actloc_ros.evaluation.temporal.report import TimeReport
from actloc_ros.truth.boxes import EvaluationError

BOXES_ONLY = ('average', 'linking', 'any_action', 'label_map', 'excluded')


def measure_in_time(arguments: argparse.Namespace) -> TimeReport:
    """Return what a protocol of segments, frames or starts gives.

    Raises:
        AnnotationError, EvaluationError, SourceError: A file is broken, or does not fit.
        OSError: A file cannot be read.
    """
    protocol = TIME_PROTOCOLS[arguments.protocol]
    refuse_options(arguments, BOXES_ONLY)
    paths = arguments.detections
    if not paths or arguments.model:
        raise EvaluationError(
            f'{protocol.name} measures --detections FILE…, such as what `actloc run` writes by '
            '--segments or --out; run a model by that first'
        )
    truth = read_segment_truth(arguments.ground_truth, arguments.subset)
    listed = arguments.video_list is not None
    if listed:
        chosen = named_videos(truth.videos, truth.path, arguments.video_list)
        truth = truth.restricted([truth.videos[index] for index in chosen])
    if protocol.measure is Measure.SEGMENTS:
        return measure_segments(truth, read_segments(paths, truth, listed), protocol)
    if protocol.measure is Measure.FRAMES:
        return measure_frames(truth, read_frames(paths, truth), protocol)
    if holds_frame_scores(paths[0]):
        found = starts_of_scores(truth, read_frames(paths, truth, background=True))
    else:
        found = read_starts(paths, truth, listed)
    return measure_starts(truth, found, protocol)


def refuse_options(arguments: argparse.Namespace, others: Sequence[str]) -> None:
    """Refuse options that a protocol has no use for.

    Raises:
        EvaluationError: One of them is given.
    """
    given = [name for name in others if getattr(arguments, name)]
    if given:
        option = given[0].replace('_', '-')
        raise EvaluationError(f'--{option} does not go with {arguments.protocol}')

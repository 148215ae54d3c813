"""Compute what the references of detection in time and of fused boxes know."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from parity_case import Case

from actloc_ros.evaluation.figures import class_result
from actloc_ros.evaluation.temporal.segment_map import match_segments, recall_at
from actloc_ros.models.ensemble.fusion import (
    Cluster,
    Confidence,
    LabelledBoxes,
    Suppression,
    non_maximum_weighted,
    suppress,
    weighted_boxes_fusion,
)
from actloc_ros.models.segments import Segments as FoundSegments
from actloc_ros.models.segments import SuppressionOptions, suppress_segments
from actloc_ros.truth.segments import Segments


def segments(case: Case) -> dict[str, Any]:
    """Return average precision and recall of files of segments."""
    reference = case.reference
    truth_file, predictions_file = (
        json.loads((case.folder / name).read_text()) for name in reference['files']
    )
    videos = truth_file['database']
    given = [
        (video, one)
        for video, entry in videos.items()
        if entry['subset'] == reference['subset']
        for one in entry['annotations']
    ]
    found = [(v, one) for v, some in predictions_file['results'].items() for one in some]
    overlaps = reference['tiou']
    values, recalls = [], []
    for label in reference['classes']:
        truth, predicted = (_segments(rows, label) for rows in (given, found))
        hits = match_segments(truth, predicted, overlaps)
        each = (class_result(0, label, len(truth), row, 'envelope') for row in hits)
        values.append([one.average for one in each])
        recalls.append(recall_at(truth, predicted, overlaps, (1, 5)))
    ap = np.stack(values, 1)
    return {
        'ap': ap,
        'map': ap.mean(1),
        'average_map': np.float64(ap.mean()),
        'map_actionformer': ap.mean(1),
        'recall_actionformer': np.mean(recalls, 0),
    }


def _segments(rows: list[tuple[str, dict[str, Any]]], label: str) -> Segments:
    mine = [(video, one) for video, one in rows if one['label'] == label]
    return Segments(
        np.array([video for video, _ in mine], object),
        np.array([one['segment'] for _, one in mine], float).reshape(-1, 2),
        np.array([one.get('score', 1.0) for _, one in mine], float),
    )


def suppressed(case: Case) -> dict[str, Any]:
    """Return segments after suppression in time."""
    arrays, mine = case.arrays, {}
    for name, given in case.reference['settings'].items():
        how = SuppressionOptions(
            iou=given['iou_threshold'],
            soft=given['use_soft_nms'],
            sigma=given.get('sigma', 0.5),
            min_score=given['min_score'],
            most=given['max_seg_num'],
            by_label=given['multiclass'],
            voting=given.get('voting_thresh', 0.0),
        )
        segments = FoundSegments(arrays['in_segments'], arrays['in_scores'], arrays['in_labels'])
        found = suppress_segments(segments, how)
        mine |= {
            f'{name}_segments': found.spans,
            f'{name}_scores': found.scores,
            f'{name}_labels': found.labels,
        }
    return mine


def fused(case: Case) -> dict[str, Any]:
    """Return boxes of several models, fused."""
    arrays, settings = case.arrays, case.reference['settings']
    count = sum(key.startswith('in_boxes') for key in arrays.files)
    models = [
        LabelledBoxes(*(arrays[f'in_{part}{i}'] for part in ('boxes', 'scores', 'labels')))
        for i in range(count)
    ]
    soft = settings['soft']
    found = {
        'nms': suppress(models, Suppression.HARD, settings['nms']['iou_thr']),
        'soft': suppress(
            models, Suppression.GAUSSIAN, soft['iou_thr'], soft['sigma'], soft['thresh']
        ),
        'nmw': _joined(non_maximum_weighted(models, None, settings['nmw']['iou_thr'])),
    }
    for name in settings.keys() - found.keys():
        given = settings[name]
        clusters = weighted_boxes_fusion(
            models,
            given.get('weights'),
            given['iou_thr'],
            given.get('skip_box_thr', 0.0),
            Confidence(given.get('conf_type', 'avg')),
            given.get('allows_overflow', False),
        )
        found[f'wbf_{name}'] = _joined(clusters)
    return {
        f'{name}_{part}': getattr(one, part)
        for name, one in found.items()
        for part in ('boxes', 'scores', 'labels')
    }


def _joined(clusters: list[Cluster]) -> LabelledBoxes:
    return LabelledBoxes(
        *(np.array([getattr(c, part) for c in clusters]) for part in ('box', 'score', 'label'))
    )

"""Compute what the references of online evaluations know."""

from __future__ import annotations

from typing import Any

import numpy as np
from parity_case import Case

from actloc_ros.evaluation.temporal.online_frames import (
    calibrated_average_precision,
    frame_average_precision,
    stage_frames,
)
from actloc_ros.evaluation.temporal.online_starts import (
    match_starts,
    point_average_precision,
    starts_of_frames,
)

AMBIGUOUS = 21  # THUMOS14's class of frames that are neither


def frames(case: Case) -> dict[str, Any]:
    """Return average precisions of frames, over all frames and by stages."""
    truth, scores = case.arrays['truth'] != 0, case.arrays['scores']
    if case.reference['name'].endswith('thumos'):
        clear = ~truth[:, AMBIGUOUS]
        truth, scores = truth[clear, :AMBIGUOUS], scores[clear, :AMBIGUOUS]
    columns = [c for c in range(1, truth.shape[1]) if truth[:, c].any()]
    mine: dict[str, Any] = {}
    for name, measure in (('AP', frame_average_precision), ('cAP', calibrated_average_precision)):
        mine[f'frame_{name}'] = [measure(truth[:, c], scores[:, c]) for c in columns]
        mine[f'frame_m{name}'] = np.mean(mine[f'frame_{name}'])
        staged = [
            [measure(truth[kept, c], scores[kept, c]) for kept in stage_frames(truth[:, c])]
            for c in columns
        ]
        mine[f'stage_m{name}'] = np.mean(staged, axis=0)
    return mine


def starts(case: Case) -> dict[str, Any]:
    """Return the starts that frames show, and their average precision.

    All videos' frames are one row for the reference, so that one video ends where the next starts.
    """
    arrays, reference = case.arrays, case.reference
    videos, true = arrays['in_videos'], arrays['in_truth']
    names, firsts, place, counts = np.unique(videos, True, True, True)
    times = (np.arange(len(videos)) - firsts[place]) / reference['fps']
    lengths = (counts - 1) / reference['fps']
    seen = true[:, 2] <= lengths[np.searchsorted(names, true[:, 0])]
    scores = arrays['eval_scores']
    values = np.empty((len(reference['offsets']), scores.shape[1] - 1))
    for column in range(values.shape[1]):
        mine = true[:, 1] == column + 1
        order = np.argsort(-scores[:, column + 1])
        for row, offset in enumerate(reference['offsets']):
            hits = match_starts(times[order], videos[order], true[mine, 2], true[mine, 0], offset)
            values[row, column] = point_average_precision(hits, int((mine & seen).sum()))
    return {
        'start_scores': starts_of_frames(arrays['in_scores']),
        'times': times,
        'lengths': lengths,
        'point_ap': values,
        'point_map': values.mean(axis=1),
    }

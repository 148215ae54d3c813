"""Measure the skeleton network on motion capture of people set apart from all training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.training.skeleton_n.labels import INDEX, UNKNOWN, YES
from actloc_ros.training.skeleton_n.motion_data import Motion, read_motions
from actloc_ros.training.skeleton_n.samples import whole_clips

SETS = {'kinder_gator': 'Kinder-Gator', 'bandai_namco_1': 'Bandai Namco'}
RATE = 15.0  # Hz
BATCH = 32  # motions at once
FEWEST = 30  # true frames from which a label has a row


def measure_motion(session: SkeletonSession, shared: Path, most: int | None) -> dict[str, Any]:
    """Return by set and label: true frames, share of the reported that is right, and found."""
    folder = shared / 'real/mocap/eval_only'
    return {
        name: label_figures(session, read_motions(folder / f'{name}.npz')[:most]) for name in SETS
    }


def label_figures(session: SkeletonSession, motions: list[Motion]) -> dict[str, Any]:
    """Return the figures of each label that the network has and that occurs often enough."""
    scores, targets = [], []
    for start in range(0, len(motions), BATCH):
        part = whole_clips(motions[start : start + BATCH], start, RATE)
        here = part.present[:, 0]
        found = run_steps(session, part.features[:, 0], part.elapsed[:, 0], here)
        scores.append(found[here])
        targets.append(part.targets[:, 0][here])
    said, known = np.concatenate(scores), np.concatenate(targets)
    rows = {}
    for column, label in enumerate(session.spec.labels):
        truth = known[:, INDEX[label]]
        yes, sure = truth == YES, truth != UNKNOWN
        reported = (said[:, column] >= session.spec.thresholds[column]) & sure
        if yes.sum() >= FEWEST:
            hits = int((reported & yes).sum())
            rows[label] = {
                'frames': int(yes.sum()),
                'right': hits / int(reported.sum()) if reported.any() else None,
                'found': hits / int(yes.sum()),
            }
    return rows


def run_steps(
    session: SkeletonSession, features: np.ndarray, elapsed: np.ndarray, present: np.ndarray
) -> np.ndarray:
    """Return scores (N, T, C) of tracks, a step a frame; a track that is absent keeps its state."""
    count, moments = present.shape
    spec = session.spec
    state = np.zeros((spec.layers, count, spec.width), np.float32)
    scores = np.zeros((count, moments, len(spec.labels)), np.float32)
    for moment in range(moments):
        rows = np.flatnonzero(present[:, moment])
        if len(rows):
            scores[rows, moment], state[:, rows] = session.step(
                features[rows, moment].astype(np.float32),
                elapsed[rows, moment].astype(np.float32),
                state[:, rows],
            )
    return scores

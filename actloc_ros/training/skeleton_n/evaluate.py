"""Measure a finished skeleton_n on the test sets; no choice may be made by what this prints.

python -m actloc_ros.training.skeleton_n.evaluate WEIGHTS --shared SHARED
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, UNKNOWN
from actloc_ros.training.skeleton_n.measure import (
    Scored,
    events,
    figures,
    merge,
    posture_figures,
    run,
    score_footage,
    sigmoid,
    table,
)
from actloc_ros.training.skeleton_n.motion_data import Footage, Motion, read_footage, read_motions
from actloc_ros.training.skeleton_n.samples import whole_clips
from actloc_ros.training.skeleton_n.trained import read_trained

TOLERANCE = 1.0  # seconds by which an event may miss a fall's interval
BATCH = 32
NEVER = 2.0  # a threshold that no score reaches: of labels that a network does not have


def load(path: Path) -> tuple[SkeletonNet, np.ndarray]:
    """Return a network with all LABELS, and their thresholds.

    Labels that the file lacks get scores of 0.

    Raises:
        OSError: It cannot be read.
        KeyError: It is no skeleton network.
    """
    trained = read_trained(path)
    small, rows = trained.network, [INDEX[label] for label in trained.labels]
    graph = small.graph.channels if small.graph else 0
    network = SkeletonNet(len(LABELS), small.width, small.layers, graph)
    state = small.state_dict()
    whole = network.state_dict()
    for key in ('head.weight', 'head.bias'):
        values = whole[key].zero_() - (60.0 if key == 'head.bias' else 0.0)
        values[rows] = state[key]
        state[key] = values
    network.load_state_dict(state)
    thresholds = np.full(len(LABELS), NEVER)
    thresholds[rows] = trained.thresholds
    return network.eval(), thresholds


def score_motions(network: SkeletonNet, motions: list[Motion], seed: int, rate: float) -> Scored:
    """Run whole motions before random cameras, with noise, through a network."""
    logits, targets, clips = [], [], []
    for start in range(0, len(motions), BATCH):
        part = whole_clips(motions[start : start + BATCH], seed + start, rate)
        here = part.present[:, 0]
        scored = run(network, part.features[:, 0], part.elapsed[:, 0], here)
        index = np.broadcast_to(np.arange(len(here))[:, None] + start, here.shape)
        logits.append(scored[here])
        targets.append(part.targets[:, 0][here])
        clips.append(index[here])
    return Scored(np.concatenate(logits), np.concatenate(targets), np.concatenate(clips))


def fall_intervals(path: Path) -> dict[str, tuple[float, float]]:
    """Return by clip of GMDCSA24 from when to when its source says that somebody falls and lies."""
    with np.load(path) as data:
        columns = (data[f'seg_{name}'] for name in ('clip', 'label', 'start', 'end'))
        return {
            str(data['names'][clip]): (start / data['fps'][clip], end / data['fps'][clip])
            for clip, label, start, end in zip(*columns, strict=True)
            if label == 'falling_then_lying'
        }


def falls(
    clips: list[Footage],
    scores: list[np.ndarray],
    truth: dict[str, tuple[float, float]],
    threshold: float,
) -> str:
    """Return how many falls are found, when, and how often one is reported wrongly.

    Args:
        clips: Footage.
        scores: Of `falling`, (T,) for each clip.
        truth: From `fall_intervals`.
        threshold: Of the scores.
    """
    false, errors, seconds = 0, [], 0.0
    for clip, chances in zip(clips, scores, strict=True):
        reported = events(clip.times, chances, threshold)
        seconds += clip.times[-1] - clip.times[0]
        right = []
        if clip.name in truth:
            first, last = truth[clip.name]
            right = [
                e for e in reported if e.start < last + TOLERANCE and e.end > first - TOLERANCE
            ]
            errors += [abs(right[0].start - first)] if right else []
        false += len(reported) - len(right)
    onset = np.median(errors) if errors else float('nan')
    return (
        f'falls found {len(errors)} of {len(truth)}, onset error {onset:.2f} s (median), '
        f'false alarms {false} in {seconds:.0f} s = {3600 * false / seconds:.1f} an hour'
    )


def main() -> None:
    """Print the figures of the test sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('weights', type=Path, help='skeleton_n.safetensors')
    parser.add_argument('--shared', type=Path, required=True, help='folder with real/')
    arguments = parser.parse_args()
    network, thresholds = load(arguments.weights)
    folder = arguments.shared / 'real' / 'mocap' / 'eval_only'
    path = folder / 'real2d_gmdcsa24.npz'
    clips = read_footage(path, margin=0.0)
    parts = score_footage(network, clips)
    home, column = merge(parts), INDEX['falling']
    posture = posture_figures(home, thresholds)
    print(f'gmdcsa24: posture said in {posture.said:.2f} of {posture.frames} frames, '
          f'right in {posture.right:.2f}')  # fmt: skip
    scores = [sigmoid(part.logits[:, column]) for part in parts]
    print('gmdcsa24:', falls(clips, scores, fall_intervals(path), float(thresholds[column])))
    rows = {'gmdcsa24': figures(home, thresholds)}
    for name in ('kinder_gator', 'bandai_namco_1'):
        scored = score_motions(network, read_motions(folder / f'{name}.npz'), 0, 15.0)
        rows[name] = figures(scored, thresholds)
        known = (scored.targets != UNKNOWN).any(axis=1)
        print(f'{name}: {known.sum()} frames before random cameras at 15 Hz')
    print(table(rows))


if __name__ == '__main__':
    main()

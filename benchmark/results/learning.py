"""Measure what training `skeleton_n` on gives on real falls (GMDCSA24), one subject left out."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.io.media import shape_of
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.training.pose.config import TuningConfig, TuningData
from actloc_ros.training.pose.session import train
from actloc_ros.training.skeleton_n.labels import INDEX, POSTURES, YES, columns_of
from actloc_ros.truth.annotations import Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations
from benchmark.results.common import data_folder, machine, table
from benchmark.results.falls_alarms import Alarms, FallClip, alarm_numbers, read_clips
from benchmark.results.real.footage import ClipReport, Runner
from benchmark.results.real.home import FALLING, clip_name, posture_shares, postures
from benchmark.results.real.models import OURS, SKELETON

DATA = 'gmdcsa24'
LABELS = ('standing', 'walking', 'sitting', 'falling', 'lying')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('learning: training on, GMDCSA24')
    group.add_argument('--fall-clips', type=int, help='only as many of each subject and kind')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    clips = read_clips(data_folder(args, DATA), args.fall_clips)
    targets = postures(args.shared)
    known = [targets[clip_name(clip.path)] for clip in clips]
    before = run_clips('', clips, args.frames)
    after: list[ClipReport] = [*before]
    folds = []
    for subject in sorted({clip.subject for clip in clips}):
        rest = [row for row, clip in enumerate(clips) if clip.subject != subject]
        mine = [row for row, clip in enumerate(clips) if clip.subject == subject]
        folder = Path(tempfile.mkdtemp(prefix=f'without_{subject}_', dir=args.work))
        began = time.monotonic()
        weights = tune([clips[row] for row in rest], [known[row] for row in rest], folder)
        folds.append({'test': subject, 'clips': len(rest), 'seconds': time.monotonic() - began})
        reports = run_clips(str(weights), [clips[row] for row in mine], args.frames)
        for row, report in zip(mine, reports, strict=True):
            after[row] = report
    return {
        'clips': len(clips),
        'folds': folds,
        'rows': [
            {'name': name} | figures(clips, known, reports)
            for name, reports in (('as shipped', before), ('trained on', after))
        ],
        'machine': machine(),
    }


def run_clips(weights: str, clips: Sequence[FallClip], most: int | None) -> list[ClipReport]:
    """Return what the default reports in clips, with these weights of the skeleton network."""
    localizer = open_localizer(OURS, LocalizerOptions(weights=weights, device='cpu'))
    try:
        runner = Runner(localizer, most)
        return [runner.run(clip.path) for clip in clips]
    finally:
        localizer.close()


def tune(clips: Sequence[FallClip], known: Sequence[np.ndarray], folder: Path) -> Path:
    """Train on clips with default settings; return the file of the weights."""
    videos = [annotated(clip.path, each, folder) for clip, each in zip(clips, known, strict=True)]
    write_annotations(folder / 'annotations.json', Annotations(LABELS, tuple(videos)))
    config = TuningConfig(SKELETON, 'tuned', TuningData(('annotations.json',)))
    [weights] = train(config, folder, folder)
    return weights


def annotated(path: Path, targets: np.ndarray, folder: Path) -> Video:
    """Return a clip's annotations, without boxes; frames without a noted posture are not known."""
    shape = shape_of(path, 15.0)
    count = min(len(targets), shape.frames)
    video = Video(
        os.path.relpath(path, folder), shape.fps, shape.width, shape.height, count, (), ()
    )
    instances = [
        Instance(1, label, video.stamp(start), video.stamp(end))
        for label in LABELS
        for start, end in runs(targets[:count, INDEX[label]] == YES)
    ]
    noted = (targets[:count, columns_of(POSTURES)] == YES).any(axis=1)
    return replace(video, instances=tuple(instances), labelled=np.flatnonzero(noted))


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return start and end, exclusive, of each stretch in which a mask (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def figures(
    clips: Sequence[FallClip], known: Sequence[np.ndarray], reports: Sequence[ClipReport]
) -> dict[str, Any]:
    """Return how often postures are said and right, and what becomes of falls."""
    said, right = posture_shares(list(zip(reports, known, strict=True)))
    alarms = Alarms([], [])
    for clip, report in zip(clips, reports, strict=True):
        alarms.add(clip, [span for span in report.spans if span.label == FALLING])
    return {'said': said, 'right': right} | alarm_numbers(alarms, clips)


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    folds = ', '.join(
        f'{fold["clips"]} clips for subject {fold["test"]} ({fold["seconds"] / 60:.1f} min)'
        for fold in numbers['folds']
    )
    rows = [
        (
            row['name'],
            row['said'],
            row['right'],
            f'{row["found"]} of {row["falls"]}',
            row['onset_error_median'],
            row['false_in_falls'] + row['false_in_daily'],
        )
        for row in numbers['rows']
    ]
    return f"""## Training on

`skeleton_n` trained on by `actloc train` on the clips of one subject of GMDCSA24, and measured \
on the other's, with joints by `people_n` and the times of postures and falls alone: {folds}. Both \
folds together, {numbers['clips']} clips, beside the weights that ship. The rule by which a result \
is accepted was revised after these clips had been measured, so that these figures flatter it.

{table(HEAD, rows)}

{numbers['machine']}.
"""


HEAD = (
    '',
    'frames with a posture said',
    'right of said',
    'falls found',
    'onset error, median in s',
    'false alarms',
)

"""Measure labels without boxes on real clips of one person at home; the tests are of others."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.io.media import shape_of
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import Localizer
from actloc_ros.models.people.open import PEOPLE_N, open_people
from actloc_ros.models.pose.localizer import PoseLocalizer
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.storage import find_onnx
from actloc_ros.training.pose.config import BOXES, TIME, VIDEO, TuningConfig, TuningData
from actloc_ros.training.pose.session import train
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES, columns_of
from actloc_ros.training.skeleton_n.measure import average_precision
from actloc_ros.truth.annotations import Annotations, Instance, Video
from actloc_ros.truth.plain_json import write_annotations
from benchmark.results.common import ResultsError, data_folder, table
from benchmark.results.falls_alarms import read_clips
from benchmark.results.real.home import clip_name, postures
from benchmark.results.real.models import OURS, SKELETON
from benchmark.results.weak import NEW, remembered

LABELS = ('standing', 'walking', 'sitting', 'falling', 'lying')
HOME = 'real/video'
WAYS = {'one actor a clip, times': BOXES, 'time': TIME, 'video': VIDEO}
RATE = 8.0  # Hz: of faster footage frames are left out


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return how right labels are frame by frame, as taught and as shipped."""
    people, folder, prefix = open_people(PEOPLE_N, 'cpu', 1), args.work / 'weak_home', NEW
    people = remembered(people)
    folder.mkdir(parents=True, exist_ok=True)
    learned = teaching_clips(args.shared / HOME, folder, prefix)
    write_annotations(folder / 'all.json', learned)
    paths = [clip.path for clip in read_clips(data_folder(args, 'gmdcsa24'))]
    targets = postures(args.shared)
    known = [targets[clip_name(path)] for path in paths]
    rows = []
    for name, supervision in WAYS.items():
        began = time.monotonic()
        config = TuningConfig(
            SKELETON, supervision, TuningData(('all.json',), rate=RATE), supervision=supervision
        )
        [weights] = train(config, folder, folder / 'out', people)
        trained = time.monotonic() - began
        found = tested(PoseLocalizer(OURS, people, SkeletonSession(weights)), prefix, paths, known)
        rows.append({'name': name, 'training_seconds': trained} | found)
    shipped = find_onnx(SKELETON)
    if shipped is None:
        raise ResultsError(f'the weights of {SKELETON} are missing')
    localizer = PoseLocalizer(OURS, people, SkeletonSession(shipped))
    rows.append({'name': 'as shipped'} | tested(localizer, '', paths, known))
    return {
        'clips': len(learned.videos),
        'seconds': sum(video.frames / video.fps for video in learned.videos),
        'tests': len(paths),
        'rows': rows,
    }


def teaching_clips(videos: Path, folder: Path, prefix: str) -> Annotations:
    """Return what happens in the clips that may teach; they have no boxes."""
    found = []
    for row in json.loads((videos / 'index.json').read_text()):
        if row['teach'] == 'yes' and row['file'].startswith('home/'):
            path = videos / row['file']
            shape = shape_of(path, row['fps'])
            size = shape.fps, shape.width, shape.height, shape.frames
            instances = tuple(
                Instance(1, f'{prefix}{label}', nanoseconds(start), nanoseconds(end))
                for label, start, end in row['events']
                if label in LABELS
            )
            found.append(Video(os.path.relpath(path, folder), *size, (), instances))
    return Annotations(tuple(f'{prefix}{label}' for label in LABELS), tuple(found))


def tested(
    localizer: Localizer, prefix: str, paths: Sequence[Path], known: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Return the average precision of each label over all frames of which it is known."""
    columns = [localizer.labels.index(f'{prefix}{label}') for label in LABELS]
    parts = [
        scored(localizer, columns, path, each) for path, each in zip(paths, known, strict=True)
    ]
    scores, targets = (np.concatenate(part) for part in zip(*parts, strict=True))
    found = {}
    for row, label in enumerate(LABELS):
        rows = targets[:, row] != UNKNOWN
        found[label] = average_precision(scores[rows, row], targets[rows, row] == YES)
    return {'mean': float(np.mean(list(found.values()))), 'labels': found}


def scored(
    localizer: Localizer, columns: Sequence[int], path: Path, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best score of each label in each frame that is taken, and what is known of it."""
    localizer.reset()
    source = open_source(path)
    stride = max(1, math.ceil(source.rate / RATE))
    scores, targets = [], []
    for number, frame in enumerate(source):
        if number % stride == 0 and number < len(known):
            [found] = localizer.step([frame])
            scores.append(found.actions[:, columns].max(axis=0, initial=0.0))
            targets.append(known[number, columns_of(LABELS)])
    return np.array(scores), np.array(targets)


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    rows = [
        (row['name'], row['mean'], *(row['labels'][label] for label in LABELS))
        for row in numbers['rows']
    ]
    return f"""## Labels without boxes, real clips

`skeleton_n` as in the section before, taught by {numbers['clips']} clips of \
{numbers['seconds']:.0f} s (ASSIST-IoT: one room, no boxes, mostly one person at a time, times by \
eye), and tested on {numbers['tests']} clips of GMDCSA24, of other people in other rooms, by which \
nothing here was trained or chosen: average precision over all frames of which a label is known, \
of the best score of anybody in a frame. Beside `time` and `video` stands what `actloc train` \
makes of the same times without weak supervision, by taking whoever is found best for the only \
actor. The weights as shipped have learned these labels from far more.

{table(('supervision', 'mean', *LABELS), rows)}
"""

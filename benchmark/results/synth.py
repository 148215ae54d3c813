"""Measure a model on synthetic scenes that it was not trained on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from actloc_ros.cli.synth import write_scene
from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.evaluation.evaluate import evaluate
from actloc_ros.evaluation.figures import Figure
from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.evaluation.run_model import run_model
from actloc_ros.synth import LABELS, render
from actloc_ros.synth.scene import frame_count
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.plain_json import read_annotations, write_annotations
from benchmark.results.common import (
    TimedLocalizer,
    actor_boxes,
    machine,
    open_model,
    quantile,
    table,
)
from benchmark.results.instances import StartErrors, match_starts, reported_spans, true_spans

PROTOCOL = 'ucf24-act'
SIZE = (320, 240)
RATES = (15.0, 25.0, 30.0)  # Hz, of one scene after the other
GOALS = {'frame_map': 0.80, 'video_map': 0.60, 'start_error': 0.3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('synth: unseen synthetic scenes')
    group.add_argument('--scenes', type=int, default=12, help='how many; default: %(default)s')
    group.add_argument('--seconds', type=float, default=20.0, help='of each; default: %(default)s')
    group.add_argument(
        '--seed', type=int, default=9_000_000, help='of the first scene; default: %(default)s'
    )


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    truth = render_scenes(args)
    model = open_model(args)
    try:
        return described(args) | score(model, truth) | {'machine': machine()}
    finally:
        model.close()


def described(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the scenes are."""
    return {
        'scenes': args.scenes,
        'seconds': args.seconds,
        'first_seed': args.seed,
        'size': list(SIZE),
        'rates': list(RATES),
    }


def render_scenes(args: argparse.Namespace) -> Path:
    """Render the scenes, unless this was done; return their annotations' file."""
    folder = args.work / f'synth_{args.seed}_{args.scenes}_{args.seconds:g}'
    truth: Path = folder / 'annotations.json'
    if truth.exists():  # it is written last
        return truth
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(zip(range(args.seed, args.seed + args.scenes), cycle(RATES), strict=False))
    total = sum(frame_count(args.seconds, rate) for _, rate in chosen)
    videos = []
    with tqdm(total=total, desc='rendering', unit='frame', disable=None) as progress:
        for seed, rate in chosen:
            frames = render(seed, args.seconds, SIZE, rate)
            path = folder / f'synth_{seed}.mp4'
            videos.append(without_keypoints(write_scene(path, frames, SIZE, rate, progress)))
    write_annotations(truth, Annotations(LABELS, tuple(videos)))
    return truth


def without_keypoints(video: Video) -> Video:
    """Return annotations of boxes and actions alone, on which every network can be trained."""
    return replace(video, tracks=tuple(replace(each, keypoints=None) for each in video.tracks))


def score(model: TimedLocalizer, truth_file: Path) -> dict[str, Any]:
    """Return how well a model does on annotated videos, which lie beside their annotations."""
    truth = read_truth(truth_file)
    output = run_model(model, truth, [truth_file.parent], 25.0)
    protocol = find_protocol(PROTOCOL)
    offline = evaluate(truth, output.predictions(), protocol)
    online = evaluate(truth, output.online(), protocol)
    tracked = evaluate(truth, output.tracks(protocol.pixel), protocol)
    actors = read_truth(truth_file, any_action=True)
    actor_ap = frame_map(actors, actor_boxes(model.clips), protocol)
    starts = measure_starts(model, read_annotations(truth_file))
    named = {figure.name: figure for figure in offline.figures}
    robots = {figure.name: figure for figure in online.figures}
    tracks = {figure.name: figure for figure in tracked.figures}
    figures = {
        'frame_ap': named['frame-mAP@0.5'],
        'video_ap': named['video-mAP@0.5'],
        'tracks_ap': tracks['video-mAP@0.5'],
        'online_ap': robots['video-mAP@0.5'],
    }
    seconds = sum(clip[-1].stamp - clip[0].stamp for clip in model.clips) / 1e9
    return {
        'protocol': f'{protocol.name}: {protocol.describe()}',
        'tubes': offline.tubes,
        'frames': sum(map(len, model.clips)),
        'boxes': len(actors.boxes),
        'frame_map': figures['frame_ap'].value,
        'video_map': figures['video_ap'].value,
        'video_map_02': named['video-mAP@0.2'].value,
        'tracks_map': figures['tracks_ap'].value,
        'tracks_map_02': tracks['video-mAP@0.2'].value,
        'online_map': figures['online_ap'].value,
        'online_map_02': robots['video-mAP@0.2'].value,
        'actor_ap': actor_ap.value,
        'threshold': model.threshold,
        'ms_per_step': model.median_step,
        'starts': start_numbers(joined(starts.values()), seconds),
        'classes': class_numbers(figures, starts, seconds),
    }


def measure_starts(model: TimedLocalizer, annotations: Annotations) -> dict[str, StartErrors]:
    """Return how well the pipeline reports starts, by label."""
    total: dict[str, StartErrors] = {}
    for index, clip in enumerate(model.clips):
        errors = match_starts(true_spans(annotations, index), reported_spans(model, clip))
        for label, starts in errors.items():
            total.setdefault(label, StartErrors()).join(starts)
    return total


def joined(parts: Any) -> StartErrors:
    """Return the sum of counts."""
    total = StartErrors()
    for part in parts:
        total.join(part)
    return total


def start_numbers(starts: StartErrors, seconds: float) -> dict[str, Any]:
    """Return counts and errors of starts, of which the sign is left out."""
    errors = np.abs(starts.errors).tolist()
    return {
        'instances': starts.count,
        'median': quantile(errors, 0.5),
        'p90': quantile(errors, 0.9),
        'missed_share': starts.missed / starts.count if starts.count else None,
        'false_a_minute': 60 * starts.false / seconds,
        'median_delay': quantile(starts.delays, 0.5),
    }


def class_numbers(
    figures: dict[str, Figure], starts: dict[str, StartErrors], seconds: float
) -> dict[str, dict[str, Any]]:
    """Return each class's numbers."""
    rows: dict[str, dict[str, Any]] = {}
    for key, figure in figures.items():
        for each in figure.counted:
            row = rows.setdefault(each.name, {})
            row.setdefault('truths', each.truths)  # boxes, since the frames' figure comes first
            row[key] = each.average
    for label, row in rows.items():
        row['starts'] = start_numbers(starts.get(label, StartErrors()), seconds)
    return rows


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    starts = numbers['starts']
    rates = ', '.join(f'{rate:g}' for rate in numbers['rates'])
    last = numbers['first_seed'] + numbers['scenes'] - 1
    return f"""## Unseen synthetic scenes

{numbers['scenes']} scenes of {numbers['seconds']:g} s, seeds {numbers['first_seed']} to {last}, \
{numbers['size'][0]}×{numbers['size'][1]} at {rates} Hz in turn, rendered on the spot and read \
back as video: {numbers['frames']:,} frames, {numbers['boxes']:,} boxes of actors, \
{len(numbers['classes'])} classes. No training used these seeds. They come from the same renderer \
as the training's, so they say nothing about real footage. People less than about a fifth \
visible are not annotated.

Protocol `{numbers['protocol']}`. Tubes: {numbers['tubes']}; *tracks*: the \
pipeline's tracks of actors, trimmed in time action by action; *online*: the action instances \
that the pipeline reports while frames come in, with the node's own settings.

{table(('figure', 'value', 'goal'), overview(numbers))}

A start counts where an instance of the same label overlaps the true one by 0.2 in space and \
time (each for one). Errors are without sign. *Reported after*: from the true start to the \
frame that first reports the instance, including the shortest time that it must last.

{table(CLASS_HEAD, class_rows(numbers['classes']))}

{numbers['ms_per_step']:.1f} ms a step, median; {numbers['machine']}. All: \
{starts['instances']} instances.
"""


def overview(numbers: dict[str, Any]) -> list[tuple[object, ...]]:
    """Return the rows of the first table."""
    starts = numbers['starts']
    return [
        ('frame-mAP@0.5', numbers['frame_map'], f'≥ {GOALS["frame_map"]:.2f}'),
        ('video-mAP@0.5, linked offline', numbers['video_map'], f'≥ {GOALS["video_map"]:.2f}'),
        ('video-mAP@0.5, tracks', numbers['tracks_map'], f'≥ {GOALS["video_map"]:.2f}'),
        ('video-mAP@0.5, online', numbers['online_map'], None),
        ('video-mAP@0.2, linked offline', numbers['video_map_02'], None),
        ('video-mAP@0.2, tracks', numbers['tracks_map_02'], None),
        ('video-mAP@0.2, online', numbers['online_map_02'], None),
        ('AP@0.5 of actors, whatever they do', numbers['actor_ap'], None),
        ('start error, median in s', starts['median'], f'≤ {GOALS["start_error"]}'),
        ('start error, 90th percentile in s', starts['p90'], None),
        ('reported after, median in s', starts['median_delay'], None),
        ('instances missed, share', starts['missed_share'], None),
        ('false instances a minute', starts['false_a_minute'], None),
    ]


CLASS_HEAD = (
    'class',
    'boxes',
    'frame-AP@0.5',
    'video-AP@0.5',
    'tracks',
    'online',
    'instances',
    'start error, s',
    'missed',
    'false a minute',
)


def class_rows(classes: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of the table of classes."""
    return [
        (
            name,
            row['truths'],
            row['frame_ap'],
            row['video_ap'],
            row['tracks_ap'],
            row['online_ap'],
            row['starts']['instances'],
            row['starts']['median'],
            row['starts']['missed_share'],
            row['starts']['false_a_minute'],
        )
        for name, row in classes.items()
    ]

"""Measure what `skeleton_n` learns from labels without boxes, beside what it learns from boxes."""

from __future__ import annotations

import argparse
import csv
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from actloc_ros.cli.synth import write_scene
from actloc_ros.datasets.formats.evaluation_files import read_truth
from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.evaluation.evaluate import evaluate
from actloc_ros.evaluation.protocols import find_protocol
from actloc_ros.evaluation.run_model import run_model
from actloc_ros.files import write_whole
from actloc_ros.frames import NANOSECONDS
from actloc_ros.models.people.open import PEOPLE_N, PeopleNetwork, open_people
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.pose.localizer import PoseLocalizer
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.synth import LABELS, render
from actloc_ros.synth.scene import frame_count
from actloc_ros.training.pose.config import BOXES, POINTS, TIME, VIDEO, TuningConfig, TuningData
from actloc_ros.training.pose.session import train
from actloc_ros.training.pose.skeleton import ITERATIONS
from actloc_ros.truth.annotations import Annotations, Video
from actloc_ros.truth.boxes import FrameBoxes, GroundTruth
from actloc_ros.truth.plain_json import read_annotations, write_annotations
from benchmark.results.bootstrap import RESAMPLES, interval, resampled, span
from benchmark.results.common import machine, table
from benchmark.results.real.models import OURS, SKELETON
from benchmark.results.synth import PROTOCOL, SIZE, without_keypoints

NEW = 'new_'  # before each label, so that the network has not learned it before
TRAIN_SEED, TRAIN_SECONDS, TRAIN_RATE = 8_700_000, 6.0, 10.0
TEST_SEED, TEST_SECONDS, TEST_RATE = 9_700_000, 8.0, 10.0
FEW = 10  # of so many recordings one has boxes in the mixed trainings
GOALS = {TIME: 0.75, VIDEO: 0.6}
HALF = 0.5  # of the scenes to learn from: labels in more of them count as frequent


@dataclass(frozen=True)
class Way:
    """A way to supervise a training.

    Attributes:
        name: As the table calls it.
        supervision: Of `train`.
        train: Sets of recordings.
        boxes: Those with boxes beside them.
    """

    name: str
    supervision: str
    train: tuple[str | DatasetSpec, ...]
    boxes: tuple[str, ...] = ()


FULL = Way('boxes', BOXES, ('all.json',))
WAYS = (
    FULL,
    Way('time', TIME, (DatasetSpec('time.csv', 'labels'),)),
    Way('points', POINTS, (DatasetSpec('points.csv', 'labels'),)),
    Way('video', VIDEO, (DatasetSpec('video.csv', 'labels'),)),
    Way('10 % boxes, 90 % video', VIDEO, (DatasetSpec('rest.csv', 'labels'),), ('few.json',)),
    Way('10 % boxes alone', BOXES, ('few.json',)),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('weak: labels without boxes')
    group.add_argument('--weak-scenes', type=int, default=30, help='default: %(default)s')
    group.add_argument('--weak-tests', type=int, default=48, help='default: %(default)s')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    folder = args.work / f'weak_{args.weak_scenes}_{args.weak_tests}'
    learned = render_scenes(
        folder / 'train', TRAIN_SEED, args.weak_scenes, TRAIN_SECONDS, TRAIN_RATE
    )
    test = render_scenes(folder / 'test', TEST_SEED, args.weak_tests, TEST_SECONDS, TEST_RATE)
    write_sets(folder / 'train', learned)
    people = remembered(open_people(PEOPLE_N, 'cpu', 1))
    rows: list[dict[str, Any]] = []
    found: dict[str, FrameBoxes] = {}
    for way in WAYS:
        row, found[way.name] = measure_way(way, folder / 'train', test, people)
        rows.append(row)
        print(row, flush=True)
    for row, shares in zip(rows, compared(read_truth(test), found), strict=True):
        row |= shares
    return {
        'train': {'first_seed': TRAIN_SEED, 'scenes': args.weak_scenes, 'seconds': TRAIN_SECONDS},
        'test': {'first_seed': TEST_SEED, 'scenes': args.weak_tests, 'seconds': TEST_SECONDS},
        'happens_in': happens_in(learned),
        'protocol': PROTOCOL,
        'iterations': ITERATIONS,
        'rows': rows,
        'machine': machine(),
    }


def render_scenes(folder: Path, seed: int, scenes: int, lasting: float, rate: float) -> Path:
    """Render scenes in which all actions are frequent; return the file of their annotations.

    Their labels have a prefix. What was rendered before is used again.
    """
    file = folder / 'all.json'
    if file.exists():  # it is written last
        return file
    folder.mkdir(parents=True, exist_ok=True)
    videos = []
    with tqdm(total=scenes * frame_count(lasting, rate), desc='rendering', disable=None) as bar:
        for number in range(seed, seed + scenes):
            frames = render(number, lasting, SIZE, rate, even=True)
            path = folder / f'synth_{number}.mp4'
            videos.append(renamed(without_keypoints(write_scene(path, frames, SIZE, rate, bar))))
    labels = tuple(f'{NEW}{label}' for label in LABELS)
    write_annotations(file, Annotations(labels, tuple(videos)))
    return file


def renamed(video: Video) -> Video:
    """Return a video whose labels have a prefix."""
    instances = (replace(each, label=f'{NEW}{each.label}') for each in video.instances)
    return replace(video, instances=tuple(instances))


def write_sets(folder: Path, file: Path) -> None:
    """Write lists of what happens when, at a moment, or at all, and a tenth with boxes."""
    annotations = read_annotations(file)
    few, rest = (
        annotations.videos[::FEW],
        [video for row, video in enumerate(annotations.videos) if row % FEW],
    )
    write_annotations(folder / 'few.json', replace(annotations, videos=few))
    random = np.random.default_rng(0)
    times, points = [], []
    for video in annotations.videos:
        for each in video.instances:
            end = min(each.end, video.stamp(video.frames))
            row = (video.path, each.label)
            times.append((*row, each.start / NANOSECONDS, end / NANOSECONDS))
            points.append((*row, random.uniform(each.start, end) / NANOSECONDS, ''))
    write_list(folder / 'time.csv', annotations.videos, times)
    write_list(folder / 'points.csv', annotations.videos, points)
    write_list(folder / 'video.csv', annotations.videos, whole(annotations.videos))
    write_list(folder / 'rest.csv', rest, whole(rest))


def whole(videos: Iterable[Video]) -> list[tuple[object, ...]]:
    """Return what happens at some time in each video, each label once."""
    return [
        (video.path, label, '', '')
        for video in videos
        for label in dict.fromkeys(each.label for each in video.instances)
    ]


def write_list(file: Path, videos: Iterable[Video], rows: Iterable[Sequence[object]]) -> None:
    """Write what happens in videos, all of which are named."""
    with write_whole(file) as part, part.open('w', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(('recording', 'label', 'start', 'end'))
        writer.writerows((video.path, '', '', '') for video in videos)
        writer.writerows(rows)


def remembered(people: PeopleNetwork) -> PeopleNetwork:
    """Return a network that finds nobody twice: trainings and tests show it the same images."""
    detected: dict[bytes, FoundPeople] = {}
    refined: dict[bytes, FoundPeople] = {}

    def detect(image: np.ndarray, least: float) -> FoundPeople:
        key = hashlib.blake2b(image.tobytes() + np.float64(least).tobytes()).digest()
        if key not in detected:
            detected[key] = people.detect(image, least)
        return detected[key]

    def refine(image: np.ndarray, found: FoundPeople) -> FoundPeople:
        key = hashlib.blake2b(image.tobytes() + found.boxes.tobytes()).digest()
        if key not in refined:
            refined[key] = people.refine(image, found)
        return refined[key]

    return replace(people, detect=detect, refine=refine)


def measure_way(
    way: Way, folder: Path, test: Path, people: PeopleNetwork
) -> tuple[dict[str, Any], FrameBoxes]:
    """Train in one way; return how right the result is on scenes that no training used.

    Returns:
        The numbers, and what it detects.
    """
    began = time.monotonic()
    file = train_way(way, folder, people)
    trained = time.monotonic() - began
    truth = read_truth(test)
    localizer = PoseLocalizer(OURS, people, SkeletonSession(file))
    output = run_model(localizer, truth, [test.parent], TEST_RATE)
    result = evaluate(truth, output.predictions(), find_protocol(PROTOCOL))
    figure = next(each for each in result.figures if each.name == 'frame-mAP@0.5')
    classes = {each.name: each.average for each in figure.counted}
    row = {
        'name': way.name,
        'frame_map': figure.value,
        'classes': classes,
        'training_seconds': trained,
    }
    return row, output.boxes


def compared(truth: GroundTruth, found: Mapping[str, FrameBoxes]) -> list[dict[str, Any]]:
    """Return each way's share of what boxes reach, with intervals over scenes."""
    figures = resampled(truth, found, find_protocol(PROTOCOL))
    full = figures[FULL.name]
    return [
        {
            'interval': interval(each.drawn),
            'of_boxes': each.value / full.value,
            'of_boxes_interval': interval(each.drawn / full.drawn),
        }
        for each in figures.values()
    ]


def train_way(way: Way, folder: Path, people: PeopleNetwork) -> Path:
    """Train in one way as `actloc train` does; return the file of the weights."""
    config = TuningConfig(
        SKELETON,
        ''.join(letter if letter.isalnum() else '_' for letter in f'way {way.name}'),
        TuningData(way.train, way.boxes),
        supervision=way.supervision,
    )
    [file] = train(config, folder, folder / 'out', people)
    return file


def happens_in(file: Path) -> dict[str, float]:
    """Return in which share of recordings each label happens."""
    annotations = read_annotations(file)
    return {
        label: float(
            np.mean(
                [any(i.label == label for i in video.instances) for video in annotations.videos]
            )
        )
        for label in annotations.labels
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    train_set, test_set = numbers['train'], numbers['test']
    often = numbers['happens_in']
    most = max(often, key=lambda label: often[label])
    rows = [
        (
            row['name'],
            row['frame_map'],
            span(row['interval']),
            row['of_boxes'],
            None if row['name'] == FULL.name else span(row['of_boxes_interval']),
            f'≥ {GOALS[row["name"]]:.2f}' if row['name'] in GOALS else None,
            f'{row["training_seconds"]:.0f}',
        )
        for row in numbers['rows']
    ]
    return f"""## Labels without boxes

`skeleton_n` trained by `actloc train` with `supervision: boxes`, `time`, `points` (a moment of \
chance in each action) and `video`, on the same {train_set['scenes']} synthetic scenes of \
{train_set['seconds']:g} s (seeds from {train_set['first_seed']}, `--even`), people found by \
`people_n`; only `boxes` is given boxes. All take {numbers['iterations']} iterations of the \
optimizer. Every label has a new name, so that the last layer knows none of them; the other layers \
stay as they are, and have learned from labelled motions with most of these actions among them: \
this says how labels of one's own are learned, not how a network is learned from nothing. The last \
two have boxes in every {FEW}th scene.

**Protocol** `{numbers['protocol']}`: frame-mAP@0.5 on {test_set['scenes']} other scenes of \
{test_set['seconds']:g} s (seeds from {test_set['first_seed']}, `--even`), over \
{len(numbers['rows'][0]['classes'])} of {len(often)} labels, those that occur there. A scene has \
several people. The most frequent label, {most.removeprefix(NEW)}, happens in \
{100 * often[most]:.0f} % of the scenes to learn from, which leaves `video` few to compare with. \
Nothing was chosen by these scenes: how strongly weak labels are pulled to their start was fixed \
on scenes of other seeds. Intervals: {RESAMPLES} bootstraps over test scenes, the share of \
`boxes` on the same draws; they hold for these trainings, not for others. The time of the first \
training includes finding people, which the others need not do again.

{table(HEAD, rows)}

{' '.join(verdict(row) for row in numbers['rows'] if row['name'] in GOALS)} \
{by_frequency(numbers)}

{numbers['machine']}.
"""


def verdict(row: dict[str, Any]) -> str:
    """Return in a sentence how a share lies to its goal."""
    goal, (low, high) = GOALS[row['name']], row['of_boxes_interval']
    where = 'reaches its goal' if low >= goal else 'falls short of its goal'
    if low < goal <= high:
        where = 'may reach its goal or not: it lies within the interval'
    return f'`{row["name"]}` {where}.'


def by_frequency(numbers: dict[str, Any]) -> str:
    """Return how `video` does with labels of which it sees contrasts, and with the others."""
    often, rows = numbers['happens_in'], {row['name']: row['classes'] for row in numbers['rows']}
    full, video = rows[FULL.name], rows[VIDEO]
    groups = (
        [label for label in full if often[label] <= HALF],
        [label for label in full if often[label] > HALF],
    )
    rare, frequent = (
        sum(video[label] for label in group) / sum(full[label] for label in group)
        for group in groups
    )
    return (
        f'Split after the measurement: of the {len(groups[0])} labels that happen in at most half '
        f'of the scenes to learn from, `video` has {rare:.2f} of what `boxes` has; of the other '
        f'{len(groups[1])}, {frequent:.2f}. It learns from recordings in which a label does not '
        'happen, and has few of them there.'
    )


HEAD = (
    'supervision',
    'frame-mAP@0.5',
    '95 %',
    'share of that by boxes',
    '95 %',
    'goal',
    'training, s',
)

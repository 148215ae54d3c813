"""Train ActionFormer from settings: check, compute features, fit, measure, and write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.check import DatasetReport, check_dataset
from actloc_ros.evaluation.temporal.measure import measure_segments
from actloc_ros.evaluation.temporal.protocols import TIME_PROTOCOLS
from actloc_ros.files import make_folder, short_name, write_whole
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actionformer import LAYOUTS
from actloc_ros.models.actionformer.segmenter import RECIPES, find_segments, open_features
from actloc_ros.models.checkpoints import write_checkpoint
from actloc_ros.models.loading import OpenedNetwork, load_file
from actloc_ros.models.ops.runtime import choose_device
from actloc_ros.models.registry import find_entry
from actloc_ros.training.actionformer.config import SegmentConfig
from actloc_ros.training.actionformer.fit import Say, fit
from actloc_ros.training.actionformer.recordings import (
    FeatureStore,
    Recording,
    make_recording,
    segments_of,
)
from actloc_ros.training.data.recordings import open_sets
from actloc_ros.truth.annotations import AnnotationError, Video
from actloc_ros.truth.faults import FaultKind
from actloc_ros.truth.segments import FoundSegments, Segment, TruthOptions, by_label, make_truth

KEPT = 'features'
PROTOCOL = 'thumos14'
SUBSET = 'valid'
OF_PLACES = (FaultKind.NOTHING, FaultKind.UNPLACED, FaultKind.EMPTY, FaultKind.ABSENT)
"""What is no fault where it does not matter who does something, and where."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A recording with what it shows, before its features are known."""

    videos: AnnotatedVideos
    video: Video
    segments: list[Segment]


@dataclass(frozen=True, eq=False)
class Sets:
    """Recordings to train and to measure on, and the labels of all of them."""

    labels: tuple[str, ...]
    train: list[Labelled]
    valid: list[Labelled]


def check(config: SegmentConfig, folder: Path, say: Say = print) -> Sets:
    """Return the recordings that settings in a folder name, and say what is in them.

    Raises:
        AnnotationError: They cannot be used.
    """
    trained, measured = open_sets(config.data.train, folder), open_sets(config.data.valid, folder)
    fatal = []
    for name, videos in (*trained.items(), *measured.items()):
        findings = without_places(check_dataset(videos))
        say(findings.text())
        if findings.fatal:
            fatal.append(name)
    if fatal:
        raise AnnotationError(f'{", ".join(fatal)}: fix what is listed above as errors')
    train, valid = _labelled(trained.values()), _labelled(measured.values())
    used = {segment.label for each in train for segment in each.segments}
    labels = tuple(dict.fromkeys(label for videos in trained.values() for label in videos.labels))
    labels = tuple(label for label in labels if label in used)
    _refuse(labels, train, valid)
    return Sets(labels, train, valid)


def without_places(findings: DatasetReport) -> DatasetReport:
    """Return a report in which it is no fault that there are no boxes."""
    return replace(
        findings,
        faults=tuple(each for each in findings.faults if each.kind not in OF_PLACES),
        totals={k: n for k, n in findings.totals.items() if k not in OF_PLACES},
    )


def train(config: SegmentConfig, folder: Path, out: Path, say: Say = print) -> Path:
    """Train as settings in a folder say; return the file of the trained model.

    Args:
        config: The settings.
        folder: Where they lie; recordings and features are named relative to it.
        out: Folder for features and the model, and for what it finds in `data: valid`.
        say: Takes lines on how it goes.

    Raises:
        AnnotationError: Recordings cannot be used.
        ModelError: Features cannot be read, or I3D, which computes them, is not here.
    """
    sets = check(config, folder, say)
    make_folder(out)
    options = LocalizerOptions()
    device = choose_device(options.device)
    given = folder / Path(config.data.features).expanduser() if config.data.features else None
    store = FeatureStore(given, out / KEPT, partial(open_features, options, device))
    recordings = _with_features(sets.train, sets.labels, store)
    measured = _with_features(sets.valid, sets.labels, store)
    layout = LAYOUTS[config.model]
    network = fit(recordings, len(sets.labels), layout, config.schedule, device, say)
    entry = replace(
        find_entry(config.model),
        name=config.name,
        labels=sets.labels,
        licence=config.licence,
        url='',
        sha256='',
        source=f'actloc train, {config.model}',
    )
    path = out / f'{config.name}.safetensors'
    write_checkpoint(path, {k: v.cpu() for k, v in network.state_dict().items()}, entry)
    opened = load_file(config.model, path)
    if measured:
        say(measure(opened, measured, sets.valid, out, device))
    return path


def measure(
    opened: OpenedNetwork,
    recordings: Sequence[Recording],
    known: Sequence[Labelled],
    out: Path,
    device: torch.device,
) -> str:
    """Return how well segments are found, and write them and the truth for `actloc eval`.

    Args:
        opened: The trained network.
        recordings: To find segments in.
        known: What they show.
        out: Folder for `valid_segments.json` and `valid_truth.json`.
        device: Where the network runs.
    """
    labels = opened.entry.labels
    found = [each for r in recordings for each in _find(opened, r, device)]
    rows = [segment for each in known for segment in each.segments]
    _write_truth(out / f'{SUBSET}_truth.json', recordings, rows)
    _write_found(out / f'{SUBSET}_segments.json', recordings, found)
    truth = make_truth('data: valid', [r.name for r in recordings], rows, TruthOptions(labels))
    detected = FoundSegments(opened.entry.name, by_label(found, labels))
    return measure_segments(truth, detected, TIME_PROTOCOLS[PROTOCOL]).text()


def _labelled(sets: Iterable[AnnotatedVideos]) -> list[Labelled]:
    return [
        Labelled(videos, video, segments_of(video)) for videos in sets for video in videos.videos
    ]


def _refuse(labels: Sequence[str], train: Sequence[Labelled], valid: Sequence[Labelled]) -> None:
    """Refuse recordings from which nothing is learned, or that cannot be told apart."""
    if not labels:
        raise AnnotationError('data: train shows no action at any time; there is nothing to learn')
    names = [short_name(each.video.path) for each in (*train, *valid)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise AnnotationError(
            f'data names two recordings {twice}, whose features could not be told apart; rename one'
        )
    shown = [segment.label for each in valid for segment in each.segments]
    unknown = next((label for label in shown if label not in labels), None)
    if unknown is not None:
        raise AnnotationError(f'data: valid shows {unknown!r}, which data: train never does')
    if valid and not shown:
        raise AnnotationError('data: valid shows no action at any time; there is nothing to find')


def _with_features(
    known: Sequence[Labelled], labels: Sequence[str], store: FeatureStore
) -> list[Recording]:
    return [
        make_recording(each.video, store.read(each.videos, each.video), labels, each.segments)
        for each in known
    ]


def _find(opened: OpenedNetwork, recording: Recording, device: torch.device) -> list[Segment]:
    name = opened.entry.architecture
    segments = find_segments(
        recording.features,
        opened.network.to(device),
        LAYOUTS[name].longest,
        RECIPES[name],
        recording.duration,
        device,
    )
    rows = zip(
        segments.spans.tolist(), segments.scores.tolist(), segments.labels.tolist(), strict=True
    )
    return [
        Segment(recording.name, opened.entry.labels[label], start, end, score)
        for (start, end), score, label in rows
    ]


def _write_truth(path: Path, recordings: Sequence[Recording], rows: Sequence[Segment]) -> None:
    """Write when recordings show what, in ActivityNet's layout."""
    database = {
        r.name: {
            'subset': SUBSET,
            'annotations': [
                {'label': s.label, 'segment': [s.start, s.end]} for s in rows if s.video == r.name
            ],
        }
        for r in recordings
    }
    _write_json(path, {'version': 'VERSION 1.3', 'database': database})


def _write_found(path: Path, recordings: Sequence[Recording], rows: Sequence[Segment]) -> None:
    """Write what was found, as ActivityNet's evaluation takes it."""
    results = {
        r.name: [
            {'label': s.label, 'score': s.score, 'segment': [s.start, s.end]}
            for s in rows
            if s.video == r.name
        ]
        for r in recordings
    }
    content = {'version': 'VERSION 1.3', 'results': results, 'external_data': {}}
    _write_json(path, content)


def _write_json(path: Path, content: object) -> None:
    with write_whole(path) as file:
        file.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')

"""Train `people_n`, `skeleton_n` or both on, from settings, and write ONNX files for use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.check import DatasetReport, check_dataset
from actloc_ros.files import write_whole
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.people.open import PeopleNetwork, open_people
from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.restore import restore_people
from actloc_ros.models.skeleton_n.actions import SkeletonSpec
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.models.skeleton_n.restore import restore_skeleton
from actloc_ros.models.storage import find_onnx
from actloc_ros.training.data.recordings import open_sets
from actloc_ros.training.pose.config import PEOPLE_N, POSE_N, SKELETON_N, TuningConfig
from actloc_ros.training.pose.known_actions import Truth
from actloc_ros.training.pose.people import train_people
from actloc_ros.training.pose.skeleton import (
    KnownFrames,
    Supervision,
    last_inputs,
    train_head,
    with_rows,
)
from actloc_ros.training.pose.tracks import read_tracks, with_labels
from actloc_ros.training.pose.weak_labels import WeakTruth, refuse_untimed
from actloc_ros.training.pose.weak_set import bag_tracks, lack_text
from actloc_ros.truth.annotations import AnnotationError
from actloc_ros.truth.faults import FaultKind

THREADS = 1  # of a training: more of them wait for each other


@dataclass(frozen=True)
class Sets:
    """Recordings to train on.

    Attributes:
        train: All of them, or those that are weakly labelled.
        boxes: Those beside weakly labelled ones of which it is known who does what.
    """

    train: list[AnnotatedVideos]
    boxes: list[AnnotatedVideos]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, each once."""
        every = (label for videos in (*self.train, *self.boxes) for label in videos.labels)
        return tuple(dict.fromkeys(every))


def check(config: TuningConfig, folder: Path) -> Sets:
    """Return the recordings that settings in a folder name, and print what is in them.

    Raises:
        AnnotationError: They cannot be used.
    """
    trained, boxed = open_sets(config.data.train, folder), open_sets(config.data.boxes, folder)
    fatal = []
    for name, videos in (*trained.items(), *boxed.items()):
        findings = without_emptiness(check_dataset(videos))
        print(findings.text(), flush=True)
        if findings.fatal:
            fatal.append(name)
    if fatal:
        raise AnnotationError(f'{", ".join(fatal)}: fix what is listed above as errors')
    sets = Sets(list(trained.values()), list(boxed.values()))
    if config.model != PEOPLE_N and not sets.labels:
        raise AnnotationError(f'the recordings have no labels; {SKELETON_N} learns from labels')
    refuse_untimed(trained, config.supervision)
    if config.model != PEOPLE_N:
        refuse_placeless({**({} if config.weak else trained), **boxed})
    return sets


def refuse_placeless(sets: dict[str, AnnotatedVideos]) -> None:
    """Refuse recordings of which it is only known that somebody does something.

    Raises:
        AnnotationError: There are such.
    """
    for name, videos in sets.items():
        if any(video.happenings for video in videos.videos):
            raise AnnotationError(
                f'{name} does not say who does something; say supervision: video, time or points, '
                'and name it under train'
            )


def without_emptiness(findings: DatasetReport) -> DatasetReport:
    """Return a report in which it is no error that there are no boxes, or no labels.

    Without boxes the detector finds people, and without labels `people_n` still learns boxes.
    """
    return replace(
        findings,
        faults=tuple(each for each in findings.faults if each.kind is not FaultKind.NOTHING),
        totals={k: n for k, n in findings.totals.items() if k is not FaultKind.NOTHING},
    )


def train(
    config: TuningConfig, folder: Path, out: Path, people: PeopleNetwork | None = None
) -> list[Path]:
    """Train on, and print what became of each label.

    Args:
        config: The settings.
        folder: Where they lie; recordings and weights are named relative to it.
        out: Folder for the result.
        people: What finds people for `skeleton_n`, where that is open already.

    Returns:
        The files of the trained networks: people_n's, skeleton_n's.

    Raises:
        AnnotationError: Recordings cannot be used.
        ModelError: The weights to start from cannot.
    """
    sets = check(config, folder)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(THREADS)
    written = []
    if config.model in (PEOPLE_N, POSE_N):
        name = config.name if config.model == PEOPLE_N else f'{config.name}_people'
        written.append(_train_people(config, sets.train, folder, out / f'{name}.onnx'))
        config = replace(config, people=str(written[0]))
    if config.model in (SKELETON_N, POSE_N):
        people = people or open_people(_people(config, folder), 'cpu', THREADS)
        written.append(_train_skeleton(config, sets, people, folder, out / f'{config.name}.onnx'))
    return written


def _train_people(
    config: TuningConfig, sets: list[AnnotatedVideos], folder: Path, file: Path
) -> Path:
    start = _start(PEOPLE_N, config.weights, folder)
    try:
        weights = restore_people(start)
    except ValueError as error:
        raise WeightsError(f'"{start}" is no {PEOPLE_N} to train on: {error}') from error
    outcome = train_people(weights.network, sets, config.steps, config.seed)
    print(outcome.text(), flush=True)
    with write_whole(file) as part:
        export_onnx(weights.network, part, weights.threshold)
    return file


def _train_skeleton(
    config: TuningConfig, sets: Sets, people: PeopleNetwork, folder: Path, file: Path
) -> Path:
    start = _start(SKELETON_N, config.weights, folder)
    try:
        network, known = restore_skeleton(start)
    except Exception as error:  # ONNX Runtime's own classes have no common one
        raise WeightsError(f'"{start}" is no {SKELETON_N} to train on: {error}') from error
    spec = with_labels(known, sets.labels)
    network = with_rows(network, len(spec.labels))
    outcomes = train_head(
        network,
        _follow(config, sets, people, network, spec),
        spec.labels,
        len(known.labels),
        spec.thresholds,
        config.seed,
    )
    for outcome in outcomes:
        print(outcome.text(), flush=True)
    changed = {outcome.label: outcome.threshold for outcome in outcomes}
    thresholds = [
        changed.get(label, before)
        for label, before in zip(spec.labels, spec.thresholds, strict=True)
    ]
    with write_whole(file) as part:
        part.write_bytes(to_onnx(network, spec.labels, thresholds))
    return file


def _follow(
    config: TuningConfig,
    sets: Sets,
    people: PeopleNetwork,
    network: SkeletonNet,
    spec: SkeletonSpec,
) -> Supervision:
    """Return what is known of the people in all recordings.

    Raises:
        AnnotationError: Nobody is found.
    """
    truth = partial(WeakTruth, supervision=config.supervision) if config.weak else Truth
    rate, count = config.data.rate, sum(len(videos.videos) for videos in sets.train)
    tracks = read_tracks(sets.train, people, spec, spec.labels, rate, truth)
    tracks += read_tracks(sets.boxes, people, spec, spec.labels, rate, first=count)
    tracks = [track for track in tracks if len(track.stamps) > 1]
    if not tracks:
        raise AnnotationError(f'{config.people} finds nobody in the recordings')
    if not config.weak:
        return KnownFrames(last_inputs(network, tracks))
    known, lack = bag_tracks(network, tracks, sets.train, spec.labels, config.supervision)
    if text := lack_text(lack):
        print(text, flush=True)
    return known


def _people(config: TuningConfig, folder: Path) -> str:
    """Return what finds people; a path counts from the settings' folder."""
    if config.people == PEOPLE_N:
        return PEOPLE_N
    return str(folder / Path(config.people).expanduser())


def _start(name: str, weights: str, folder: Path) -> Path:
    """Return the file to start from.

    Raises:
        ModelError: There is none.
    """
    file = folder / Path(weights).expanduser() if weights else find_onnx(name)
    if file is None or not file.is_file():
        raise ModelError(f'the weights of {name} to start from are not here ({weights or name})')
    return file

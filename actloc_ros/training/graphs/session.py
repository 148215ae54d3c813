"""Train a graph network over joints, from settings, and write a checkpoint that runs live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.check import check_dataset
from actloc_ros.models import registry
from actloc_ros.models.architecture import build_network, load_network
from actloc_ros.models.checkpoints import read_checkpoint, write_checkpoint
from actloc_ros.models.entry import Activation, Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import find_weights
from actloc_ros.models.people.open import PeopleNetwork, open_people
from actloc_ros.models.state_dicts import refuse_not_finite, shapes_of
from actloc_ros.training.config import ConfigError
from actloc_ros.training.data.recordings import open_sets
from actloc_ros.training.graphs.config import GraphConfig
from actloc_ros.training.graphs.fit import (
    ClipSource,
    Say,
    choose_left_out,
    fit,
    measured_clips,
    split,
)
from actloc_ros.training.graphs.tracks import Ends, JointTrack, clip_ends, read_joint_tracks
from actloc_ros.training.initial_weights import label_layers
from actloc_ros.training.pose.config import PEOPLE_N
from actloc_ros.training.pose.session import THREADS, refuse_placeless, without_emptiness
from actloc_ros.training.skeleton_n.labels import YES
from actloc_ros.truth.annotations import AnnotationError

ONE_PERSON = ('stgcnpp_', 'stgcn_')
"""How the names of networks begin that normalize each person alone, so that one is enough."""


@dataclass(frozen=True)
class Sets:
    """Recordings.

    Attributes:
        train: To learn from.
        valid: To choose the best step by; empty: some of `train` are left out.
    """

    train: list[AnnotatedVideos]
    valid: list[AnnotatedVideos]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of those to learn from, each once."""
        return tuple(dict.fromkeys(label for videos in self.train for label in videos.labels))


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the people in recordings.

    Attributes:
        tracks: All of them.
        labels: That are learned.
        taught: Moments to learn from.
        left: Those to measure on.
    """

    tracks: list[JointTrack]
    labels: tuple[str, ...]
    taught: Ends
    left: Ends


def check(config: GraphConfig, folder: Path, say: Say = print) -> Sets:
    """Return the recordings that settings in a folder name, and say what is in them.

    Raises:
        AnnotationError: They cannot be used.
        ConfigError: Those to measure on have other labels.
    """
    trained, measured = open_sets(config.data.train, folder), open_sets(config.data.valid, folder)
    fatal = []
    for name, videos in (*trained.items(), *measured.items()):
        findings = without_emptiness(check_dataset(videos))
        say(findings.text())
        if findings.fatal:
            fatal.append(name)
    if fatal:
        raise AnnotationError(f'{", ".join(fatal)}: fix what is listed above as errors')
    refuse_placeless({**trained, **measured})
    sets = Sets(list(trained.values()), list(measured.values()))
    if not sets.labels:
        raise AnnotationError(f'the recordings have no labels; {config.model} learns from labels')
    for name, videos in measured.items():
        new = [label for label in videos.labels if label not in sets.labels]
        if new:
            raise ConfigError(f'{name} has the label {new[0]!r}, which data: train does not have')
    return sets


def train(
    config: GraphConfig,
    folder: Path,
    out: Path,
    people: PeopleNetwork | None = None,
    say: Say = print,
) -> Path:
    """Train as settings in a folder say; return the checkpoint.

    Args:
        config: The settings.
        folder: Where they lie; recordings and weights are named relative to it.
        out: Folder for the result.
        people: What finds people, where that is open already.
        say: Takes lines for people.

    Raises:
        AnnotationError: Recordings cannot be used.
        ConfigError: Those to measure on have other labels.
        ModelError: What finds people, or the weights to start from, cannot be used.
    """
    sets = check(config, folder, say)
    start = read_start(config, folder)
    known = _known(config, sets, people or _open_people(config, folder), say)
    entry = entry_of(config, known.labels)
    torch.manual_seed(config.seed)
    network = begin_network(entry, start)
    source = ClipSource(known.tracks, known.taught, entry, config.seed)
    valid = measured_clips(known.tracks, known.left, entry)
    step, figures = fit(config, network, source, valid, say)
    say(f'best at step {step}: {figures.text(entry.labels)}')
    out.mkdir(parents=True, exist_ok=True)
    path = out / f'{config.name}.safetensors'
    write_checkpoint(path, network.state_dict(), entry)
    return path


def entry_of(config: GraphConfig, labels: tuple[str, ...]) -> Entry:
    """Return what the checkpoint says of itself: scores are a sigmoid, several labels may hold."""
    known = registry.find_entry(config.model)
    assert known.skeleton is not None
    persons = 1 if config.model.startswith(ONE_PERSON) else known.skeleton.persons
    return replace(
        known,
        name=config.name,
        labels=labels,
        frames=config.frames,
        activation=Activation.SIGMOID,
        multi_label=True,
        url='',
        sha256='',
        licence=config.licence,
        source='actloc train',
        skeleton=replace(known.skeleton, stream=config.stream, persons=persons),
    )


def read_start(config: GraphConfig, folder: Path) -> dict[str, Tensor]:
    """Return the tensors to start from, without those of the last layer; none for random ones.

    Raises:
        WeightsError: There is no such checkpoint, or it is of another network.
    """
    if not config.weights:
        return {}
    architecture, path = registry.architectures()[config.model], _weights_file(config, folder)
    state = read_checkpoint(path).state
    classes = architecture.classes(shapes_of(state))
    if classes is None:
        raise WeightsError(f'"{path}" is no {config.model}{_what_it_is(state)}')
    entry = registry.entry_for(architecture, classes)
    try:
        given = load_network(architecture, entry, state).state_dict()
    except WeightsError as error:
        raise WeightsError(f'"{path}" does not fit {config.model}:\n{error}') from error
    refuse_not_finite(state, path)
    last = label_layers(architecture, entry)
    return {key: value for key, value in given.items() if key not in last}


def begin_network(entry: Entry, start: Mapping[str, Tensor]) -> nn.Module:
    """Return the network to train: random but for the tensors to start from."""
    network = build_network(registry.architectures()[entry.architecture], entry)
    network.load_state_dict({**network.state_dict(), **start})
    return network


def _what_it_is(state: Mapping[str, Tensor]) -> str:
    found = registry.identify(state)
    return f' but {found[0].name}' if found else ''


def _weights_file(config: GraphConfig, folder: Path) -> Path:
    """Return the checkpoint to start from: a file relative to the settings, or a published one."""
    file = folder / Path(config.weights).expanduser()
    if file.is_file() or config.weights not in registry.entries():
        return file
    found = find_weights(registry.find_entry(config.model), config.weights)
    assert found is not None
    return found


def _open_people(config: GraphConfig, folder: Path) -> PeopleNetwork:
    """Open what finds people; a path counts from the settings' folder.

    Raises:
        ConfigError: It finds no joints.
    """
    here = folder / Path(config.people).expanduser()
    people = open_people(str(here) if here.is_file() else config.people, 'cpu', THREADS)
    if not people.has_joints:
        raise ConfigError(f'people: {config.people} finds no joints; take {PEOPLE_N}')
    return people


def _known(config: GraphConfig, sets: Sets, people: PeopleNetwork, say: Say) -> Known:
    """Follow the people of all recordings, and divide what is known of them.

    Raises:
        AnnotationError: Nobody is found who does anything, or no recording can be left out.
    """
    rate, count = config.data.rate, sum(len(videos.videos) for videos in sets.train)
    tracks = read_joint_tracks(sets.train, people, sets.labels, rate)
    tracks += read_joint_tracks(sets.valid, people, sets.labels, rate, count)
    ends = clip_ends(tracks)
    if not (ends.targets == YES).any():
        raise AnnotationError(f'{config.people} finds nobody who does what the labels say')
    out = choose_left_out(ends, config.seed)
    if sets.valid:
        out = list(range(count, count + sum(len(videos.videos) for videos in sets.valid)))
    taught, left = split(ends, out)
    if not len(left.tracks) or not (taught.targets == YES).any():
        raise AnnotationError(
            'no recording can be left out to choose the best step by: give two or more that show'
            ' each label, or name others in data: valid'
        )
    say(f'{len(taught.tracks)} moments to learn from, {len(left.tracks)} of recordings left out')
    return _of_shown(tracks, sets.labels, taught, left, say)


def _of_shown(
    tracks: list[JointTrack], labels: tuple[str, ...], taught: Ends, left: Ends, say: Say
) -> Known:
    """Return what is known of those labels that somebody shows in what is learned from."""
    shown = (taught.targets == YES).any(0)
    lacking = [label for label, found in zip(labels, shown, strict=True) if not found]
    if lacking:
        say(f'not learned, since nobody is found who does it: {", ".join(lacking)}')
    kept = tuple(label for label in labels if label not in lacking)
    return Known(
        tracks,
        kept,
        replace(taught, targets=taught.targets[:, shown]),
        replace(left, targets=left.targets[:, shown]),
    )

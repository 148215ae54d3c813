"""Add `actloc train`: train a model on labelled recordings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

T = TypeVar('T')

SETTINGS = ('.yaml', '.yml')
CLASSIFIER_OPTIONS = ('model', 'labels', 'whole_image', 'seed')


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'train',
        help='train a model',
        description='Train a network as SETTINGS.yaml says, or go on with a training that was '
        'stopped: OUT is a folder for checkpoints, curves and the model. Or train the classifier '
        '--model on DATA: a folder with a folder of recordings for each label, or '
        'annotations.json (or the folder it lies in) as `actloc synth` writes it; OUT is a file.',
    )
    parser.add_argument('data', type=Path, metavar='SETTINGS.yaml|DATA')
    parser.add_argument('--out', type=Path, metavar='OUT')
    networks = parser.add_argument_group('networks')
    networks.add_argument(
        '--check', action='store_true', help='check settings and recordings, then stop'
    )
    classifiers = parser.add_argument_group('classifiers')
    classifiers.add_argument('--model', choices=sorted(TRAINERS))
    classifiers.add_argument('--labels', nargs='+', help='default: all there are')
    classifiers.add_argument(
        '--whole-image',
        action='store_true',
        default=None,
        help='recordings in folders are cut to the actors already: follow no one in them',
    )
    classifiers.add_argument('--seed', type=int, help='default: 0')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train a network or the chosen classifier."""
    if args.data.suffix.lower() in SETTINGS:
        return train_network(args)
    if args.model is None:
        raise ValueError(
            f'{args.data}: give settings (.yaml) to train a network, or --model hog-hof to train '
            'a classifier on a folder of recordings'
        )
    if args.check:
        raise ValueError('--check is for networks: give settings (.yaml)')
    if args.out is None or args.out.suffix != '.safetensors' or not args.out.parent.is_dir():
        raise ValueError(f'--out {args.out}: give a .safetensors file in a folder that exists')
    return TRAINERS[args.model](args)


def train_network(args: argparse.Namespace) -> int:
    """Train a network as settings say."""
    for option in CLASSIFIER_OPTIONS:
        if getattr(args, option) is not None:
            name = option.replace('_', '-')
            raise ValueError(f'--{name} is for classifiers: {args.data} says all of a network')
    if args.check == (args.out is not None):
        raise ValueError('give either --out FOLDER, to train, or --check')
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise ValueError(f'--out {args.out} is a file; give a folder')
    # Imported here alone: no other command needs PyTorch for it.
    from actloc_ros.training.actionformer.config import is_segment_training
    from actloc_ros.training.config import model_of, read_config
    from actloc_ros.training.graphs.config import is_graph_training
    from actloc_ros.training.pose.config import is_tuning, refuse_supervision
    from actloc_ros.training.sound.config import SOUND
    from actloc_ros.training.sound.fusion import SOUND_FUSION

    refuse_supervision(args.data)
    if model_of(args.data) == SOUND:
        return train_sound(args)
    if model_of(args.data) == SOUND_FUSION:
        return train_fusion(args)
    if is_segment_training(args.data):
        return train_segments(args)
    if is_graph_training(args.data):
        return train_graph(args)
    if is_tuning(args.data):
        return train_on(args)
    from actloc_ros.training.session import check, train

    config = read_config(args.data)
    if args.check:
        check(config, args.data.parent)
        return 0
    path = train(config, args.data.parent, args.out)
    if path is not None:
        print(path)
    return 0


def train_on(args: argparse.Namespace) -> int:
    """Train the networks of `pose_n` on."""
    from actloc_ros.training.pose.config import read_tuning
    from actloc_ros.training.pose.session import check, train

    config = read_tuning(args.data)
    if args.check:
        check(config, args.data.parent)
        return 0
    for path in train(config, args.data.parent, args.out):
        print(path)
    return 0


def train_segments(args: argparse.Namespace) -> int:
    """Train ActionFormer."""
    from actloc_ros.training.actionformer.config import read_segment_config
    from actloc_ros.training.actionformer.session import check, train

    return check_or_train(args, read_segment_config(args.data), check, train)


def train_graph(args: argparse.Namespace) -> int:
    """Train a graph network over joints."""
    from actloc_ros.training.graphs.config import read_graph_config
    from actloc_ros.training.graphs.session import check, train

    return check_or_train(args, read_graph_config(args.data), check, train)


def train_sound(args: argparse.Namespace) -> int:
    """Train a small classifier of sounds."""
    from actloc_ros.training.sound.config import read_sound_config
    from actloc_ros.training.sound.fit import check, train

    return check_or_train(args, read_sound_config(args.data), check, train)


def train_fusion(args: argparse.Namespace) -> int:
    """Learn the weights by which sounds change actions."""
    from actloc_ros.training.sound.fusion import check, read_fusion_config, train

    return check_or_train(args, read_fusion_config(args.data), check, train)


def check_or_train(
    args: argparse.Namespace,
    config: T,
    check: Callable[[T, Path], object],
    train: Callable[[T, Path, Path], Path],
) -> int:
    """Check the settings of a training, or train by them and print what was written."""
    if args.check:
        check(config, args.data.parent)
    else:
        print(train(config, args.data.parent, args.out))
    return 0


def train_hog_hof(args: argparse.Namespace) -> int:
    """Train the linear classifier of HOG and HOF descriptors."""
    from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
    from actloc_ros.training.hog_hof.fit import fit, read_samples

    settings = DescriptorSettings()
    seed = args.seed or 0
    samples = read_samples(args.data, settings, bool(args.whole_image), args.labels or [], seed)
    for path in samples.unused:
        print(f'not used, no actor found: {path}')
    classifier = fit(samples, settings, seed)
    classifier.save(args.out)
    videos = len(np.unique(samples.videos))
    print(f'{len(samples.truth)} clips of {videos} videos, {len(samples.labels)} labels')
    print(args.out)
    return 0


TRAINERS = {'hog-hof': train_hog_hof}

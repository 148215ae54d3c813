"""Add `actloc train`: train a model on labelled recordings."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'train',
        help='train a model',
        description='Train a model on DATA: a folder with a folder of recordings for each label, '
        'or annotations.json (or the folder it lies in) as `actloc synth` writes it.',
    )
    parser.add_argument('data', type=Path, metavar='DATA')
    parser.add_argument('--model', choices=sorted(TRAINERS), required=True)
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.safetensors')
    parser.add_argument('--labels', nargs='+', default=[], help='default: all there are')
    parser.add_argument(
        '--whole-image',
        action='store_true',
        help='recordings in folders are cut to the actors already: follow no one in them',
    )
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train the chosen model."""
    if args.out.suffix != '.safetensors' or not args.out.parent.is_dir():
        raise ValueError(f'--out {args.out}: give a .safetensors file in a folder that exists')
    return TRAINERS[args.model](args)


def train_hog_hof(args: argparse.Namespace) -> int:
    """Train the linear classifier of HOG and HOF descriptors."""
    from actloc_ros.models.hog_hof_descriptor import Settings
    from actloc_ros.training.hog_hof import fit, read_samples

    settings = Settings()
    samples = read_samples(args.data, settings, args.whole_image, args.labels)
    for path in samples.unused:
        print(f'not used, no actor found: {path}')
    classifier = fit(samples, settings, args.seed)
    classifier.save(args.out)
    videos = len(np.unique(samples.videos))
    print(f'{len(samples.truth)} clips of {videos} videos, {len(samples.labels)} labels')
    print(args.out)
    return 0


TRAINERS = {'hog-hof': train_hog_hof}

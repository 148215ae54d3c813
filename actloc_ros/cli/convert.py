"""Turn a published checkpoint into safetensors that say themselves how to use them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from actloc_ros.files import read_text, refuse_input
from actloc_ros.models import registry
from actloc_ros.models.checkpoints import read_checkpoint, write_checkpoint
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import load_file
from actloc_ros.models.storage import cache_folder


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'convert',
        help='turn a checkpoint into safetensors',
        description='Turn a checkpoint as papers publish it into safetensors, with all that is '
        'needed to use it (labels, preprocessing, rate, thresholds, licence) embedded.',
    )
    parser.add_argument('file', type=Path, help='the checkpoint')
    parser.add_argument(
        '--model', default='', help='what it is (default: the architecture that it fits)'
    )
    parser.add_argument(
        '--out', type=Path, help='file to write (default: where `actloc download` keeps the model)'
    )
    parser.add_argument('--labels', type=Path, help='text file with an action name a line')
    parser.add_argument('--licence', help='of the weights')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert, and print what it was taken for and where it is."""
    opened = load_file(arguments.model or fitting(arguments.file).name, arguments.file)
    entry = opened.entry
    if arguments.labels:
        entry = replace(entry, labels=read_labels(arguments.labels, len(entry.labels)))
    if arguments.licence:
        entry = replace(entry, licence=arguments.licence)
    out = arguments.out or cache_folder() / f'{entry.name}.safetensors'
    refuse_input(out, arguments.file, *filter(None, [arguments.labels]))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(out, opened.network.state_dict(), entry)
    print(f'{entry.architecture}, {len(entry.labels)} classes, {entry.licence}: {out}')
    return 0


def fitting(file: Path) -> Entry:
    """Return the entry of the architecture that a file fits.

    Raises:
        WeightsError: It fits none, or two that no file tells apart.
    """
    checkpoint = read_checkpoint(file)
    if checkpoint.entry is not None:
        return checkpoint.entry
    found = registry.identify(checkpoint.state)
    if found is None:
        raise WeightsError(
            f'"{file}" fits no architecture known here; name one with --model to list what differs'
        )
    twin = f'{found[0].name}_quickgelu'
    if twin in registry.architectures():
        raise WeightsError(
            f'"{file}" fits {found[0].name} and {twin}, which differ in an activation that no file'
            ' names: OpenAI, LAION-400M and MetaCLIP trained with QuickGELU, LAION-2B and DataComp'
            ' without; say which with --model'
        )
    return found[1]


def read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Return the names in a text file, one a line.

    Raises:
        WeightsError: There are not as many as the network has classes, or one comes twice.
    """
    labels = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if len(labels) != classes:
        raise WeightsError(f'"{path}" has {len(labels)} labels; the network has {classes} classes')
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise WeightsError(f'"{path}" has the label "{twice}" twice')
    return labels

"""Fetch the published weights of a model."""

from __future__ import annotations

import argparse

from actloc_ros.models import registry
from actloc_ros.models.detectors.torchvision_detectors import find_detector, load_detector
from actloc_ros.models.download import DownloadError, download, file_hash
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.loading import load_file
from actloc_ros.models.storage import find_stored


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'download',
        help="fetch a model's published weights",
        description='Fetch the published weights of a model into ~/.cache/actloc_ros, check their '
        'SHA-256 and that they fit. An interrupted download goes on where it stopped.',
    )
    parser.add_argument(
        'model', help='a name that `actloc models` lists, or a detector of two-stage models'
    )
    known = parser.add_mutually_exclusive_group()
    known.add_argument('--sha256', default='', help='what the file must have, where none is known')
    known.add_argument(
        '--unverified', action='store_true', help='take a file whose SHA-256 nobody knows'
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, check, and print where the file is and what its hash is."""
    detector = find_detector(arguments.model)
    entry = detector or registry.find_entry(arguments.model)
    stored = find_stored(entry)
    if stored is not None:
        print(f'{stored} is here already')
        return 0
    expected = entry.sha256 or arguments.sha256
    if entry.url and not expected and not arguments.unverified:
        raise DownloadError(
            f'the authors of {entry.name} state no SHA-256: give one that you trust with --sha256,'
            ' or --unverified to take the file as it comes (it can run no code in any case)'
        )
    path = download(entry, expected)
    try:
        if detector:
            load_detector(detector, path)
        else:
            load_file(entry.name, path)
    except WeightsError:
        path.unlink()
        raise
    print(f'{path}\nSHA-256 {file_hash(path)}{"" if expected else " (not verified)"}')
    return 0

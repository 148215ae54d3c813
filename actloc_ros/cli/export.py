"""Write a model in a form for other runtimes."""

from __future__ import annotations

import argparse
from pathlib import Path

from actloc_ros.files import refuse_input, write_whole
from actloc_ros.models.export import FORMATS, ONNX, export
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.people.exported import describe_exported


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'export',
        help='write a model in a form for other runtimes',
        description='Write a network for another runtime, with its entry inside, and compare it '
        'with the original on a random clip. Input is a preprocessed clip (batch, 3, K, H, W); '
        'outputs are raw, before activation and decoding, but for RTMDet and RTMO as ONNX: what '
        'they find. Beside an ONNX file that finds people lies its description, so that it is a '
        'people network.',
    )
    parser.add_argument('model', help='a name that `actloc models` lists')
    parser.add_argument('--format', choices=FORMATS, default='onnx', help='default: onnx')
    parser.add_argument('--weights', default='', help='a checkpoint (default: the downloaded one)')
    parser.add_argument('--random-weights', action='store_true', help='export without a checkpoint')
    parser.add_argument('--batch', type=int, default=1, help='clips at once (default: 1)')
    parser.add_argument('--out', type=Path, help='file to write (default: ./MODEL with a suffix)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export, and print where the file is and how far it is from the original."""
    if arguments.batch < 1:
        raise ValueError(f'--batch is {arguments.batch}; it must be 1 or more')
    opened = open_network(arguments.model, arguments.weights, arguments.random_weights)
    path = arguments.out or Path(opened.entry.name + FORMATS[arguments.format].suffix)
    refuse_input(path, *filter(None, [arguments.weights]))
    with write_whole(path) as file:
        difference = export(opened, arguments.format, file, arguments.batch)
    print(f'{path}: differs from the original by {difference:.1e} of the largest value')
    if arguments.format == ONNX and arguments.batch == 1:
        _describe(opened, path)
    return 0


def _describe(opened: OpenedNetwork, path: Path) -> None:
    """Write the description of an ONNX file beside it, if it is a people network."""
    described = describe_exported(opened.architecture, opened.entry, path)
    if described is not None:
        beside = path.with_suffix('.yaml')
        described.write(beside)
        print(f'{beside}: its description, as people network')

"""Make one page of an index that a browser shows without any network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from actloc_ros.cli.summarize import add_selection, read_selected
from actloc_ros.files import OutputError, refuse_input

SUFFIXES = ('.html', '.htm')
DEFAULT_SIZE = 32.0  # MB


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'report',
        help='make a page of an index: timeline, clips, figures',
        description='Write one HTML page that holds all it shows and needs no network.',
    )
    add_selection(parser)
    parser.add_argument(
        '--out', type=Path, required=True, metavar='PAGE', help='the page to write: .html'
    )
    parser.add_argument('--title', help='its title (default: the name of the index)')
    parser.add_argument(
        '--clips',
        choices=('inline', 'beside', 'none'),
        default='inline',
        help='inline (default): in the page, as many as --size allows; beside: all, in a folder '
        'beside the page; none',
    )
    parser.add_argument(
        '--size',
        type=float,
        default=DEFAULT_SIZE,
        metavar='MB',
        help='of thumbnails and clips in the page (default: %(default)g)',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page, and print where it is."""
    from actloc_ros.recordings.index.open import open_index
    from actloc_ros.recordings.report.page import write_report
    from actloc_ros.recordings.report.page_data import ReportOptions

    if arguments.out.suffix.lower() not in SUFFIXES:
        raise OutputError(f'{arguments.out} is no name of a page; end it with .html')
    if not 0 < arguments.size <= 1000:
        raise ValueError(f'--size is {arguments.size:g} MB; expected more than 0, at most 1000')
    title = arguments.title or arguments.folder.resolve().name
    with open_index(arguments.folder) as index:
        tables, clock = read_selected(index, arguments)
        refuse_input(arguments.out, *{view.path for view in tables.views.values()})
        facts = write_report(
            index,
            tables,
            arguments.out,
            clock,
            ReportOptions(title, arguments.clips, arguments.size),
            lambda moments: tqdm(moments, desc='clips', unit='clip', disable=None),
        )
    for fault in facts.faults:
        print(f'no clips: {fault}', file=sys.stderr)
    print(
        f'{arguments.out}: {facts.instances:,} actions, {facts.thumbnails:,} with a thumbnail, '
        f'{facts.playable:,} with a clip',
        file=sys.stderr,
    )
    print(arguments.out)
    return 0

"""Sum up an index: a text, a timeline, a heat map, and a reel of highlights."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actloc_ros.files import OutputError, refuse_input, write_whole

if TYPE_CHECKING:
    from actloc_ros.recordings.index.open import Index
    from actloc_ros.recordings.summary.clock import Clock
    from actloc_ros.recordings.summary.interest import Events
    from actloc_ros.recordings.summary.moments import Moment
    from actloc_ros.recordings.summary.objective import Choice
    from actloc_ros.recordings.summary.tables import Tables

LONGEST_REEL = 86_400.0  # s


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'summarize',
        help='sum up an index: text, timeline, heat map, highlights',
        description='Sum up an index of recordings. Prints who did what, how often, for how long, '
        'first and last, and what is unusual, as Markdown.',
    )
    add_selection(parser)
    parser.add_argument('--json', action='store_true', help='print JSON in place of Markdown')
    parser.add_argument('--text', type=Path, metavar='FILE', help='write the Markdown to a file')
    parser.add_argument(
        '--timeline', type=Path, metavar='FILE', help='draw who does what when: .svg or .png'
    )
    parser.add_argument(
        '--heat-map', type=Path, metavar='FILE', help='draw when and where: .svg or .png'
    )
    parser.add_argument(
        '--seconds', type=float, metavar='S', help='choose highlights of this length'
    )
    parser.add_argument('--out', type=Path, metavar='VIDEO', help='write the highlights as a video')
    parser.set_defaults(run=run)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which part of an index is meant."""
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='an index')
    parser.add_argument('--model', default='', help='whose results, of an index with several')
    parser.add_argument(
        '--weights', default='', metavar='DIGITS', help="first digits of its weights' SHA-256"
    )
    parser.add_argument('--camera', action='append', default=[], help='only this one; repeatable')
    parser.add_argument('--from', dest='since', metavar='TIME', help='2026-03-01 or …T14:05')
    parser.add_argument('--to', dest='until', metavar='TIME', help='before this time')
    parser.add_argument(
        '--timezone', default='', metavar='NAME', help="e.g. Europe/Berlin (default: the machine's)"
    )
    parser.add_argument(
        '--least-score', type=float, default=0.0, metavar='P', help='leave out lower scores'
    )


def read_selected(index: Index, arguments: argparse.Namespace) -> tuple[Tables, Clock]:
    """Return the part of an index that the options choose, and the clock that names its times."""
    from actloc_ros.recordings.summary.clock import find_clock
    from actloc_ros.recordings.summary.tables import Selection, read_tables

    if not 0 <= arguments.least_score <= 1:
        raise ValueError(f'--least-score is {arguments.least_score}; expected 0 to 1')
    clock = find_clock(arguments.timezone)
    selection = Selection(
        arguments.model,
        arguments.weights,
        tuple(arguments.camera),
        None if arguments.since is None else clock.parse(arguments.since),
        None if arguments.until is None else clock.parse(arguments.until),
        arguments.least_score,
    )
    return read_tables(index.connection, selection, clock), clock


def run(arguments: argparse.Namespace) -> int:
    """Print and write what is asked for."""
    from actloc_ros.recordings.index.open import open_index

    _check(arguments)
    with open_index(arguments.folder) as index:
        tables, clock = read_selected(index, arguments)
        for out in (arguments.text, arguments.timeline, arguments.heat_map, arguments.out):
            if out is not None:
                refuse_input(out, *{view.path for view in tables.views.values()})
        _sum_up(arguments, index, tables, clock)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from actloc_ros.recordings.summary.figure import check_suffix
    from actloc_ros.recordings.summary.moments import SHORTEST

    if arguments.out is not None and arguments.seconds is None:
        raise ValueError('--out needs the length of the video: --seconds S')
    if arguments.seconds is not None and not SHORTEST <= arguments.seconds <= LONGEST_REEL:
        raise ValueError(
            f'--seconds is {arguments.seconds:g}; expected {SHORTEST:g} to {LONGEST_REEL:g}'
        )
    for out in (arguments.timeline, arguments.heat_map):
        if out is not None:
            check_suffix(out)


def _sum_up(arguments: argparse.Namespace, index: Index, tables: Tables, clock: Clock) -> None:
    from actloc_ros.recordings.summary.figure import write_figure
    from actloc_ros.recordings.summary.heat_map import draw_heat_map
    from actloc_ros.recordings.summary.highlights import highlights_json, highlights_markdown
    from actloc_ros.recordings.summary.interest import find_events
    from actloc_ros.recordings.summary.markdown import summary_markdown
    from actloc_ros.recordings.summary.statistics import sum_up, summary_json
    from actloc_ros.recordings.summary.timeline import draw_timeline

    events = find_events(tables)
    summary = sum_up(tables, events, clock)
    moments, choice = _choose(arguments, tables, events)
    if arguments.timeline is not None:
        write_figure(draw_timeline(tables, clock), arguments.timeline)
    if arguments.heat_map is not None:
        write_figure(draw_heat_map(tables, clock), arguments.heat_map)
    if arguments.out is not None:
        _write_reel(arguments.out, index, tables, moments, clock)
    text = summary_markdown(summary, clock)
    values: dict[str, Any] = summary_json(summary, clock)
    if choice is not None:
        text += '\n' + highlights_markdown(moments, choice, tables, events, clock)
        values['highlights'] = highlights_json(moments, choice, tables, events, clock)
    if arguments.text is not None:
        _write_text(arguments.text, text)
    if arguments.json:
        json.dump(values, sys.stdout, indent=1)
        print()
    elif arguments.text is None:
        print(text, end='')


def _choose(
    arguments: argparse.Namespace, tables: Tables, events: Events
) -> tuple[list[Moment], Choice | None]:
    from actloc_ros.recordings.summary.moments import LONGEST, find_moments
    from actloc_ros.recordings.summary.objective import Objective, choose
    from actloc_ros.recordings.summary.reel import in_order

    if arguments.seconds is None:
        return [], None
    moments = find_moments(events, tables.views, min(LONGEST, arguments.seconds))
    choice = choose(Objective(events, moments), moments, arguments.seconds)
    return in_order([moments[n] for n in choice.moments], tables.views), choice


def _write_reel(
    out: Path, index: Index, tables: Tables, moments: Sequence[Moment], clock: Clock
) -> None:
    from actloc_ros.recordings.summary.reel import write_reel

    length = write_reel(out, moments, tables, index, clock)
    print(f'{out}: {len(moments)} highlights, {length:.1f} s', file=sys.stderr)


def _write_text(path: Path, text: str) -> None:
    if not path.parent.exists():
        raise OutputError(f'{path} cannot be written: there is no folder {path.parent}')
    with write_whole(path) as file:
        file.write_text(text, 'utf-8', errors='replace')

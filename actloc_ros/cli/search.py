"""Find moments in an index of recordings, and write them as lists, clips or bags."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from actloc_ros.recordings.search.query import QueryError

if TYPE_CHECKING:  # what takes time is imported when it is needed
    from actloc_ros.recordings.index.open import Index
    from actloc_ros.recordings.search.engine import Hits, Searcher
    from actloc_ros.recordings.search.similar import Example

SORTS = ('time', 'newest', 'score', 'duration')
BY = ('motion', 'appearance')
LIMIT = 100


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'search',
        help='find who did what, where and when, in an index',
        description='Find moments in an index made by `actloc index`. A query reads like: walking '
        'then falling within 10 s and camera hall. doc/recordings.md has the grammar.',
    )
    parser.add_argument('folder', help='the index')
    parser.add_argument('query', nargs='?', help='what to find')
    parser.add_argument(
        '--like',
        metavar='EXAMPLE',
        help='find what looks alike: RECORDING@12.4s of the index (or RECORDING@12.4s#TRACK), an '
        'image or a video; of those that fulfil the query, if there is one',
    )
    parser.add_argument(
        '--weights', metavar='FILE', help="for --like FILE: the model's, if they are not its own"
    )
    parser.add_argument(
        '--text',
        metavar='WORDS',
        help='find who looks like words, in an index made with --words; of those that fulfil the '
        'query, if there is one',
    )
    parser.add_argument(
        '--by',
        choices=BY,
        default=BY[0],
        help='for --like: what is alike (default: %(default)s; appearance: in an index made with '
        '--words)',
    )
    parser.add_argument(
        '--words-weights',
        metavar='FILE',
        help='checkpoint of the network of words that the index was made with',
    )
    parser.add_argument(
        '--limit', type=int, default=LIMIT, metavar='N', help='most hits (default: %(default)s)'
    )
    parser.add_argument(
        '--sort', choices=SORTS, help='default: time, by recording; with --like by likeness'
    )
    parser.add_argument(
        '--timezone',
        metavar='NAME',
        help='of dates and times of day, such as Europe/Berlin (default: of this computer)',
    )
    parser.add_argument('--json', action='store_true', help='print an object a line')
    parser.add_argument('--m3u', metavar='FILE', help='write a playlist, and one for mpv (.edl)')
    parser.add_argument('--webvtt', metavar='FOLDER', help='write chapters of each recording')
    parser.add_argument('--clips', metavar='FOLDER', help='cut a clip of each hit')
    parser.add_argument(
        '--exact', action='store_true', help='encode clips again, to begin and end to the frame'
    )
    parser.add_argument('--bag', metavar='FOLDER', help='cut bags to the times of hits')
    parser.add_argument(
        '--margin', type=float, default=0.0, metavar='S', help='to keep beside clips and in bags'
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search; hits go to the output, and what was taken for what to the error output."""
    from actloc_ros.recordings.index.open import open_index
    from actloc_ros.recordings.search.engine import Searcher

    _check(arguments)
    with open_index(arguments.folder) as index:
        searcher = Searcher(index.connection, arguments.timezone)
        try:
            found = _search(arguments, index, searcher)
        except QueryError as error:
            _point(arguments.query, error.column)
            raise
        for text in (*map(str, found.meanings), *found.notes):
            print(text, file=sys.stderr)
        _show(arguments, found, searcher)
        _write(arguments, found, index)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not (arguments.query or arguments.like or arguments.text):
        raise QueryError('name what to find: a query, --like or --text; see actloc search --help')
    if arguments.like and arguments.text:
        raise QueryError('--like and --text are two ways to find what is alike; give one')
    if arguments.by != BY[0] and not arguments.like:
        raise QueryError('--by is about --like; give that too')
    if arguments.limit < 1:
        raise QueryError(f'--limit is {arguments.limit}; the least is 1')
    if not 0 <= arguments.margin < float('inf'):
        raise QueryError(f'--margin is {arguments.margin}; it is a time in s from 0 on')
    if arguments.exact and not arguments.clips:
        raise QueryError('--exact is about clips; give --clips too')
    if arguments.m3u:
        from actloc_ros.recordings.search.playlist import check_playlist

        check_playlist(Path(arguments.m3u))
    if (arguments.like or arguments.text) and arguments.sort:
        raise QueryError('with --like and --text hits are sorted by likeness; leave out --sort')


def _search(arguments: argparse.Namespace, index: Index, searcher: Searcher) -> Hits:
    if arguments.text:
        from actloc_ros.recordings.search.embedding import example_of_text
        from actloc_ros.recordings.search.similar import search_like

        example, said = example_of_text(index, arguments.text, arguments.words_weights)
        found = search_like(index, searcher, [example], arguments.query, arguments.limit)
        return replace(found, notes=(*found.notes, said))
    if arguments.like:
        from actloc_ros.recordings.search.similar import search_like

        examples = _examples(arguments, index, searcher)
        return search_like(index, searcher, examples, arguments.query, arguments.limit)
    return searcher.search(arguments.query, arguments.limit, arguments.sort or 'time')


def _examples(arguments: argparse.Namespace, index: Index, searcher: Searcher) -> list[Example]:
    from actloc_ros.recordings.search.similar import By, example_at, moment_of

    path, moment = Path(arguments.like), moment_of(arguments.like)
    by = By[arguments.by.upper()]
    if moment is not None and not path.exists():
        recording, time, track = moment
        if Path(recording).exists():  # the index has absolute paths
            recording = os.path.abspath(recording)
        if by is By.APPEARANCE and not index.words():
            from actloc_ros.recordings.search.embedding import WITHOUT

            raise QueryError(WITHOUT)
        return example_at(index, searcher, recording, time, track, by)
    if by is By.APPEARANCE:
        from actloc_ros.recordings.search.embedding import example_of_image

        return example_of_image(index, path, arguments.words_weights)
    from actloc_ros.recordings.search.examples import examples_of

    return examples_of(index, path, arguments.weights)


def _point(query: str | None, column: int | None) -> None:
    """Show where in a query a fault is."""
    if query and column is not None and query.isprintable():
        print(f'  {query}\n  {" " * (column - 1)}^', file=sys.stderr)


def _show(arguments: argparse.Namespace, found: Hits, searcher: Searcher) -> None:
    from actloc_ros.recordings.search.lines import as_json, table

    if arguments.json:
        for hit in found.hits:
            print(as_json(hit, searcher.clock))
    elif found.hits:
        print('\n'.join(table(found.hits, searcher.clock)))
    count = len(found.hits)
    more = f', and there are more: --limit {arguments.limit} left them out' if found.more else ''
    print(f'{count or "no"} hit{"s" * (count != 1)}{more}', file=sys.stderr)


def _write(arguments: argparse.Namespace, found: Hits, index: Index) -> None:
    if arguments.m3u:
        from actloc_ros.recordings.search.playlist import write_playlist

        left = write_playlist(Path(arguments.m3u), found.hits)
        if left:
            print(
                f'actloc: warning: {left} hits are in no videos, and not in {arguments.m3u}',
                file=sys.stderr,
            )
    if arguments.webvtt:
        from actloc_ros.recordings.search.playlist import write_chapters

        for path in write_chapters(Path(arguments.webvtt), found.hits):
            print(path, file=sys.stderr)
    if arguments.clips:
        from actloc_ros.recordings.search.clips import write_clips

        for path in write_clips(
            Path(arguments.clips), found.hits, index, arguments.exact, arguments.margin
        ):
            print(path, file=sys.stderr)
    if arguments.bag:
        from actloc_ros.recordings.search.bag_cut import write_bags

        for path in write_bags(Path(arguments.bag), found.hits, arguments.margin):
            print(path, file=sys.stderr)

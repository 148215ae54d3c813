"""Add `actloc annotate`: annotate a recording by a model, for people to correct."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actloc_ros.recordings.annotate.session import AnnotateOutcome

# As `session.FORMATS`, which is imported when there is something to write.
FORMATS = (
    *('cvat', 'ava', 'activitynet', 'mot', 'coco-video', 'webvtt', 'elan', 'actloc', 'foxglove'),
)
OVERRIDES = ('model', 'weights', 'device')
RATE, WITHIN, BELOW = 30.0, 2.0, 0.6
SHOWN = 20  # stretches that are listed


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'annotate',
        help='annotate a recording by a model, for people to correct',
        description='Localize actions in a recording, and write who does what, where and when in '
        'a format that annotation tools, players or trainings read. Or compare two annotations.',
    )
    parser.add_argument('recording', nargs='?', help='a video, a folder of images, or a bag')
    parser.add_argument('--to', choices=FORMATS, default='cvat', help='default: %(default)s')
    parser.add_argument(
        '--out', type=Path, metavar='PATH', help='file to write; of ava and mot a folder'
    )
    parser.add_argument('--model', help='the localizer (default: pose_n)')
    parser.add_argument('--weights', help="its checkpoint (default: the model's own)")
    parser.add_argument('--device', help='cpu, cuda, cuda:N or auto (default)')
    parser.add_argument('--params', metavar='FILE', help='parameter file of the node')
    parser.add_argument('--topic', help='image topic, where the recording is a bag with several')
    parser.add_argument('--camera', default='', help="the camera's name in the messages")
    parser.add_argument(
        '--rate',
        type=float,
        default=RATE,
        metavar='HZ',
        help='rate of a folder of images (default: %(default)s)',
    )
    parser.add_argument(
        '--within',
        type=float,
        default=WITHIN,
        metavar='PX',
        help='how far a line between key frames may be from the boxes (default: %(default)s)',
    )
    parser.add_argument(
        '--review',
        type=float,
        default=BELOW,
        metavar='CONFIDENCE',
        help='what is marked for review lies below it, from 0 to 1 (default: %(default)s)',
    )
    parser.add_argument(
        '--review-first',
        action='store_true',
        help='put the actors that the model is least certain of first, and list what is doubtful',
    )
    parser.add_argument(
        '--agreement',
        nargs=2,
        type=Path,
        metavar=('A', 'B'),
        help='compare two annotations of the same recordings (.xml of CVAT, or .json of actloc)',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Annotate or compare; print what came of it."""
    if arguments.agreement:
        if arguments.recording or arguments.out:
            raise ValueError('--agreement compares two annotations; give no recording and no --out')
        return _compare(*arguments.agreement)
    if not arguments.recording or not arguments.out:
        raise ValueError('give a recording and --out, or --agreement with two annotations')
    if not arguments.within >= 0:
        raise ValueError(f'--within is {arguments.within}; it must be 0 px or more')
    if not 0 <= arguments.review <= 1:
        raise ValueError(f'--review is {arguments.review}; it must be from 0 to 1')
    return _annotate(arguments)


def _annotate(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from actloc_ros.io.sources import open_source
    from actloc_ros.offline import open_pipeline
    from actloc_ros.params_file import read_params
    from actloc_ros.recordings.annotate.formats.written import WriteOptions
    from actloc_ros.recordings.annotate.session import AnnotateOptions, annotate
    from actloc_ros.settings import settings_of
    from actloc_ros.settings.specs import DEFAULTS

    source = open_source(arguments.recording, arguments.topic, arguments.camera, arguments.rate)
    values = read_params(arguments.params, DEFAULTS) if arguments.params else dict(DEFAULTS)
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    values.update({name: value for name, value in given.items() if value is not None})
    options = AnnotateOptions(
        arguments.to,
        arguments.out,
        arguments.review_first,
        WriteOptions(arguments.within, arguments.review),
    )
    with ExitStack() as stack:
        pipeline = stack.enter_context(closing(open_pipeline(settings_of(values))))
        progress = stack.enter_context(tqdm(total=source.length, unit='frame', disable=None))
        outcome = annotate(source, pipeline, options, progress.update)
    _print(outcome, options.review_first, options.write.below)
    if outcome.failure is not None:
        raise outcome.failure
    return 0


def _print(outcome: AnnotateOutcome, listed: bool, below: float) -> None:
    from actloc_ros.frames import seconds
    from actloc_ros.recordings.annotate.review import doubtful, review_stretches

    annotation = outcome.annotation
    everything = [each for actor in annotation.actors for each in review_stretches(actor)]
    marked = doubtful(annotation, below)
    print(
        f'{annotation.frames} frames, {len(annotation.actors)} actors, '
        f'{len(annotation.spans())} actions; {len(marked)} of {len(everything)} stretches to review'
    )
    for each in marked[:SHOWN] if listed else ():
        start, end = (seconds(int(annotation.times[f])) for f in (each.first, each.last))
        what = ', '.join(each.actions) or 'no action'
        print(
            f'  {start:.2f}-{end:.2f} s, track {each.actor.track}: {what} ({each.confidence:.2f})'
        )
    for note in outcome.written.notes:
        print(f'actloc: note: {note}', file=sys.stderr)
    if outcome.broken:
        print(f'actloc: warning: {outcome.broken} broken frames were left out', file=sys.stderr)
    for path in outcome.written.files:
        print(path)


def _compare(first: Path, second: Path) -> int:
    from actloc_ros.recordings.annotate.actors import open_annotations
    from actloc_ros.recordings.annotate.agreement import compare

    print(compare(open_annotations(first), open_annotations(second)).text())
    return 0

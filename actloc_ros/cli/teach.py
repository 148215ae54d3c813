"""Add `actloc teach`: teach an action by a few examples."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'teach',
        help='teach an action by 1 to 10 examples, in seconds',
        description='Teach a new action from parts of recordings that show it. What else these '
        'recordings show teaches what it is not. FILE then holds the action beside those that it '
        'held before: `actloc run --taught FILE`, or the parameter `taught` of the node.',
    )
    parser.add_argument('name', metavar='NAME', help='what the action is called')
    parser.add_argument(
        '--from',
        dest='examples',
        nargs='+',
        required=True,
        metavar='RECORDING@START-ENDs',
        help='an example, in s from the first frame: a.mp4@3.2-5.0s',
    )
    parser.add_argument('--out', type=Path, default=Path('taught.safetensors'), metavar='FILE')
    parser.add_argument('--model', default='pose_n', help='the model (default: %(default)s)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the examples, and write the file."""
    import numpy as np

    from actloc_ros.io.sources import open_source
    from actloc_ros.localizer import LocalizerOptions
    from actloc_ros.models.open import open_localizer
    from actloc_ros.models.taught.actions import Prototypes, TaughtSet, fingerprint
    from actloc_ros.models.taught.teach import Span, TeachError, examples_of

    spans = [Span.parse(text) for text in args.examples]
    if args.out.suffix != '.safetensors':
        raise TeachError(f'--out {args.out}: give a .safetensors file')
    with closing(open_localizer(args.model, LocalizerOptions())) as localizer:
        if args.name in localizer.labels:
            raise TeachError(f'{localizer.name} knows "{args.name}" already; choose another name')
        weights = fingerprint(localizer.weight_files)
        before = TaughtSet.read(args.out) if args.out.exists() else None
        if before is not None and (before.model, before.weights) != (localizer.name, weights):
            raise TeachError(f'{args.out} was taught on other weights; name another file')
        examples, others, appearance = [], [], 0
        for source in dict.fromkeys(span.source for span in spans):
            own = [span for span in spans if span.source == source]
            found, rest, appearance = examples_of(open_source(source), localizer, own)
            localizer.reset()
            examples += found
            others.append(rest)
    width = examples[0].shape[1]
    taught = before or TaughtSet(localizer.name, weights, {}, examples[0][:0], appearance)
    if (taught.width, taught.appearance) != (width, appearance):
        raise TeachError(f'{args.out} was taught on other features; name another file')
    rest = np.concatenate([np.zeros((0, width), np.float32), *others])
    taught = taught.with_action(args.name, examples, rest)
    threshold = Prototypes.of(taught).thresholds[list(taught.examples).index(args.name)]
    taught.write(args.out)
    print(
        f'{args.name}: {len(examples)} examples of {sum(map(len, examples))} frames,'
        f' {len(rest)} frames of none; reported from a similarity of {threshold:.2f} on'
    )
    print(args.out)
    return 0

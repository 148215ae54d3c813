"""Learn on labelled videos how far to trust each member of an ensemble: `actloc ensemble-fit`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from actloc_ros.localizer import LocalizerOptions

HELP = 'learn how far to trust each member of an ensemble'


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'ensemble-fit',
        help=HELP,
        description='Calibrate the members of ensemble(A,B,…) and weigh them, label by label, on '
        'labelled videos that they were not trained on. The file written is the weights of the '
        'ensemble: actloc run --model MODEL --weights FILE.',
    )
    parser.add_argument('model', metavar='MODEL', help='such as "ensemble(pose_n,stream_n)"')
    parser.add_argument(
        '--ground-truth', required=True, type=Path, metavar='FILE', help='as for `actloc eval`'
    )
    parser.add_argument(
        '--videos',
        required=True,
        type=Path,
        nargs='+',
        metavar='PATH',
        help='video files, and folders that hold videos or folders of images',
    )
    parser.add_argument('--out', required=True, type=Path, metavar='FILE', help='JSON to write')
    parser.add_argument(
        '--rate', type=float, default=25.0, metavar='HZ', help='of folders of images'
    )
    parser.add_argument('--device', default='auto', help='cpu, cuda, cuda:N or auto (default)')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit, write and print what was learned."""
    from actloc_ros.datasets.formats.evaluation_files import read_truth
    from actloc_ros.files import refuse_input
    from actloc_ros.models.ensemble.names import is_ensemble, members_of
    from actloc_ros.models.errors import ModelError
    from actloc_ros.models.open import open_localizer
    from actloc_ros.training.ensemble.collect import run_members
    from actloc_ros.training.ensemble.fit import fit_ensemble

    if not is_ensemble(arguments.model):
        raise ModelError(f'"{arguments.model}" is no ensemble; write it as ensemble(A,B,…)')
    names = members_of(arguments.model)
    refuse_input(arguments.out, arguments.ground_truth)
    truth = read_truth(arguments.ground_truth)
    with ExitStack() as stack:
        members = []
        for name in names:
            options = LocalizerOptions(weights=name.weights, device=arguments.device)
            members.append(open_localizer(name.model, options))
            stack.callback(members[-1].close)
        frames = run_members(members, truth, arguments.videos, arguments.rate)
        labels = [member.labels for member in members]
    where = f'{len(frames)} labelled frames of {len(truth.videos)} videos'
    report = fit_ensemble(frames, [str(name) for name in names], labels, where)
    report.fit.write(arguments.out)
    print(_table(report))
    print(f'learned from {where}; boxes fuse above an IoU of {report.fit.iou:g}')
    print(arguments.out)
    return 0


def _table(report: Any) -> str:
    """Return what was learned of each label, a line each."""
    width = max(len(label) for label in report.labels)
    lines = [f'{"label":{width}}  {"boxes":>7}  AP@0.5  weights of {", ".join(report.fit.members)}']
    for label, truths, average in zip(report.labels, report.truths, report.average, strict=True):
        if not truths:
            continue
        learned = report.fit.labels.get(label)
        weights = 'too rare' if learned is None else ' '.join(f'{w:.2f}' for w in learned.weight)
        lines.append(f'{label:{width}}  {truths:7}  {average:6.3f}  {weights}')
    return '\n'.join(lines)

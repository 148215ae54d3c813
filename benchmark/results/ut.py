"""Measure how well the trainable classifier separates UT-Interaction's actions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actloc_ros.models.hog_hof.descriptor import DescriptorSettings
from benchmark.results.common import data_folder
from benchmark.results.ut_clips import LayoutError, leave_one_out, read_clips, score, train

LabelPairs = Sequence[tuple[str, str]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('folder', type=Path, nargs='?', help='in the layout of ut_interaction')
    parser.add_argument('--train', type=Path, metavar='FOLDER', help='train on all its clips …')
    parser.add_argument('--test', type=Path, metavar='FOLDER', help='… and score those of this one')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    args = parser.parse_args()
    if (args.train is None) != (args.test is None) or (args.folder is None) == (args.test is None):
        parser.error('give either FOLDER, or both --train FOLDER and --test FOLDER')
    try:
        if args.folder:
            print(section(measure_folder(args.folder, args.seeds)))
        else:
            print(section(measure_transfer(args.train, args.test, args.seeds)))
    except LayoutError as error:
        parser.exit(1, f'{error}\n')
    return 0


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    return measure_folder(data_folder(args, 'ut_interaction'), [0])


def measure_folder(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return numbers for `section`, with each sequence left out in turn."""
    settings = DescriptorSettings()
    clips = read_clips(folder, settings)
    predicted = [leave_one_out(clips, settings, seed) for seed in seeds]
    return {'folder': folder.name, 'protocol': 'leave one sequence out', 'predictions': predicted}


def measure_transfer(training: Path, test: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return numbers for `section`, trained on all of one folder, on all clips of another."""
    settings = DescriptorSettings()
    training_clips, test_clips = read_clips(training, settings), read_clips(test, settings)
    predicted = [score(train(training_clips, settings, seed), test_clips) for seed in seeds]
    protocol = f'trained on {training.name}'
    return {'folder': test.name, 'protocol': protocol, 'predictions': predicted}


def section(numbers: dict[str, Any]) -> str:
    """Return Markdown."""
    head = ['## UT-Interaction: clips of two people', '']
    return '\n'.join([*head, *_accuracy(numbers), *_confusions(numbers['predictions'][0])])


def _accuracy(numbers: dict[str, Any]) -> list[str]:
    counts = [_right(predicted) for predicted in numbers['predictions']]
    total = len(numbers['predictions'][0])
    each = ', '.join(str(count) for count in counts)
    share = 100 * sum(counts) / len(counts) / total
    return [
        f'`hog_hof` on `{numbers["folder"]}`, {numbers["protocol"]}, segmented clips (the limits '
        f'of the action are given): {each} of {total} right, {share:.1f} %. Published on set 1, '
        'leave one sequence out: 85 % (Ryoo), 88.8 % (a C3D-style network), 93.3 % (Raptis and '
        'Sigal); a motion-energy grid with an SVM 88.3 %.',
        '',
    ]


def _right(predicted: LabelPairs) -> int:
    return sum(true == guess for true, guess in predicted)


def _confusions(predicted: LabelPairs) -> list[str]:
    labels = sorted({true for true, _ in predicted} | {guess for _, guess in predicted})
    lines = [
        f'| true \\ predicted | {" | ".join(labels)} | right |',
        '|---' * (len(labels) + 2) + '|',
    ]
    for true in labels:
        guesses = [guess for label, guess in predicted if label == true]
        counts = [guesses.count(label) for label in labels]
        share = f'{100 * guesses.count(true) / len(guesses):.0f} %' if guesses else '–'
        lines.append(f'| {true} | {" | ".join(map(str, counts))} | {share} |')
    return [*lines, '']


if __name__ == '__main__':
    sys.exit(main())

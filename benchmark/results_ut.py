"""Measure how well the trainable classifier tells UT-Interaction's actions apart and finds them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent))  # which this project's environment forbids

from results_ut_clips import LayoutError, leave_one_out, read_clips, score, train
from results_ut_timelines import measure_timelines

from actloc_ros.models.hog_hof_descriptor import Settings

PARTS = 'clips', 'timelines'
Told = Sequence[tuple[str, str]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('folder', type=Path, nargs='?', help='in the layout of ut_interaction')
    parser.add_argument('--train', type=Path, metavar='FOLDER', help='train on all its clips …')
    parser.add_argument('--test', type=Path, metavar='FOLDER', help='… and score those of this one')
    parser.add_argument('--parts', nargs='+', default=PARTS, choices=PARTS)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--sequences', type=int, nargs='+', default=[], help='timelines; all')
    args = parser.parse_args()
    if (args.train is None) != (args.test is None) or (args.folder is None) == (args.test is None):
        parser.error('give either FOLDER, or both --train FOLDER and --test FOLDER')
    try:
        if args.folder:
            print(run(args.folder, args.seeds, args.parts, args.sequences))
        else:
            print(section(measure_transfer(args.train, args.test, args.seeds)))
    except LayoutError as error:
        parser.exit(1, f'{error}\n')
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    folder = Path('../shared/data/ut_interaction')
    parser.add_argument('--ut', type=Path, default=folder, help='folder of UT-Interaction')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all of the folder that the arguments name."""
    return measure_folder(args.ut, [0], PARTS)


def run(
    folder: Path,
    seeds: Sequence[int] = (0,),
    parts: Sequence[str] = PARTS,
    sequences: Sequence[int] = (),
) -> str:
    """Return a section of Markdown on a folder; `sequences` limits the timelines, if any."""
    return section(measure_folder(folder, seeds, parts, sequences))


def measure_folder(
    folder: Path, seeds: Sequence[int], parts: Sequence[str], sequences: Sequence[int] = ()
) -> dict[str, Any]:
    """Return numbers for `section`, with each sequence left out in turn."""
    settings = Settings()
    positives = read_clips(folder, settings)
    numbers: dict[str, Any] = {'folder': folder.name}
    if 'clips' in parts:
        numbers['protocol'] = 'leave one sequence out'
        numbers['told'] = [leave_one_out(positives, settings, seed) for seed in seeds]
    if 'timelines' in parts:
        negatives = read_clips(folder, settings, 'negative')
        numbers['timelines'] = measure_timelines(folder, positives, negatives, settings, sequences)
    return numbers


def measure_transfer(training: Path, test: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Return numbers for `section`, trained on all of one folder, on all clips of another."""
    settings = Settings()
    seen, unseen = read_clips(training, settings), read_clips(test, settings)
    told = [score(train(seen, settings, seed), unseen) for seed in seeds]
    return {'folder': test.name, 'protocol': f'trained on {training.name}', 'told': told}


def section(numbers: dict[str, Any]) -> str:
    """Return Markdown."""
    lines = ['## UT-Interaction: clips and timelines of two people', '']
    if 'told' in numbers:
        lines += [*_accuracy(numbers), *_confusions(numbers['told'][0])]
    if 'timelines' in numbers:
        lines += _detection(numbers['timelines'])
    return '\n'.join(lines)


def _accuracy(numbers: dict[str, Any]) -> list[str]:
    counts = [_right(told) for told in numbers['told']]
    total = len(numbers['told'][0])
    each = ', '.join(str(count) for count in counts)
    share = 100 * sum(counts) / len(counts) / total
    return [
        f'`hog_hof` on `{numbers["folder"]}`, {numbers["protocol"]}, segmented clips (the limits '
        f'of the action are given): {each} of {total} right, {share:.1f} %. Published on set 1, '
        'leave one sequence out: 85 % (Ryoo), 88.8 % (a C3D-style network), 93.3 % (Raptis and '
        'Sigal); a motion-energy grid with an SVM 88.3 %.',
        '',
    ]


def _right(told: Told) -> int:
    return sum(true == guess for true, guess in told)


def _confusions(told: Told) -> list[str]:
    labels = sorted({true for true, _ in told} | {guess for _, guess in told})
    lines = [f'| true \\ told | {" | ".join(labels)} | right |', '|---' * (len(labels) + 2) + '|']
    for true in labels:
        guesses = [guess for label, guess in told if label == true]
        counts = [guesses.count(label) for label in labels]
        share = f'{100 * guesses.count(true) / len(guesses):.0f} %' if guesses else '–'
        lines.append(f'| {true} | {" | ".join(map(str, counts))} | {share} |')
    return [*lines, '']


def _detection(numbers: dict[str, Any]) -> list[str]:
    classes = numbers['classes']
    precisions = [each['ap'] for each in classes.values() if each['ap'] is not None]
    mean = f'{sum(precisions) / len(precisions):.3f}' if precisions else '–'
    lines = [
        f'Detection in {numbers["sequences"]} composite timelines, each by classifiers trained '
        'without its sequence: windows of 1.3 to 4.8 s over what moves, by frame-to-frame flow '
        'in a band as high as interactions usually are, NMS at 0.3. Right is the same class with '
        'a spatio-temporal IoU above 0.5; interactions that are not fully shown are ignored.',
        '',
        '| class | AP | right of told at 0.5 | recall at 0.5 |',
        '|---|---|---|---|',
    ]
    for label, each in classes.items():
        precision = '–' if each['ap'] is None else f'{each["ap"]:.3f}'
        told = f'{each["right"]} of {each["told"]}'
        lines.append(f'| {label} | {precision} | {told} | {each["right"]} of {each["true"]} |')
    return [*lines, f'| mean | {mean} | | |', '']


if __name__ == '__main__':
    sys.exit(main())

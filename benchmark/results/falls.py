"""Measure how falls are reported in real recordings (GMDCSA24), by shipped and tuned weights."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmark.results.common import (
    TimedDetections,
    data_folder,
    machine,
    open_model,
    run_video,
    table,
)
from benchmark.results.falls_alarms import (
    ACTOR_SCORES,
    EARLY,
    LIES_WITHIN,
    Rule,
    read_clips,
    sweep,
)
from benchmark.results.falls_tuned import tuned_alarms

DATA = 'gmdcsa24'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('falls: GMDCSA24')
    group.add_argument(
        '--fall-steps',
        type=int,
        default=100,
        help='of tuning to each subject, with 4 clips each; 0 leaves tuning out; '
        'default: %(default)s',
    )
    group.add_argument('--fall-clips', type=int, help='only as many of each subject and kind')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part."""
    clips = read_clips(data_folder(args, DATA), args.fall_clips)
    model = open_model(args)
    try:
        detected = [run_video(model, clip.path, args.frames) for clip in clips]
    finally:
        model.close()
    numbers = {
        'clips': [asdict(clip) | {'path': '/'.join(clip.path.parts[-3:])} for clip in clips],
        'threshold': model.threshold,
        'detected_share': {f'{score:g}': detected_share(detected, score) for score in ACTOR_SCORES},
        'zero_shot': [
            asdict(rule) | {'rows': sweep(model, clips, detected, rule)}
            for rule in (Rule(score, lying) for lying in (False, True) for score in ACTOR_SCORES)
        ],
        'machine': machine(),
    }
    if args.fall_steps:
        numbers['tuned'] = tuned_alarms(args, clips, model, detected)
    return numbers


def detected_share(detected: Sequence[Sequence[TimedDetections]], least: float) -> float:
    """Return the share of frames in which an actor of at least this score is detected."""
    frames = [bool((each.detections.scores >= least).any()) for clip in detected for each in clip]
    return sum(frames) / len(frames)


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    falls = sum(clip['onset'] is not None for clip in numbers['clips'])
    daily = len(numbers['clips']) - falls
    text = f"""## Falls in real recordings (GMDCSA24)

{falls} clips with a fall and {daily} of daily activities by 2 persons, one person a clip, with \
times of actions noted to about a tenth of a second. What is noted as falling goes on to the \
clip's end, lying included, so only its onset is compared. An alarm is an action instance that the \
pipeline reports, with the node's own settings but those named. The first alarm from \
{EARLY:g} s before the noted onset on finds the fall, further ones repeat it; all others, and all \
in clips of daily activities, are false. With so few clips, one fall more or less is \
{100 / max(falls, 1):.0f} %.

### As shipped

The weights were trained on synthetic people alone. \
{detected_text(numbers['detected_share'])} The model's own threshold of actions is \
{numbers['threshold']:g}.
"""
    for each in numbers['zero_shot']:
        text += f'\n{rule_text(each)}\n\n{table(HEAD, sweep_rows(each["rows"]))}\n'
    if 'tuned' in numbers:
        text += tuned_text(numbers['tuned'])
    return text + f'\n{numbers["machine"]}.\n'


def detected_text(shares: dict[str, float]) -> str:
    """Return in which share of the frames somebody is detected."""
    parts = (f'from a score of {score} on, {100 * share:.0f} %' for score, share in shares.items())
    return f'Frames in which they detect somebody: {"; ".join(parts)}.'


def rule_text(rule: dict[str, Any]) -> str:
    """Return what makes an alarm."""
    text = 'An alarm is an instance of `falling`'
    if rule['lying']:
        text += f' whose actor lies within {LIES_WITHIN:g} s of its end'
    whose = ", the node's own setting" if rule['actor_score'] == ACTOR_SCORES[0] else ''
    return f'{text}; tracks start from an actor score of {rule["actor_score"]:g} on{whose}:'


HEAD = (
    'start score',
    'falls found',
    'missed',
    'onset error, median in s',
    'onset late by, median in s',
    'reported after, median in s',
    'false in clips with a fall',
    'false in daily activities',
    'false a minute',
)


def sweep_rows(rows: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Return the rows of a table over scores."""
    return [
        (
            f'{row["score"]:g}',
            f'{row["found"]} of {row["falls"]}',
            row['missed'],
            row['onset_error_median'],
            row['onset_median'],
            row['delay_median'],
            row['false_in_falls'],
            f'{row["false_in_daily"]} in {row["daily"]} clips',
            row['false_a_minute'],
        )
        for row in rows
    ]


def tuned_text(tuned: dict[str, Any]) -> str:
    """Return the text on tuning."""
    folds = ', '.join(
        f'{fold["clips"]} clips of subject {fold["train"]} for subject {fold["test"]} '
        f'({fold["seconds"] / 60:.1f} min)'
        for fold in tuned['folds']
    )
    return f"""
### Tuned

One subject left out: tuned on {folds}; {tuned['steps']} steps of {tuned['batch']} clips \
from the shipped weights, all layers, labels `falling` and `other`. The data has no boxes: \
those to learn from are the shipped model's own actors, linked over the whole clip offline \
({100 * tuned['boxed_share']:.0f} % of the frames have one), so what it does not detect cannot be \
learned. Numbers are of both folds together, each subject by the weights tuned on the other.

{table(HEAD, sweep_rows(tuned['sweep']))}
"""

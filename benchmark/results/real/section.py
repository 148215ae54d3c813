"""Lay out the figures of part `real`: a table a subject, a row a set and measure."""

from __future__ import annotations

from typing import Any

from benchmark.results.common import table
from benchmark.results.real.footage import MOST_RATE
from benchmark.results.real.home import FALLS, HOME
from benchmark.results.real.motion import RATE, SETS
from benchmark.results.real.people import BOXES, GROWN, INSTANCES, NOBODY, STREETS
from benchmark.results.real.photos import FOUND, JOINTS, PEOPLE, RIGHT
from benchmark.results.real.photos import NOBODY as PHANTOMS

GROWN_FOUND = f'{FOUND}, boxes grown by {GROWN:g}'
TABLES = {
    PEOPLE: 'People of 40 pixels and more, IoU 0.5, at the threshold that each model comes with.',
    JOINTS: 'Of people found from the threshold on, but for the AP. OKS with areas of 0.53 boxes; '
    'who is not found has 0. PCK within 0.2 of the torso.',
    STREETS: 'Boxes of the actors that the pipeline reports. UCF101-24 annotates only those who do '
    'the sport, with boxes larger than people, so that found boxes are also compared grown.',
    HOME: 'What the pipeline reports of one person in a room. A posture is *said* where an '
    'instance of one goes on, and *right* where the truth has it; frames whose posture nobody '
    'noted do not count.',
    FALLS: 'An instance of `falling` from 1 s before the noted onset on finds the fall; all others '
    'are false. The other footage is that of the tables above and four clips of people more, in '
    'which nobody falls.',
    NOBODY: 'What the pipeline reports where nobody is. Footage that *may teach* was partly among '
    'the training material.',
    'synthetic scenes': 'Not real, and last for that.',
}
GOALS = {
    (PEOPLE, FOUND): '≥ 0.75',
    (PEOPLE, RIGHT): '≥ 0.90',
    (PEOPLE, PHANTOMS): '≤ 0.1',
    (JOINTS, 'mean OKS of those found'): 'MultiPose − 0.05',
    (HOME, BOXES): '0.95 to 1.2',
    (HOME, 'frames with a posture said'): '≥ 0.70',
    (HOME, 'right of said'): '≥ 0.80',
    (FALLS, 'found'): '≥ 7 of 8',
    (FALLS, 'false alarms'): '≤ 1',
    (NOBODY, BOXES): '≤ 0.05',
    (NOBODY, INSTANCES): '≤ 1',
    ('synthetic scenes', 'frame-mAP@0.5 of its labels'): '≥ 0.60',
}
STREET_GOALS = {
    ('PETS', FOUND): '≥ 0.60',
    ('UCF', FOUND): '≥ 0.75',
    ('UCF', GROWN_FOUND): '≥ 0.75',
    ('UCF', BOXES): '≤ 2.2',
}


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text."""
    models = numbers['models']
    text = f"""## Real photographs and footage

The default, `{models[0]['name']}`, with default settings, on open test data that no weights, \
thresholds or recipes were chosen by; beside it, what a user would take instead: \
networks as files (`config/people/`, with `skeleton_n` behind them where they have joints), and \
`motion`, which needs no training. A row a set and measure; a dash where a model does not have \
it. Footage goes through the pipeline as on a robot, at {MOST_RATE:g} Hz at most: of faster \
footage every second frame is taken.

{model_table(models)}
"""
    measured = {name for model in models for name in model['tables']}
    for name, words in TABLES.items():
        if name not in measured:
            continue
        text += f'\n### {name[0].upper()}{name[1:]}\n\n{words}\n\n{figure_table(name, models)}\n'
        if name == NOBODY:
            text += f'\n{motion_text(numbers["motion"])}\n'
    return text + f'\n{numbers["machine"]}.\n'


def model_table(models: list[dict[str, Any]]) -> str:
    """Return which weights were measured, and what a frame costs."""
    rows = [
        (
            f'`{model["name"]}`',
            ', '.join(f'`{name}` {digits}' for name, digits in model['files'].items()) or None,
            f'{model["ms_per_step"]:.1f}',
        )
        for model in models
    ]
    head = (
        'model',
        'weights, by the first digits of their SHA-256',
        'ms of a core a frame, median',
    )
    return table(head, rows)


def figure_table(name: str, models: list[dict[str, Any]]) -> str:
    """Return the figures of all models in one table, in the order of the first that has them."""
    given = [
        {(title, measure): value for title, measure, value in model['tables'].get(name, [])}
        for model in models
    ]
    keys = list(dict.fromkeys(key for figures in given for key in figures))
    head = ('set', 'measure', *(f'`{model["name"]}`' for model in models), 'goal')
    rows = [
        (title, measure, *(figures.get((title, measure)) for figures in given),
         goal(name, title, measure))
        for title, measure in keys
    ]  # fmt: skip
    return table(head, rows)


def goal(name: str, title: str, measure: str) -> str | None:
    """Return what a figure should reach."""
    if name == STREETS:
        return STREET_GOALS.get((title[: 4 if title.startswith('PETS') else 3], measure))
    if name == PEOPLE and 'classroom' in title:
        return None
    return GOALS.get((name, measure))


def motion_text(motion: dict[str, Any]) -> str:
    """Return the table of motion capture."""
    labels = list(dict.fromkeys(label for rows in motion.values() for label in rows))
    head = ['label']
    for name in SETS.values():
        head += [f'{name}: true frames', 'right of reported', 'found']
    rows = [
        (label, *(motion[name].get(label, {}).get(key) for name in SETS for key in KEYS))
        for label in labels
    ]
    return f"""### Motion capture

`skeleton_n` alone, on people set apart from all training, before random cameras at {RATE:g} Hz, \
with the noise of pose networks. Kinder-Gator: adults and children before a Kinect; Bandai Namco: \
actors.

{table(head, rows)}"""


KEYS = ('frames', 'right', 'found')

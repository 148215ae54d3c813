"""List the models there are, and which of them are here."""

from __future__ import annotations

import argparse

from actloc_ros.models import registry
from actloc_ros.models.count_costs import known_cost
from actloc_ros.models.detectors.torchvision_detectors import detector_names, find_detector
from actloc_ros.models.entry import Entry, LocalizerEntry, Task
from actloc_ros.models.families import localizers
from actloc_ros.models.storage import find_onnx, find_stored

HEADINGS = ('model', 'task', 'classes', 'parameters', 'GMAC', 'clip', 'licence', 'local', 'source')


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'models',
        help='list the models there are',
        description='List all models: what they do, what they cost, whose they are, and whether '
        'their weights are here. A clip is frames at a rate; GMAC are those of one clip.',
    )
    parser.add_argument('--local', action='store_true', help='only those that can run now')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = [row_without_network(entry) for entry in localizers() if not entry.pattern]
    rows += [row(entry) for entry in registry.entries().values()]
    if arguments.local:
        rows = [r for r in rows if r[HEADINGS.index('local')] != 'no']
    print(table([HEADINGS, *rows]))
    print(two_stages())
    print(people_networks())
    return 0


def two_stages() -> str:
    """Return how a classifier is put behind a detector, and which detectors there are."""
    found = [find_detector(name) for name in detector_names()]
    names = [f'{e.architecture} ({"yes" if find_stored(e) else "no"})' for e in found if e]
    return (
        '\nA classification model is run as DETECTOR+MODEL, such as hog+r2plus1d_18. Detectors: hog'
        ' (built in), people_n, FILE.yaml (any people network), boxes=PATH (a CSV file), and'
        f" torchvision's (local?): {', '.join(names)}"
    )


def people_networks() -> str:
    """Return how any people network is put in front of `skeleton_n`."""
    here = ', '.join(
        f'{name} ({"yes" if find_onnx(name) else "no"})'
        for name in ('people_n', 'joints_n', 'skeleton_n')
    )
    return (
        f'\npose_n is people_n+skeleton_n (local? {here}). Any other people network is run as'
        ' PEOPLE+skeleton_n, where PEOPLE is the path of a YAML file that describes it;'
        ' config/people has some. A model that classifies skeletons is run as PEOPLE+MODEL, such'
        ' as people_n+stgcnpp_ntu60_hrnet_j. Several models together are run as ensemble(A,B,…).'
    )


def row_without_network(entry: LocalizerEntry) -> tuple[str, ...]:
    """Return the line of a localizer without a network of its own."""
    task, licence = Task.LOCALIZATION.value, 'Apache-2.0'
    return entry.name, task, entry.classes, '-', '-', entry.clip, licence, entry.local, '-'


def row(entry: Entry) -> tuple[str, ...]:
    """Return an entry's line."""
    architecture = registry.architectures()[entry.architecture]
    cost = known_cost(architecture, entry)
    return (
        entry.name,
        architecture.task.value,
        str(len(entry.labels)),
        f'{cost.parameters / 1e6:.1f} M',
        f'{cost.gmac:.1f}',
        f'{entry.frames} at {entry.rate:g} Hz',
        entry.licence,
        'yes' if find_stored(entry) else 'no',
        entry.url or entry.source,
    )


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as text in columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return '\n'.join(
        '  '.join(f'{cell:{width}}' for cell, width in zip(r, widths, strict=True)).rstrip()
        for r in rows
    )

"""Measure the tools over hours of recordings; each section is a module of its own."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

# In the order of the document; each is a module of this package with `measure`, which takes what
# `add_arguments` of all parts read, and `section`, which takes what it returned. `add_arguments`
# may be missing.
SECTIONS = {'indexing': 'recordings_indexing'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--recordings-only',
        nargs='*',
        default=[],
        choices=SECTIONS,
        metavar='SECTION',
        help=f'of the part recordings: {", ".join(SECTIONS)}; the others are left out',
    )
    for module in _modules(SECTIONS).values():
        if hasattr(module, 'add_arguments'):
            module.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the part, by section."""
    chosen = _modules(args.recordings_only or SECTIONS)
    return {name: module.measure(args) for name, module in chosen.items()}


def section(numbers: dict[str, Any]) -> str:
    """Return the part's text in Markdown."""
    head = (
        '## Hours of recordings\n\n'
        '[recordings.md](recordings.md) says what the tools do. The machine was shared with other '
        'work while this was measured, so that times are upper bounds.'
    )
    made = _modules([name for name in SECTIONS if name in numbers])
    return '\n\n'.join([head, *(m.section(numbers[name]).strip() for name, m in made.items())])


def _modules(names: Any) -> dict[str, Any]:
    return {name: import_module(f'benchmark.results.{SECTIONS[name]}') for name in names}

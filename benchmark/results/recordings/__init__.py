"""Measure the index of recordings and the tools over it: several modules, all in one part."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from benchmark.results import recordings_annotation, recordings_search
from benchmark.results.recordings import reel

Numbers = dict[str, Any]
# In the order of the section: what gives the numbers, and what writes of them.
MEASURES: dict[str, tuple[Callable[[argparse.Namespace], Numbers], Callable[[Numbers], str]]] = {
    'search': (recordings_search.measure, recordings_search.section),
    'reel': (reel.measure, reel.section),
    'annotation': (
        recordings_annotation.measure_annotation,
        recordings_annotation.annotation_section,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all."""
    reel.add_arguments(parser)
    parser.add_argument(
        '--tools', nargs='*', default=list(MEASURES), metavar='TOOL', help='%(default)s'
    )


def measure(args: argparse.Namespace) -> Numbers:
    """Return the numbers of those that `--tools` names."""
    return {name: MEASURES[name][0](args) for name in MEASURES if name in args.tools}


def section(numbers: Numbers) -> str:
    """Return the section of the document."""
    parts = [MEASURES[name][1](numbers[name]).strip() for name in MEASURES if name in numbers]
    return '\n\n'.join(['## Hours of recordings', *parts])

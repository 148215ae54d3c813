"""Measure the index of recordings and the tools over it: a module each, all in one part."""

from __future__ import annotations

import argparse
from typing import Any

from benchmark.results import recordings_annotation
from benchmark.results.recordings import indexing

# In the order of the section; each has `add_arguments`, `measure` and `section`.
MEASURES = {'indexing': indexing, 'annotation': recordings_annotation}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all."""
    for each in MEASURES.values():
        each.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of all, by name."""
    return {name: each.measure(args) for name, each in MEASURES.items()}


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    parts = [each.section(numbers[name]).strip() for name, each in MEASURES.items()]
    return '\n\n'.join(['## Hours of recordings', *parts])

"""Measure the index of recordings and the tools over it, all in one part."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmark.results.recordings import annotation, indexing, reel, search

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """One subsection.

    Attributes:
        measure: Returns its numbers, of what `add_arguments` of all parts read.
        section: Returns its text in Markdown, of its numbers.
        add_arguments: Adds its options.
    """

    measure: Callable[[argparse.Namespace], Numbers]
    section: Callable[[Numbers], str]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None


# In the order of the document.
MEASURES = {
    'indexing': Measure(indexing.measure, indexing.section, indexing.add_arguments),
    'searching': Measure(search.measure, search.section),
    'reel': Measure(reel.measure, reel.section, reel.add_arguments),
    'annotation': Measure(
        annotation.measure,
        annotation.section,
        annotation.add_arguments,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all."""
    for each in MEASURES.values():
        each.add_arguments(parser)


def measure(args: argparse.Namespace) -> Numbers:
    """Return the numbers of all, by name."""
    return {name: each.measure(args) for name, each in MEASURES.items()}


def section(numbers: Numbers) -> str:
    """Return the text of those that were measured."""
    measured = [(numbers[name], each) for name, each in MEASURES.items() if name in numbers]
    parts = [each.section(own).strip() for own, each in measured]
    return '\n\n'.join(['## Hours of recordings', *parts])

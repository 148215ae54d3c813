"""What searching an index takes: a subsection of the part `recordings`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from benchmark.speed.search import Measured, Size, table
from benchmark.speed.search import measure as search

SIZE = Size(recordings=1000, instances=1000, vectors=20_000, appearances=30_000)
QUERIES = 10  # of each kind


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what queries of each kind take in an index of 1,000 made-up hours."""
    return asdict(search(args.work / 'searched', SIZE, QUERIES))


def section(numbers: dict[str, Any]) -> str:
    """Return the part of the document."""
    rows = '\n'.join(table(Measured(**numbers)))
    return f"""### Searching

{SIZE.recordings * SIZE.instances:,} instances of {SIZE.recordings:,} made-up recordings of an hour;
`python -m benchmark.speed.search` does the same for 10,000 hours. Core time is of all threads; by
the wall clock, other programs count too.

{rows}
"""

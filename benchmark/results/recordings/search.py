"""What searching an index takes: a subsection of the part `recordings`."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import Any

from benchmark.speed.search import Measured, Size, table
from benchmark.speed.search import measure as search

SIZE = Size(recordings=1000, instances=1000, vectors=20_000, appearances=30_000)
QUERIES = 10  # of each kind


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what queries of each kind take in an index of 1,000 made-up hours."""
    load = os.getloadavg()[0]  # of other programs: by the wall clock they count too
    return {'load': load, **asdict(search(args.work / 'searched', SIZE, QUERIES))}


def section(numbers: dict[str, Any]) -> str:
    """Return the part of the document."""
    measured = {name: value for name, value in numbers.items() if name != 'load'}
    rows = '\n'.join(table(Measured(**measured)))
    return f"""### Searching

{SIZE.recordings * SIZE.instances:,} instances of {SIZE.recordings:,} made-up recordings of an hour;
`python -m benchmark.speed.search` does the same for 10,000 hours. Core time is of all threads; by
the wall clock, other programs count too: their load was {numbers['load']:.1f} at the start.
{SIZE.vectors:,} vectors of motion are compared one by one, {SIZE.appearances:,} of pictures by a
graph.

{rows}
"""

"""Run `python -m fuzz`: so many inputs, in so much time, and a table of what became of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from fuzz.driver import HEAD, Driver, Plan, Tally, row, total
from fuzz.target import Target
from fuzz.targets import TARGETS

LISTED = 40  # faults that are written out


def main() -> int:
    """Run and return 1 if an input failed, crashed or hung."""
    parser = argparse.ArgumentParser(prog='fuzz', description=__doc__)
    parser.add_argument('--count', type=int, default=10_000, help='inputs (default: %(default)s)')
    parser.add_argument(
        '--seconds', type=float, default=3600.0, help='most time (default: an hour)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of all inputs (default: %(default)s)')
    parser.add_argument('--memory', type=int, default=1024, help='MB that a process may grow by')
    parser.add_argument('--targets', nargs='+', choices=TARGETS, default=list(TARGETS))
    parser.add_argument('--input', type=int, help='run this input of the targets alone')
    parser.add_argument('--out', type=Path, default=Path('fuzz_out'), help='keeps what fails')
    arguments = parser.parse_args()
    plan = Plan(
        arguments.count,
        arguments.seconds,
        arguments.seed,
        arguments.memory,
        arguments.out.absolute(),
    )
    print(HEAD)
    tallies = run_all(arguments.targets, plan, arguments.input)
    print(row('all', total(tallies)))
    faults = {at: fault for tally in tallies.values() for at, fault in tally.faults.items()}
    for at, fault in list(faults.items())[:LISTED]:
        print(f'{arguments.out / at}: {" ".join(fault.split())}')
    if len(faults) > LISTED:
        print(f'… and {len(faults) - LISTED} more')
    return bool(faults)


def run_all(names: Sequence[str], plan: Plan, only: int | None = None) -> dict[str, Tally]:
    """Run each target's share of the inputs; time that one does not need is for those after it.

    With `only`, this input of each instead.
    """
    targets: dict[str, Target] = import_module(plan.source).TARGETS
    whole = sum(targets[name].share for name in names)
    end = time.monotonic() + plan.seconds
    found = {}
    with Driver(plan) as driver:
        for place, name in enumerate(names):
            numbers = range(max(1, round(plan.count * targets[name].share / whole)))
            if only is not None:
                numbers = range(only, only + 1)
            left = max(0.0, end - time.monotonic()) / (len(names) - place)
            found[name] = driver.run(targets[name], numbers, left)
            print(row(name, found[name]), flush=True)
    return found


if __name__ == '__main__':
    sys.exit(main())

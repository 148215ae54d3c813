"""Export every model in every form, read it back, and print how far it is from the original.

This is the whole of what the tests check on one small model; it takes a while and memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from actloc_ros.models import registry
from actloc_ros.models.export import FORMATS, export
from actloc_ros.models.loading import open_network

TOLERANCE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--models', nargs='*', default=list(registry.architectures()))
    parser.add_argument('--formats', nargs='*', choices=FORMATS, default=list(FORMATS))
    args = parser.parse_args()
    failed = 0
    for name in args.models:
        for form in args.formats:
            failed += not check(name, form)
    return 1 if failed else 0


def check(name: str, form: str) -> bool:
    """Export one model in one form and print what came of it."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f'model{FORMATS[form].suffix}'
        try:
            difference = export(open_network(name, random_weights=True), form, path)
        except Exception as error:
            print(f'{name:22}{form:14}FAILED: {type(error).__name__}: {str(error)[:200]}')
            return False
        size = path.stat().st_size / 1e6
    good = difference <= TOLERANCE
    print(
        f'{name:22}{form:14}{difference:10.1e}{size:10.1f} MB'
        f'{time.perf_counter() - began:8.1f} s  {"ok" if good else "DISAGREES"}',
        flush=True,
    )
    return good


if __name__ == '__main__':
    raise SystemExit(main())

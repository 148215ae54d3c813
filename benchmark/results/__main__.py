"""Measure the shipped weights and write doc/results.md, all of it or only some of its parts."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import textwrap
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from actloc_ros.models.errors import ModelError
from actloc_ros.truth.annotations import AnnotationError
from actloc_ros.truth.boxes import EvaluationError
from benchmark.results import decisions, learning, real, recordings, synth, versus, weak
from benchmark.results.common import ResultsError

ROOT = Path(__file__).resolve().parents[2]
ERRORS = AnnotationError, EvaluationError, ModelError, ResultsError
WIDTH = 100  # characters of a line of the document, except in tables
# In the order of the document; each is a module of this package with `measure` and `section`.
PARTS = (
    'real',
    'learning',
    'weak',
    'weak_home',
    'ut',
    'synth',
    'versus',
    'decisions',
    'ensembles',
    'few_shot',
    'few_shot_clips',
    'graphs',
    'published_people',
    'in_time',
    'sound',
    'words',
    'recordings',
)
HEAD = """# What we measured

Made by `make results`; each part alone by `make results ONLY=part`. The numbers behind the tables
are in [results.json](results.json). [evaluation.md](evaluation.md) explains the protocols.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog='python -m benchmark.results',
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_arguments(parser)
    args = parser.parse_args()
    if unknown := sorted(set(args.only) - set(PARTS)):
        parser.error(f'--only {unknown[0]}: there is no such part; parts are {", ".join(PARTS)}')
    try:
        with tempfile.TemporaryDirectory(prefix='actloc_results_') as folder:
            args.work = args.work or Path(folder)
            args.work.mkdir(parents=True, exist_ok=True)
            for name in args.only or PARTS:
                measure(name, args)
    except ERRORS as error:
        parser.exit(1, f'{error}\n')
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--shared', type=Path, default=Path('../shared'), help='where data/ lies')
    parser.add_argument('--model', default='stream_n', help='the model that is measured')
    parser.add_argument('--weights', default='', help='its checkpoint; empty: that which ships')
    parser.add_argument('--only', nargs='*', default=[], metavar='PART', help=', '.join(PARTS))
    parser.add_argument('--out', type=Path, default=ROOT / 'doc' / 'results.md')
    parser.add_argument('--json', type=Path, help='default: beside --out')
    parser.add_argument('--work', type=Path, help='keep there what is rendered and trained')
    parser.add_argument(
        '--frames', type=int, help='only as many of each real clip, to try things out'
    )
    for part in (real, learning, weak, synth, versus, decisions, recordings):
        part.add_arguments(parser)


def measure(name: str, args: argparse.Namespace) -> None:
    """Measure one part, and put its section and numbers in the place of the old ones."""
    print(f'{name} …', flush=True)
    began = time.monotonic()
    part = import_module(f'benchmark.results.{name}')  # `ut` alone needs scikit-learn
    numbers = part.measure(args)
    numbers['measured_seconds'] = round(time.monotonic() - began)
    keep_numbers(args.json or args.out.with_suffix('.json'), name, numbers)
    text = part.section(numbers).strip()
    text += f'\n\nMeasured in {max(1, round(numbers["measured_seconds"] / 60))} min.'
    document = args.out.read_text() if args.out.exists() else HEAD
    args.out.write_text(with_section(document, name, wrapped(text)))
    print(text, flush=True)


def keep_numbers(path: Path, name: str, numbers: dict[str, Any]) -> None:
    """Put one part's numbers into a JSON file."""
    parts = json.loads(path.read_text()) if path.exists() else {}
    parts[name] = numbers
    ordered = {part: parts[part] for part in PARTS if part in parts}
    path.write_text(json.dumps(ordered, indent=1) + '\n')


def with_section(document: str, name: str, text: str) -> str:
    """Return a document with one section replaced, or put at its place in the order of parts.

    A section stands between comments that name it; what stands outside of any stays.
    """
    marked = f'{begin(name)}\n{text.strip()}\n{end(name)}\n'
    old = re.compile(f'{re.escape(begin(name))}\n.*?{re.escape(end(name))}\n', re.S)
    if old.search(document):
        return old.sub(lambda _: marked, document, count=1)
    for later in PARTS[PARTS.index(name) + 1 :]:
        position = document.find(begin(later))
        if position >= 0:
            return f'{document[:position]}{marked}\n{document[position:]}'
    return f'{document.rstrip()}\n\n{marked}'


def wrapped(text: str) -> str:
    """Return Markdown with its paragraphs in lines of `WIDTH`; tables stay as they are."""
    blocks = text.split('\n\n')
    return '\n\n'.join(block if block.startswith('|') else fill(block) for block in blocks)


def fill(paragraph: str) -> str:
    """Return a paragraph in lines of `WIDTH` that break at spaces alone."""
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def begin(name: str) -> str:
    """Return the comment before a section."""
    return f'<!-- results: {name} -->'


def end(name: str) -> str:
    """Return the comment after a section."""
    return f'<!-- end of results: {name} -->'


if __name__ == '__main__':
    raise SystemExit(main())

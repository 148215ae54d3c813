"""Compare two bags of detections and say where they first differ."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

import numpy as np

from actloc_ros.frames import seconds
from actloc_ros.io.bags import read_detections
from actloc_ros.messages import stamp_of

EQUAL, DIFFERENT = 0, 1
Key = tuple[str, int, int]


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        'compare',
        help='say where two bags of detections differ',
        description='Compare two bags of detections to the bit, message by message. '
        'Exit code 0 means equal, 1 different, 2 that a bag cannot be read.',
    )
    parser.add_argument('first', help='a bag of detections')
    parser.add_argument('second', help='another')
    parser.add_argument('--topic', help='topic of the detections, where a bag has several')
    parser.add_argument(
        '--limit', type=int, default=10, metavar='N', help='differences to print (default: 10)'
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the first differences and return the exit code."""
    first = _by_key(arguments.first, arguments.topic)
    second = _by_key(arguments.second, arguments.topic)
    found = list(islice(differences(first, second), arguments.limit))
    for line in found:
        print(line)
    if found:
        return DIFFERENT
    print(f'equal: {len(first)} messages')
    return EQUAL


def differences(first: dict[Key, Any], second: dict[Key, Any]) -> Iterator[str]:
    """Yield a line for each difference between two bags' messages, by stamp."""
    for key in sorted(first.keys() | second.keys(), key=lambda key: (key[1], key[0], key[2])):
        name = _name(key)
        if key not in second:
            yield f'{name}: only in the first'
        elif key not in first:
            yield f'{name}: only in the second'
        else:
            yield from (f'{name}: {text}' for text in _compare('', first[key], second[key]))


def _by_key(path: str, topic: str | None) -> dict[Key, Any]:
    """Return messages by camera, stamp and how many of these came before."""
    repeats: Counter[tuple[str, int]] = Counter()
    found = {}
    for message in read_detections(path, topic):
        camera, stamp = message.camera, stamp_of(message.header.stamp)
        found[camera, stamp, repeats[camera, stamp]] = message
        repeats[camera, stamp] += 1
    return found


def _name(key: Key) -> str:
    camera, stamp, repeat = key
    where = f'camera {camera}, ' if camera else ''
    again = f', number {repeat + 1} of that stamp' if repeat else ''
    return f'{where}stamp {seconds(stamp):.9f} s{again}'


def _compare(path: str, first: Any, second: Any) -> Iterator[str]:
    """Yield where two message fields differ, with their path."""
    if is_dataclass(first):
        for field in fields(first):
            below = f'{path}.{field.name}' if path else field.name
            yield from _compare(below, getattr(first, field.name), getattr(second, field.name))
    elif isinstance(first, list):
        if len(first) != len(second):
            yield f'{path}: {len(first)} against {len(second)}'
        for index, (one, other) in enumerate(zip(first, second, strict=False)):
            yield from _compare(f'{path}[{index}]', one, other)
    elif isinstance(first, np.ndarray):
        if not np.array_equal(first, second, equal_nan=True):
            yield f'{path}: {first.tolist()} against {second.tolist()}'
    elif first != second and not (first != first and second != second):  # NaN equals NaN
        yield f'{path}: {first!r} against {second!r}'

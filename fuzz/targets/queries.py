"""Fuzz queries: their text, and examples, against an index of made-up recordings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import duckdb

from actloc_ros.recordings.index.database import TABLES
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.similar import moment_of
from fuzz.mutate import TEXTS, mutate_text
from fuzz.target import Target

QUERIES = (
    'walking then falling within 10 s then lying for 5 s',
    'A hands over to B or nobody in zone door for 60 s',
    "(fell or 'run/jog') and not (in bed or camera hall*) and score > .7",
    'lying between 22:00 and 06:00 on 2026-05-01 shorter than 2 min',
    'falling then not standing up within 30 s by model pose_n track 3',
    'waving while not walking after 12.5 s recording "a b.mp4"',
)
WORDS = (
    *('then', 'and', 'or', 'not', 'with', 'while', 'to', 'within', '(', ')', 'nobody', 'somebody'),
    *('walking', 'falling', 'A', 'B', 'in', 'zone', 'door', 'camera', 'hall', 'score', '>=', '0.5'),
    *('for', '5', 's', 'min', 'between', '22:00', '2026-05-01', 'track', '3', '"', "'", '--', ';'),
    *('at', 'night', 'anything', '99999999999999999999', '1e400', '2026-99-99', '24:00', '*'),
)


def _make(random: Random, _folder: Path) -> str:
    kind = random.random()
    if kind < 0.4:
        return _joined(random, 3)
    if kind < 0.7:
        return ' '.join(random.choices(WORDS, k=random.randint(0, 25)))
    seed = random.choice(QUERIES).encode()
    return mutate_text(random, seed.decode()).decode(errors='replace') + random.choice(['', *TEXTS])


def _joined(random: Random, depth: int) -> str:
    """Return queries joined at random, most of which can be answered."""
    if not depth or random.random() < 0.3:
        return random.choice((*QUERIES, 'walking', 'fell', 'in door', 'somebody', 'A falling'))
    join = random.choice(('and', 'or', 'with', 'while', 'then', 'and not', 'then not'))
    limit = random.choice(('', '', ' within 5 s'))
    return f'({_joined(random, depth - 1)}) {join} ({_joined(random, depth - 1)}){limit}'


def _run(text: str) -> None:
    moment_of(text)
    _searcher().search(text, 5)


@cache
def _searcher() -> Searcher:
    connection = duckdb.connect(':memory:', config={'threads': 1})
    for name, columns in TABLES.items():
        connection.execute(f'CREATE TABLE {name} ({columns})')
    for statement in (
        "INSERT INTO labels VALUES (0, 'walking'), (1, 'falling'), (2, 'lying'), (3, 'run/jog'), "
        "(4, 'standing_up'), (5, 'handing_over'), (6, 'waving')",
        "INSERT INTO zones VALUES (0, 'door'), (1, 'bed')",
        "INSERT INTO recordings VALUES (0, 'k', '/d/a b.mp4', '', 0, 0, 'pose_n', '', 0, 9, '', "
        "'')",
        "INSERT INTO views VALUES (0, 0, 0, 'hall', 0, 9, 9, 0, 64, 48, true)",
        'INSERT INTO tracks VALUES (0, 1, 0, 9, 0.9, 2)',
        'INSERT INTO stays VALUES (0, 1, 0, 0, 5)',
        'INSERT INTO instances SELECT 0, n, 1, n, n, n + 2, 0.9, 0, 0, 1, 1 FROM range(7) t(n)',
    ):
        connection.execute(statement)
    return Searcher(connection, 'UTC')


TARGETS = (Target('query', _make, _run, 8, _searcher),)

"""Fill an index of made-up recordings, and print what searching it takes.

Of each kind of query, labels, zones, cameras and times vary. Times are warm: each kind was asked
once before. Where other programs run too, core time says more than the wall clock: of two free
cores, what takes long takes little more than half of it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from actloc_ros.frames import NANOSECONDS
from actloc_ros.recordings.index.database import TABLES
from actloc_ros.recordings.index.model import VERSION
from actloc_ros.recordings.index.open import Index, open_index
from actloc_ros.recordings.index.store import DATABASE
from actloc_ros.recordings.index.vectors import write_vectors
from actloc_ros.recordings.search.engine import Searcher
from actloc_ros.recordings.search.similar import By, Example, search_like

# Shares of instances, from what people do all day to what hardly ever happens.
SHARES = {
    **{'standing': 0.27, 'walking': 0.27, 'sitting': 0.2, 'bending': 0.06, 'picking_up': 0.05},
    **{'running': 0.03, 'waving': 0.03, 'pointing': 0.03, 'sitting_down': 0.02},
    **{'standing_up': 0.02, 'lying': 0.008, 'handing_over': 0.006, 'jumping': 0.003},
    **{'falling': 0.002, 'crawling': 0.001},
}
LABELS = tuple(SHARES)
ZONES = ('bed', 'door', 'kitchen', 'stairs')
CAMERAS = 200
TRACKS = 50  # of a recording
HOUR = 3600 * NANOSECONDS
FIRST = 1_767_225_600 * NANOSECONDS  # 2026-01-01
GOALS = 100.0, 1000.0, 2048.0  # ms at the median and 99th percentile, MB
DIMENSION, CLUSTERS = 64, 2000
NEIGHBOURS = 10
BATCH = 500  # recordings that are made at a time
MODEL, WORDS = ('made_up', '0' * 64), ('made_up_words', '1' * 64)
PICTURE_DIMENSION = 512
APART = 1.5  # how far words are from pictures, in lengths of what they share with one
KINDS: dict[str, str] = {
    'action, score': '{any} score >= {score}',
    'action, zone': '{any} in zone {zone}',
    'action, time of day': '{any} between {hour}:00 and {later}:00',
    'action, camera, date': '{any} camera {camera} from {date} until {date}',
    'duration': '{any} for {seconds} s',
    'order of two': '{any} then {other} within {seconds} s',
    'order of three': '{any} then {rare} within {seconds} s then {other} for 5 s',
    'nothing follows': '{rare} then not standing_up within {seconds} s',
    'at the same time': '{rare} with {any} on camera {camera} or {rare} while {any}',
    'absence': 'nobody in zone {zone} for {minutes} min',
    'brackets': '({rare} or {other}) and not (in {zone} or camera {camera}) and score > {score}',
}
COMMON = LABELS[:5]
RARE = LABELS[-5:]


@dataclass(frozen=True)
class Size:
    """How much is made up."""

    recordings: int
    instances: int  # of a recording
    vectors: int
    appearances: int = 0


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        times: By the wall clock in ms, of each query of a kind, by kind.
        work: The same in time of cores, of all threads together.
        hits: That queries of a kind found in all, by kind.
        memory: The most that the searching process held, in MB.
        fill: Time to fill the index, in s.
        size: Of the database, in MB.
        recall: Share of the ten nearest that a search by example finds.
        text_recall: Likewise by words, which are farther from all pictures than these from each
            other; None where there are no pictures.
    """

    times: dict[str, list[float]]
    work: dict[str, list[float]]
    hits: dict[str, int]
    memory: float
    fill: float
    size: float
    recall: float
    text_recall: float | None = None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--recordings', type=int, default=10_000, help='of one hour each')
    parser.add_argument('--instances', type=int, default=1000, help='of each recording')
    parser.add_argument('--vectors', type=int, default=250_000, help='of segments')
    parser.add_argument('--appearances', type=int, default=50_000, help='vectors of pictures')
    parser.add_argument('--queries', type=int, default=40, help='of each kind')
    parser.add_argument('--folder', type=Path, help='where the index is kept; made if it is not')
    args = parser.parse_args()
    size = Size(args.recordings, args.instances, args.vectors, args.appearances)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        measured = measure(folder, size, args.queries)
    count = size.recordings * size.instances
    print(
        f'{count} instances of {size.recordings} recordings of an hour: filled in '
        f'{measured.fill:.0f} s, {measured.size:.0f} MB'
    )
    print('\n'.join(table(measured)))
    return 0


def measure(folder: Path, size: Size, queries: int) -> Measured:
    """Fill an index, unless it is there, and search it; in this process."""
    began = time.monotonic()
    if not (folder / DATABASE).exists():
        fill(folder, size)
    filled = time.monotonic() - began
    chance = np.random.default_rng(1)
    with open_index(folder) as index:
        searcher = Searcher(index.connection, 'UTC')
        times: dict[str, list[float]] = {}
        work: dict[str, list[float]] = {}
        hits = {}
        for kind, pattern in KINDS.items():
            texts = [
                pattern.format(**_values(chance, searcher.catalogue.cameras))
                for _ in range(queries + 1)
            ]
            asked = [lambda t=text: len(searcher.search(t).hits) for text in texts]
            times[kind], work[kind], hits[kind] = _timed(asked)
        nearest = [_like(index, searcher, row) for row in chance.integers(0, size.vectors, queries)]
        ways = {'example': nearest}
        if size.appearances:
            ways['text'] = [
                _by_text(index, searcher, row, chance)
                for row in chance.integers(0, size.appearances, queries)
            ]
        recalls = {}
        for way, each in ways.items():
            asked = [lambda n=n: len(n(False)) for n in each]
            times[way], work[way], hits[way] = _timed(asked)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for way, each in ways.items():
            recalls[way] = float(np.mean([_overlap(one(False), one(True)) for one in each]))
    size_now = (folder / DATABASE).stat().st_size / 2**20
    found = recalls['example'], recalls.get('text')
    return Measured(times, work, hits, memory, filled, size_now, *found)


def table(measured: Measured) -> list[str]:
    """Return the lines of a Markdown table, and what holds for all."""
    lines = [
        '| query | median, ms | p99, ms | median of core time, ms | p99 of it | hits shown |',
        '|---|---|---|---|---|---|',
    ]
    for kind, times in measured.times.items():
        p50, p99 = np.percentile(times, (50, 99))
        mean = measured.hits[kind] / len(times)
        c50, c99 = np.percentile(measured.work[kind], (50, 99))
        lines.append(f'| {kind} | {p50:.0f} | {p99:.0f} | {c50:.0f} | {c99:.0f} | {mean:.0f} |')
    every = [each for times in measured.times.values() for each in times]
    p50, p99 = np.percentile(every, (50, 99))
    c50, c99 = np.percentile([w for work in measured.work.values() for w in work], (50, 99))
    lines += [
        f'| all | {p50:.0f} | {p99:.0f} | {c50:.0f} | {c99:.0f} | |',
        '',
        f'goals: {GOALS[0]:.0f} ms and {GOALS[1]:.0f} ms; memory {measured.memory:.0f} MB (goal '
        f'{GOALS[2]:.0f} MB); recall@{NEIGHBOURS} {measured.recall:.3f}',
    ]
    if measured.text_recall is not None:
        lines[-1] += f', by text {measured.text_recall:.3f}'
    return lines


def _timed(asked: list[Callable[[], int]]) -> tuple[list[float], list[float], int]:
    """Return times and core times in ms of all but the first, and the sum of what they return."""
    asked[0]()
    times, work, found = [], [], 0
    for ask in asked[1:]:
        began, worked = time.perf_counter(), time.process_time()
        found += ask()
        times.append(1000 * (time.perf_counter() - began))
        work.append(1000 * (time.process_time() - worked))
    return times, work, found


def _values(chance: np.random.Generator, cameras: Sequence[str]) -> dict[str, str]:
    hour = int(chance.integers(0, 22))
    return {
        'any': str(chance.choice(LABELS)),
        'other': str(chance.choice(LABELS)),
        'rare': str(chance.choice(RARE)),
        'zone': str(chance.choice(ZONES)),
        'camera': str(chance.choice(cameras)),
        'score': f'{chance.uniform(0.5, 0.95):.2f}',
        'hour': str(hour),
        'later': str(hour + 2),
        'date': f'2026-01-{chance.integers(1, 3):02d}',
        'seconds': str(chance.integers(5, 60)),
        'minutes': str(chance.integers(5, 40)),
    }


def _like(
    index: Index, searcher: Searcher, row: int
) -> Callable[[bool], list[tuple[int, int, int]]]:
    stored = index.vectors(*MODEL)
    example = Example(*MODEL, stored.rows(np.array([row])), frozenset({int(row)}))
    return _nearest(index, searcher, example)


def _by_text(
    index: Index, searcher: Searcher, row: int, chance: np.random.Generator
) -> Callable[[bool], list[tuple[int, int, int]]]:
    """Return a search by a vector that shares something with a picture, as words do."""
    picture = index.vectors(*WORDS).rows(np.array([row]))
    apart = chance.normal(size=picture.shape)
    vectors = picture + APART * apart / np.linalg.norm(apart)
    example = Example(*WORDS, vectors.astype(np.float32), by=By.APPEARANCE)
    return _nearest(index, searcher, example)


def _nearest(
    index: Index, searcher: Searcher, example: Example
) -> Callable[[bool], list[tuple[int, int, int]]]:
    def nearest(exact: bool) -> list[tuple[int, int, int]]:
        found = search_like(index, searcher, [example], None, NEIGHBOURS, exact)
        return [(hit.view, hit.track or 0, hit.start) for hit in found.hits]

    return nearest


def _overlap(found: list[tuple[int, int, int]], exact: list[tuple[int, int, int]]) -> float:
    return len(set(found) & set(exact)) / len(exact)


def fill(folder: Path, size: Size) -> None:
    """Fill the database and the vectors of an index."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    with duckdb.connect(str(folder / DATABASE), config={'memory_limit': '1GB'}) as connection:
        for name, columns in TABLES.items():
            connection.execute(f'CREATE TABLE {name} ({columns})')
        connection.execute('INSERT INTO meta VALUES (?, ?)', ['version', str(VERSION)])
        for name, names in (('labels', LABELS), ('zones', ZONES)):
            numbers = {'number': np.arange(len(names), dtype=np.int16), 'name': np.array(names)}
            _insert(connection, name, numbers)
        vectors = {'segments': 0, 'appearances': 0}
        for first in range(0, size.recordings, BATCH):
            views = np.arange(first, min(first + BATCH, size.recordings), dtype=np.int32)
            for name, rows in _tables(views, size, vectors, chance):
                _insert(connection, name, rows)
                if name in vectors:
                    vectors[name] += len(rows['view'])
        for made_by, dimension, count in (
            (MODEL, DIMENSION, vectors['segments']),
            (WORDS, PICTURE_DIMENSION, vectors['appearances']),
        ):
            if count:
                file = write_vectors(folder, 0, _vectors(count, dimension, chance))
                connection.execute(
                    'INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?)',
                    [*made_by, file.file, file.first, file.count, file.dimension],
                )


def _insert(connection: duckdb.DuckDBPyConnection, name: str, rows: dict[str, np.ndarray]) -> None:
    connection.register('batch', rows)
    connection.execute(' '.join(('INSERT INTO', name, 'SELECT * FROM batch')))
    connection.unregister('batch')


def _tables(
    views: np.ndarray, size: Size, vectors: dict[str, int], chance: np.random.Generator
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield the rows of some recordings, of one camera each."""
    count = len(views)
    start = FIRST + views.astype(np.int64) * HOUR // 24 * 24 % (60 * 24 * HOUR)
    names = [f'/archive/{view // 100:03d}/{view:05d}.mp4' for view in views]
    zero, one = np.zeros(count, np.int64), np.ones(count, np.int32)
    same, words = ([np.array([text] * count) for text in made_by] for made_by in (MODEL, WORDS))
    yield (
        'recordings',
        {
            **{'recording': views, 'key': np.array(names), 'path': np.array(names)},
            **{'content': np.array(names), 'size': zero, 'mtime': zero},
            **{'model': same[0], 'weights': same[1], 'start': start, 'end': start + HOUR},
            **{'words': words[0], 'words_weights': words[1]},
        },
    )
    yield (
        'views',
        {
            **{'view': views, 'recording': views, 'number': zero.astype(np.int16)},
            'camera': np.array([f'cam{view % CAMERAS:03d}' for view in views]),
            **{'start': start, 'end': start + HOUR, 'frames': 36000 * one, 'broken': 0 * one},
            **{'width': 640 * one, 'height': 480 * one, 'clock': np.ones(count, bool)},
        },
    )
    view = np.repeat(views, TRACKS)
    begins = np.sort(chance.uniform(0, 0.9, (count, TRACKS)), axis=1).ravel()
    lasts = np.minimum(chance.exponential(0.1, len(view)) + 0.01, 1 - begins)
    opened = np.repeat(start, TRACKS) + (begins * HOUR).astype(np.int64)
    closed = opened + (lasts * HOUR).astype(np.int64)
    track = np.tile(np.arange(1, TRACKS + 1, dtype=np.int32), count)
    score = chance.uniform(0.5, 1, len(view)).astype(np.float32)
    spans = {'view': view, 'track': track, 'start': opened, 'end': closed}
    yield 'tracks', {**spans, 'score': score, 'boxes': 100 * np.ones(len(view), np.int32)}
    yield 'instances', _instances(spans, size.instances // TRACKS, chance)
    at = chance.uniform(0, 0.6, len(view)) * (closed - opened)
    yield (
        'stays',
        {
            **{'view': view, 'track': track},
            'zone': chance.integers(0, len(ZONES), len(view)).astype(np.int16),
            'start': opened + at.astype(np.int64),
            'end': opened + (at + 0.3 * (closed - opened)).astype(np.int64),
        },
    )
    for name, most in (('segments', size.vectors), ('appearances', size.appearances)):
        left = min(max(most - vectors[name], 0), len(view))
        rows = np.arange(vectors[name], vectors[name] + left, dtype=np.int64)
        yield name, {**{key: column[:left] for key, column in spans.items()}, 'vector': rows}


def _instances(
    spans: dict[str, np.ndarray], each: int, chance: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return what tracks do, one after the other, sorted by view and start."""
    tracks = len(spans['view'])
    edges = np.sort(chance.uniform(0, 1, (tracks, each + 1)), axis=1)
    opened, length = spans['start'][:, None], (spans['end'] - spans['start'])[:, None]
    start = (opened + edges[:, :-1] * length).astype(np.int64).ravel()
    end = (opened + edges[:, 1:] * length).astype(np.int64).ravel()
    view, track = (np.repeat(spans[name], each) for name in ('view', 'track'))
    order = np.lexsort((start, view))
    view = view[order]
    shares = np.array(list(SHARES.values()))
    label = chance.choice(len(LABELS), len(view), p=shares / shares.sum()).astype(np.int16)
    firsts = np.searchsorted(view, view)
    box = np.full(len(view), 0.5, np.float32)
    return {
        **{'view': view, 'instance': (np.arange(len(view)) - firsts + 1).astype(np.int32)},
        **{'track': track[order], 'label': label, 'start': start[order], 'end': end[order]},
        'score': chance.uniform(0.4, 1, len(view)).astype(np.float32),
        **{'x1': box - 0.1, 'y1': box - 0.3, 'x2': box + 0.1, 'y2': box + 0.3},
    }


def _vectors(count: int, dimension: int, chance: np.random.Generator) -> np.ndarray:
    """Return clustered vectors of length 1: float16 (count, dimension)."""
    centres = chance.normal(size=(CLUSTERS, dimension)).astype(np.float32)
    found = centres[chance.integers(0, CLUSTERS, count)]
    found += 0.5 * chance.normal(size=found.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


if __name__ == '__main__':
    raise SystemExit(main())

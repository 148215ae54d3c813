"""Build the database of an index from its Parquet files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from actloc_ros.recordings.index.model import EARLIEST_CLOCK, VERSION, RecordingsError
from actloc_ros.recordings.index.parquet import SCALARS, RecordingFile
from actloc_ros.recordings.index.vectors import VectorFile, most_exact, write_vectors

MEMORY = '1GB'
BATCH = 1_000_000  # rows that are inserted at a time
TABLES = {
    'meta': 'key VARCHAR, value VARCHAR',
    'recordings': 'recording INTEGER PRIMARY KEY, key VARCHAR, path VARCHAR, content VARCHAR,'
    ' size BIGINT, mtime BIGINT, model VARCHAR, weights VARCHAR, start BIGINT, "end" BIGINT,'
    ' words VARCHAR, words_weights VARCHAR',
    'views': 'view INTEGER PRIMARY KEY, recording INTEGER, number SMALLINT, camera VARCHAR,'
    ' start BIGINT, "end" BIGINT, frames INTEGER, broken INTEGER, width INTEGER, height INTEGER,'
    ' wall_clock BOOLEAN',
    'labels': 'label SMALLINT, name VARCHAR',
    'zones': 'zone SMALLINT, name VARCHAR',
    'tracks': 'view INTEGER, track INTEGER, start BIGINT, "end" BIGINT, score REAL, boxes INTEGER',
    'instances': 'view INTEGER, instance INTEGER, track INTEGER, label SMALLINT, start BIGINT,'
    ' "end" BIGINT, score REAL, x1 REAL, y1 REAL, x2 REAL, y2 REAL',
    'stays': 'view INTEGER, track INTEGER, zone SMALLINT, start BIGINT, "end" BIGINT',
    'segments': 'view INTEGER, track INTEGER, start BIGINT, "end" BIGINT, vector BIGINT',
    'appearances': 'view INTEGER, track INTEGER, start BIGINT, "end" BIGINT, vector BIGINT',
    'alarms': 'view INTEGER, alarm INTEGER, rule VARCHAR, severity VARCHAR, start BIGINT,'
    ' "end" BIGINT, tracks INTEGER[], labels VARCHAR[]',
    'vectors': 'model VARCHAR, weights VARCHAR, file VARCHAR, "first" BIGINT, count BIGINT,'
    ' dimension INTEGER',
}
LISTS = ('tracks', 'instances', 'stays', 'segments', 'alarms')
ModelName = tuple[str, str]
"""A model's name and its weights' hash."""


@dataclass(frozen=True)
class VectorKind:
    """Where a recording's file keeps vectors of one kind.

    Attributes:
        rows: The table of what they are of.
        column: The vectors.
        model: Returns what made them.
        dimension: Returns how many numbers each has; 0 where there are none.
    """

    rows: str
    column: str
    model: Callable[[RecordingFile], ModelName]
    dimension: Callable[[RecordingFile], int]


KINDS = (
    VectorKind(
        *('segments', 'vectors'),
        lambda file: (file.model.name, file.model.weights),
        lambda file: file.dimension,
    ),
    VectorKind(
        *('appearances', 'appearance_vectors'),
        lambda file: (file.model.words, file.model.words_weights),
        lambda file: file.appearance_dimension,
    ),
)


def build_database(path: Path, folder: Path, files: Sequence[RecordingFile]) -> list[str]:
    """Write the database to `path`, and vectors to `folder`.

    Recordings and views are numbered from 0 in the order of `files`. Instances are sorted by view
    and start, since those of a view are.

    Args:
        path: A file that does not exist.
        folder: Of the index.
        files: By name.

    Returns:
        The names of the files of vectors.

    Raises:
        RecordingsError: A file is broken.
        OutputError: There is no room for vectors.
        duckdb.Error: There is no room.
    """
    labels = _numbered(name for file in files for name in file.model.labels)
    zones = _numbered(name for file in files for name in file.model.zones)
    # More threads could change the order of rows.
    with duckdb.connect(str(path), config={'threads': 1, 'memory_limit': MEMORY}) as connection:
        for name, columns in TABLES.items():
            connection.execute(f'CREATE TABLE {name} ({columns})')
        connection.execute('INSERT INTO meta VALUES (?, ?)', ['version', str(VERSION)])
        for name, numbers in (('labels', labels), ('zones', zones)):
            _insert(connection, name, _columns({'number': numbers.values(), 'name': numbers}))
        counts = _Filler(connection, labels, zones).fill(files)
        vectors = [
            (*model, vectors)
            for (kind, model), count in counts.items()
            for vectors in _write_vectors(folder, kind, model, files, count)
        ]
        for name, weights, v in vectors:
            connection.execute(
                'INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?)',
                [name, weights, v.file, v.first, v.count, v.dimension],
            )
        connection.execute('CHECKPOINT')
    return [v.file for _, _, v in vectors]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}


def _columns(values: Mapping[str, Iterable[Any]]) -> pa.Table:
    types = {'number': pa.int16(), 'name': pa.string()}
    return pa.table({name: pa.array(list(v), types[name]) for name, v in values.items()})


def _insert(connection: Any, table: str, batch: pa.Table) -> None:
    connection.register('batch', batch)
    connection.execute(f'INSERT INTO {table} SELECT * FROM batch')  # noqa: S608 - a name of ours
    connection.unregister('batch')


class _Filler:
    """Fills the tables that have rows of each recording."""

    def __init__(
        self, connection: Any, labels: Mapping[str, int], zones: Mapping[str, int]
    ) -> None:
        """Begin; `labels` and `zones` give their numbers in the database."""
        self._connection = connection
        self._numbers = {'label': labels, 'zone': zones}
        self._views = 0
        self._vectors: dict[tuple[VectorKind, ModelName], int] = defaultdict(int)
        self._waiting: dict[str, list[pa.Table]] = defaultdict(list)
        self._rows = 0

    def fill(self, files: Sequence[RecordingFile]) -> dict[tuple[VectorKind, ModelName], int]:
        """Insert all rows; return how many vectors of each kind each model has."""
        for number, file in enumerate(files):
            self._add(number, file)
            if self._rows >= BATCH:
                self._flush()
        self._flush()
        return {which: count for which, count in self._vectors.items() if count}

    def _add(self, number: int, file: RecordingFile) -> None:
        lists = (*LISTS, *(('appearances',) if file.model.words else ()))
        table = file.table([*SCALARS, *lists])
        views = np.arange(self._views, self._views + len(table), dtype=np.int32)
        self._views += len(table)
        self._wait('recordings', _recording_row(number, file, table))
        self._wait('views', _view_rows(number, views, table))
        for name in lists:
            batch = _rows(table[name], views)
            for column, names in (('label', file.model.labels), ('zone', file.model.zones)):
                if column in batch.column_names:
                    batch = self._renumber(file, batch, column, names)
            for kind in KINDS:
                if kind.rows == name:
                    batch = self._with_vectors(kind, file, batch)
            self._wait(name, batch)

    def _with_vectors(self, kind: VectorKind, file: RecordingFile, batch: pa.Table) -> pa.Table:
        """Return a batch with the rows of its vectors among all of the same model."""
        which, known = (kind, kind.model(file)), bool(kind.dimension(file))
        first = self._vectors[which] if known else 0
        self._vectors[which] += len(batch) if known else 0
        rows = np.arange(first, first + len(batch), dtype=np.int64)
        return batch.append_column('vector', pa.array(rows))

    def _renumber(
        self, file: RecordingFile, batch: pa.Table, column: str, names: Sequence[str]
    ) -> pa.Table:
        """Return a batch with numbers in the database in place of those in the file."""
        numbers = np.array([self._numbers[column][name] for name in names], np.int16)
        own = batch[column].to_numpy()
        if len(own) and not (own.min() >= 0 and own.max() < len(names)):
            raise RecordingsError(f'{file.file} has a {column} without a name; delete it')
        at = batch.column_names.index(column)
        return batch.set_column(at, column, pa.array(numbers[own]))

    def _wait(self, name: str, batch: pa.Table) -> None:
        self._waiting[name].append(batch)
        self._rows += len(batch)

    def _flush(self) -> None:
        for name, batches in self._waiting.items():
            _insert(self._connection, name, pa.concat_tables(batches))
        self._waiting.clear()
        self._rows = 0


def _recording_row(number: int, file: RecordingFile, table: pa.Table) -> pa.Table:
    row = {
        'recording': number,
        'key': file.file.stem,
        'path': file.path,
        'content': file.content,
        'size': file.size,
        'mtime': file.mtime,
        'model': file.model.name,
        'weights': file.model.weights,
        'start': min(table['start'].to_pylist(), default=0),
        'end': max(table['end'].to_pylist(), default=0),
        'words': file.model.words,
        'words_weights': file.model.words_weights,
    }
    return pa.table({name: [value] for name, value in row.items()})


def _view_rows(number: int, views: np.ndarray, table: pa.Table) -> pa.Table:
    clock = table['start'].to_numpy() >= EARLIEST_CLOCK
    return pa.table(
        {
            'view': views,
            'recording': np.full(len(views), number, np.int32),
            **{name: table[name] for name in SCALARS},
            'wall_clock': clock,
        }
    ).select(['view', 'recording', *VIEW_COLUMNS, 'wall_clock'])


VIEW_COLUMNS = ('number', 'camera', 'start', 'end', 'frames', 'broken', 'width', 'height')


def _rows(column: pa.ChunkedArray, views: np.ndarray) -> pa.Table:
    """Return the rows in lists, one list for each view, with the view's number."""
    lists = pa.concat_arrays(column.chunks)
    values = lists.flatten()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    names = ['view', *(field.name for field in values.type)]
    return pa.Table.from_arrays([pa.array(np.repeat(views, lengths)), *values.flatten()], names)


def _write_vectors(
    folder: Path, kind: VectorKind, model: ModelName, files: Sequence[RecordingFile], count: int
) -> Iterator[VectorFile]:
    """Write the vectors of a kind and model.

    They go to one file; many to one for each first digit of keys, so that another recording
    changes one file alone.
    """
    own = [file for file in files if kind.model(file) == model and kind.dimension(file)]
    few, first = count <= most_exact(kind.dimension(own[0])), 0
    for _, group in groupby(own, key=lambda file: '' if few else file.file.stem[0]):
        vectors = np.concatenate([_vectors(kind, file) for file in group])
        if len(vectors):
            yield write_vectors(folder, first, vectors)
            first += len(vectors)


def _vectors(kind: VectorKind, file: RecordingFile) -> np.ndarray:
    data = b''.join(file.table([kind.column])[kind.column].to_pylist())
    return np.frombuffer(data, '<f2').reshape(-1, kind.dimension(file))

"""Lay out a recording's entries as one Parquet file: a row group for each view."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from actloc_ros.files import one_line
from actloc_ros.recordings.index.model import (
    INSTANCES,
    KEYS,
    SEGMENTS,
    STAYS,
    TRACKS,
    VERSION,
    IndexedAlarm,
    IndexedModel,
    IndexedRecording,
    IndexedView,
    NewerVersionError,
    RecordingsError,
)

METADATA = b'actloc'
AGAIN = '; delete it and run `actloc index` again'
TABLES = {
    'tracks': TRACKS,
    'instances': INSTANCES,
    'stays': STAYS,
    'segments': SEGMENTS,
    'keys': KEYS,
}
SCALARS = {
    'number': pa.int16(),
    'camera': pa.string(),
    'start': pa.int64(),
    'end': pa.int64(),
    'frames': pa.int32(),
    'broken': pa.int32(),
    'width': pa.int32(),
    'height': pa.int32(),
}
ALARM = pa.struct(
    {
        'alarm': pa.int32(),
        'rule': pa.string(),
        'severity': pa.string(),
        'start': pa.int64(),
        'end': pa.int64(),
        'tracks': pa.list_(pa.int32()),
        'labels': pa.list_(pa.string()),
    }
)


def struct_type(dtype: np.dtype) -> pa.StructType:
    """Return the Arrow type of a row of a table of `model`."""
    assert dtype.names is not None
    return pa.struct({name: pa.from_numpy_dtype(dtype[name]) for name in dtype.names})


SCHEMA = pa.schema(
    {
        **SCALARS,
        **{name: pa.list_(struct_type(dtype)) for name, dtype in TABLES.items()},
        'alarms': pa.list_(ALARM),
        'vectors': pa.binary(),
        'joints': pa.binary(),
    }
)
WITH_APPEARANCES = pa.schema(
    [
        *SCHEMA,
        pa.field('appearances', pa.list_(struct_type(SEGMENTS))),
        pa.field('appearance_vectors', pa.binary()),
    ]
)
"""The columns where a network of words took part, and those where none did. `vectors` are float16,
little endian, one after the other, in the order of `segments`; `appearance_vectors` likewise in the
order of `appearances`, and `joints` in that of `keys`, null where the model has none."""


def encode(recording: IndexedRecording) -> bytes:
    """Return the Parquet file of a recording; the same for the same."""
    facts = {
        'version': VERSION,
        'path': recording.path,
        'content': recording.content,
        'size': recording.size,
        'mtime': recording.mtime,
        'fault': recording.fault,
        'model': asdict(recording.model),
        'dimension': max((view.vectors.shape[1] for view in recording.views), default=0),
        'appearance_dimension': max(
            (view.appearance_vectors.shape[1] for view in recording.views), default=0
        ),
    }
    plain = WITH_APPEARANCES if recording.model.words else SCHEMA
    schema = plain.with_metadata({METADATA: json.dumps(facts, sort_keys=True).encode()})
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, compression='zstd', write_page_checksum=True) as writer:
        for view in recording.views:
            writer.write_table(_table(view, schema))
    return out.getvalue()


def _table(view: IndexedView, schema: pa.Schema) -> pa.Table:
    columns = {name: pa.array([getattr(view, name)], kind) for name, kind in SCALARS.items()}
    for name, dtype in TABLES.items():
        columns[name] = _one_list(getattr(view, name), dtype)
    columns['alarms'] = pa.array([[asdict(alarm) for alarm in view.alarms]], pa.list_(ALARM))
    columns['vectors'] = pa.array([_half(view.vectors)], pa.binary())
    joints = None if view.joints is None else _half(view.joints)
    columns['joints'] = pa.array([joints], pa.binary())
    columns['appearances'] = _one_list(view.appearances, SEGMENTS)
    columns['appearance_vectors'] = pa.array([_half(view.appearance_vectors)], pa.binary())
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _half(values: np.ndarray) -> bytes:
    return values.astype('<f2').tobytes()


def _one_list(table: np.ndarray, dtype: np.dtype) -> pa.Array:
    """Return a column of one row, which is the list of all rows of `table`."""
    kind = struct_type(dtype)
    assert dtype.names is not None
    parts = [pa.array(np.ascontiguousarray(table[name])) for name in dtype.names]
    rows = pa.StructArray.from_arrays(parts, fields=list(kind))
    return pa.ListArray.from_arrays(pa.array([0, len(table)], pa.int32()), rows)


class RecordingFile:
    """One recording's Parquet file, opened to be read.

    Attributes:
        path: The recording's.
        content: See `IndexedRecording`; so are `size`, `mtime`, `model` and `fault`.
        dimension: Of the vectors; 0 where there are none.
        appearance_dimension: Of the vectors of pictures; 0 where there are none.
        views: How many there are.
    """

    def __init__(self, file: Path) -> None:
        """Read what it says of itself.

        Raises:
            RecordingsError: It is no such file, broken, or of a newer version.
        """
        self.file = file
        try:
            self._parquet = pq.ParquetFile(file, page_checksum_verification=True)
            facts = json.loads((self._parquet.schema_arrow.metadata or {})[METADATA])
            self._read_facts(facts)
            self._schema = WITH_APPEARANCES if self.model.words else SCHEMA
            fits = self._parquet.schema_arrow.remove_metadata().equals(self._schema)
        except RecordingsError:
            raise
        except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:
            raise RecordingsError(
                f'{file} is no part of an index ({one_line(error)}){AGAIN}'
            ) from error
        if not fits:
            raise RecordingsError(f'{file} has other columns than an index has{AGAIN}')
        self.views = self._parquet.num_row_groups

    def _read_facts(self, facts: dict[str, Any]) -> None:
        version = int(facts['version'])
        if version > VERSION:
            raise newer_version(self.file, version)
        self.path, self.content = str(facts['path']), str(facts['content'])
        self.fault = str(facts['fault'])
        self.size, self.mtime = int(facts['size']), int(facts['mtime'])
        model = _with_tuples(facts['model'])
        self.model = IndexedModel(**model)
        self.dimension = int(facts['dimension'])
        self.appearance_dimension = int(facts.get('appearance_dimension', 0))

    def table(self, columns: list[str]) -> pa.Table:
        """Return these columns, a row for each view, by number.

        Raises:
            RecordingsError: The file is broken.
        """
        return self._read(range(self.views), columns)

    def read(self, number: int, columns: list[str]) -> pa.Table:
        """Return these columns of the view with this number: one row; see `table`."""
        return self._read([number], columns)

    def recording(self) -> IndexedRecording:
        """Return all of it but the thumbnails."""
        try:
            columns = self._schema.names
            views = tuple(self._view(self.read(i, columns)) for i in range(self.views))
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, RecordingsError):
                raise
            raise RecordingsError(f'{self.file} is broken ({one_line(error)}){AGAIN}') from error
        return IndexedRecording(
            self.path, self.content, self.size, self.mtime, self.model, views, fault=self.fault
        )

    def _read(self, groups: Any, columns: list[str]) -> pa.Table:
        try:
            return self._parquet.read_row_groups(list(groups), columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise RecordingsError(f'{self.file} is broken ({one_line(error)}){AGAIN}') from error

    def _view(self, table: pa.Table) -> IndexedView:
        [row] = table.select([*SCALARS, 'alarms']).to_pylist()
        alarms = tuple(IndexedAlarm(**_with_tuples(alarm)) for alarm in row.pop('alarms'))
        tables: dict[str, Any] = {
            name: as_rows(table[name], dtype) for name, dtype in TABLES.items()
        }
        vectors = as_half(table['vectors'], (-1, self.dimension))
        joints = as_half(table['joints'], (-1, len(self.model.joint_names), 3))
        if vectors is None:
            vectors = np.zeros((0, self.dimension), np.float16)
        view = IndexedView(**row, **tables, vectors=vectors, joints=joints, alarms=alarms)
        if not self.model.words:
            return view
        pictures = as_half(table['appearance_vectors'], (-1, self.appearance_dimension))
        if pictures is None:
            pictures = np.zeros((0, self.appearance_dimension), np.float16)
        appearances = as_rows(table['appearances'], SEGMENTS)
        return replace(view, appearances=appearances, appearance_vectors=pictures)


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}


def newer_version(file: Path, version: int) -> NewerVersionError:
    """Return the error of a file that a newer release wrote."""
    return NewerVersionError(
        f'{file} is of version {version} of the index, and this release reads versions up to '
        f'{VERSION}; use the release that wrote it, or index into another folder'
    )


def as_rows(column: pa.ChunkedArray, dtype: np.dtype) -> np.ndarray:
    """Return the rows of all lists in a column as a table of `model`."""
    assert dtype.names is not None
    values = pa.concat_arrays(column.chunks).flatten() if column.num_chunks else None
    table = np.zeros(0 if values is None else len(values), dtype)
    if values is not None:
        for name, part in zip(dtype.names, values.flatten(), strict=True):
            table[name] = part.to_numpy(zero_copy_only=False)
    return table


def as_half(column: pa.ChunkedArray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the float16 numbers of the only row in a column; None where it is null or empty."""
    [data] = column.to_pylist()
    if not data:
        return None
    return np.frombuffer(data, '<f2').reshape(shape)

"""Open an index to read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np

from actloc_ros.files import one_line
from actloc_ros.io.source import DEFAULT_RATE
from actloc_ros.recordings.index.model import KEYS, VERSION, BoxPath, IndexedModel, RecordingsError
from actloc_ros.recordings.index.parquet import RecordingFile, as_half, as_rows, newer_version
from actloc_ros.recordings.index.store import DATABASE, recording_path, thumbnail_path
from actloc_ros.recordings.index.vectors import VectorFile, Vectors

MEMORY, THREADS = '1GB', 2
VIEWS_KEPT = 8  # whose boxes are kept in memory


@dataclass(frozen=True)
class RecordingRow:
    """A row of the table `recordings`; times in ns."""

    recording: int
    key: str
    path: str
    content: str
    size: int
    mtime: int
    model: str
    weights: str
    start: int
    end: int
    words: str = ''
    words_weights: str = ''


@dataclass(frozen=True)
class ViewRow:
    """A row of the table `views`; times in ns."""

    view: int
    recording: int
    number: int
    camera: str
    start: int
    end: int
    frames: int
    broken: int
    width: int
    height: int
    wall_clock: bool


class Index:
    """A published index; what is published later is not seen.

    Attributes:
        folder: Where it is.
        connection: To the database, which cannot be written, and from which no other file can be
            reached.
    """

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Use a connection; see `open_index`."""
        self.folder, self.connection = folder, connection
        self._keys = lru_cache(VIEWS_KEPT)(self._read_keys)
        self._vectors: dict[tuple[str, str], Vectors] = {}

    def recordings(self) -> list[RecordingRow]:
        """Return all recordings, by number."""
        return [RecordingRow(*row) for row in self._all('recordings', 'recording')]

    def views(self) -> list[ViewRow]:
        """Return all views, by number."""
        return [ViewRow(*row) for row in self._all('views', 'view')]

    def labels(self) -> tuple[str, ...]:
        """Return the names of actions, by number."""
        return tuple(row[1] for row in self._all('labels', 'label'))

    def zones(self) -> tuple[str, ...]:
        """Return the names of zones, by number."""
        return tuple(row[1] for row in self._all('zones', 'zone'))

    def boxes(self, view: int, track: int) -> BoxPath:
        """Return the boxes and joints of a track.

        Raises:
            RecordingsError: There is no such track; the recording's file is broken, or was
                replaced by a newer one.
        """
        keys, joints = self._keys(view)
        chosen = keys['track'] == track
        if not chosen.any():
            raise RecordingsError(f'{self.folder} has no track {track} in view {view}')
        own = keys[chosen]
        boxes = np.stack([own[name] for name in ('x1', 'y1', 'x2', 'y2')], axis=-1)
        return BoxPath(own['stamp'], boxes, None if joints is None else joints[chosen])

    def thumbnail(self, view: int, instance: int) -> Path:
        """Return where the picture of an instance is: a JPEG file, which may be missing.

        Raises:
            RecordingsError: There is no such view.
        """
        key, number = self._file_of(view)
        return thumbnail_path(self.folder, key, number, instance)

    def joint_names(self, view: int) -> tuple[str, ...]:
        """Return the names of the joints in `boxes`, in order; see there."""
        return self._open(self._file_of(view)[0]).model.joint_names

    def image_rate(self, view: int) -> float:
        """Return the rate in Hz by which a folder of images was indexed.

        Raises:
            RecordingsError: There is no such view; the recording's file is missing or broken.
        """
        settings = json.loads(self._open(self._file_of(view)[0]).model.settings)
        return float(settings.get('rate', DEFAULT_RATE))

    def models(self) -> list[tuple[str, str]]:
        """Return the models there are: names and weights' hashes."""
        query = 'SELECT DISTINCT model, weights FROM recordings ORDER BY ALL'
        return [(name, weights) for name, weights in self.query(query)]

    def words(self) -> list[tuple[str, str]]:
        """Return the networks of images and words that took part: names and weights' hashes."""
        rows = self.recordings()  # of an index that was made before these were, they say none
        return sorted({(row.words, row.words_weights) for row in rows if row.words})

    def entries(self) -> list[IndexedModel]:
        """Return what made the entries: for each model and weights, that of one recording.

        Raises:
            RecordingsError: A recording's file is missing or broken.
        """
        query = 'SELECT min(key) FROM recordings GROUP BY model, weights ORDER BY model, weights'
        return [self._open(key).model for (key,) in self.connection.execute(query).fetchall()]

    def vectors(self, model: str, weights: str) -> Vectors:
        """Return the vectors of a model, to which `segments.vector` points; may be none.

        They are kept open.
        """
        if (model, weights) not in self._vectors:
            query = (
                'SELECT file, "first", count, dimension FROM vectors'
                ' WHERE model = ? AND weights = ? ORDER BY "first"'
            )
            files = [VectorFile(*row) for row in self.query(query, [model, weights])]
            self._vectors[model, weights] = Vectors(self.folder, files)
        return self._vectors[model, weights]

    def query(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that a query in SQL gives.

        Args:
            text: The query, with a `?` for each value: never put values into it.
            values: Of the query.

        Raises:
            RecordingsError: The database is broken, or the query is wrong.
        """
        try:
            return self.connection.execute(text, list(values)).fetchall()
        except duckdb.Error as error:
            raise RecordingsError(
                f'{self.folder / DATABASE} cannot be read ({one_line(error)}); delete it and run '
                '`actloc index` again'
            ) from error

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def __enter__(self) -> Index:
        """Return the index."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _all(self, table: str, order: str) -> Sequence[Any]:
        query = f'SELECT * FROM {table} ORDER BY {order}'  # noqa: S608 - names of ours
        return self.query(query)

    def _file_of(self, view: int) -> tuple[str, int]:
        query = 'SELECT key, number FROM views JOIN recordings USING (recording) WHERE view = ?'
        rows = self.query(query, [view])
        if not rows:
            raise RecordingsError(f'{self.folder} has no view {view}')
        key, number = rows[0]
        return str(key), int(number)

    def _read_keys(self, view: int) -> tuple[np.ndarray, np.ndarray | None]:
        key, number = self._file_of(view)
        file = self._open(key)
        table = file.read(number, ['keys', 'joints'])
        joints = as_half(table['joints'], (-1, len(file.model.joint_names), 3))
        return as_rows(table['keys'], KEYS), joints

    def _open(self, key: str) -> RecordingFile:
        path = recording_path(self.folder, key)
        if not path.exists():
            raise RecordingsError(
                f'{path} is missing: either it was replaced just now, so ask again, or it was '
                'deleted, so run `actloc index` again'
            )
        return RecordingFile(path)


def open_index(folder: str | Path) -> Index:
    """Open a published index.

    Raises:
        RecordingsError: There is none, it is broken, or of a newer version.
    """
    folder = Path(folder)
    path = folder / DATABASE
    if not path.is_file():
        raise RecordingsError(
            f'{folder} holds no index (no file {DATABASE}); '
            f'make it first: actloc index RECORDING… --into {folder}'
        )
    # In a database of its own: one process may have several versions of the same file open.
    connection = duckdb.connect(':memory:', config={'threads': THREADS, 'memory_limit': MEMORY})
    try:
        _attach(connection, path)
        return Index(folder, connection)
    except duckdb.Error as error:
        connection.close()
        raise RecordingsError(
            f'{path} is no database of an index ({one_line(error)}); '
            'delete it and run `actloc index` again'
        ) from error
    except BaseException:
        connection.close()
        raise


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    quoted = str(path).replace("'", "''")  # as text: this statement takes no parameters
    connection.execute(f"ATTACH '{quoted}' AS files (READ_ONLY)")
    connection.execute('USE files')
    connection.execute('SET enable_external_access = false')
    connection.execute('SET lock_configuration = true')
    row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    version = int(row[0]) if row and str(row[0]).isdecimal() else 0
    if version > VERSION:
        raise newer_version(path, version)
    if version < 1:
        raise RecordingsError(
            f'{path} does not say its version; delete it and run `actloc index` again'
        )

"""Fuzz the files of an index: recordings as Parquet, the database, and vectors."""

from __future__ import annotations

import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np

from actloc_ros.recordings.index import model
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.store import publish, recording_files, write_recording
from fuzz.mutate import mutate_bytes
from fuzz.target import Target


def _recording() -> model.IndexedRecording:
    """Return a small one with everything in it."""
    view = model.IndexedView(
        number=0,
        camera='/door/image',
        start=0,
        end=10**9,
        frames=11,
        width=64,
        height=48,
        tracks=model.rows(model.TRACKS, [(1, 0, 10**9, 0.9, 2)]),
        instances=model.rows(model.INSTANCES, [(1, 1, 0, 0, 10**9, 0.8, 0.1, 0.2, 0.3, 0.4)]),
        stays=model.rows(model.STAYS, [(1, 0, 0, 10**9)]),
        segments=model.rows(model.SEGMENTS, [(1, 0, 10**9)]),
        vectors=np.ones((1, 8), np.float16),
        keys=model.rows(model.KEYS, [(1, 0, 1, 2, 3, 4), (1, 10**9, 1, 2, 3, 4)]),
        joints=np.ones((2, 1, 3), np.float16),
        alarms=(model.IndexedAlarm(1, 'fall', 'alert', 0, 10**9, (1,), ('walking',)),),
    )
    entry = model.IndexedModel('m', '', '{}', ('walking',), ('nose',), ('door',))
    return model.IndexedRecording('a.mp4', '0' * 64, 1, 1, entry, (view,))


@cache
def whole_index() -> dict[str, bytes]:
    """Return the files of an index, by their paths in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_recording(folder, _recording())
        publish(folder)
        files = [path for path in folder.rglob('*') if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _make(suffix: str, random: Random, folder: Path) -> Path:
    """Write an index of which one file is broken."""
    index = folder / 'broken_index'
    for name, data in whole_index().items():
        path = index / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutate_bytes(random, data) if name.endswith(suffix) else data)
    return index


def _read_recordings(folder: Path) -> None:
    for file in recording_files(folder):
        recording = file.recording()
        assert all(len(view.keys) >= 0 for view in recording.views)


def _read_database(folder: Path) -> None:
    with open_index(folder) as index:
        for view in index.views():
            index.thumbnail(view.view, 1)
        index.recordings()
        index.query('SELECT count(*) FROM instances WHERE score > ?', [0.5])
        for name, weights in index.models():
            vectors = index.vectors(name, weights)
            if vectors.dimension == 8:
                vectors.nearest(np.ones(8), 1)


TARGETS = (
    Target('index_recording', partial(_make, '.parquet'), _read_recordings, 3, whole_index),
    Target('index_database', partial(_make, '.duckdb'), _read_database, 1, whole_index),
    Target('index_vectors', partial(_make, '.npy'), _read_database, 1, whole_index),
)

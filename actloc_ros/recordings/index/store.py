"""Write recordings into an index, each whole or not at all, and publish them to searchers."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from actloc_ros.files import OutputError, one_line, write_whole
from actloc_ros.recordings.index.database import build_database
from actloc_ros.recordings.index.model import IndexedRecording, RecordingsError
from actloc_ros.recordings.index.parquet import RecordingFile, encode
from actloc_ros.recordings.index.vectors import PATTERN

RECORDINGS, THUMBNAILS, DATABASE = 'recordings', 'thumbnails', 'index.duckdb'


def write_recording(folder: str | Path, recording: IndexedRecording) -> Path:
    """Write a recording's Parquet file and thumbnails; searchers see it after `publish`.

    The Parquet file comes last and at once, so that where it is, all is.

    Returns:
        The Parquet file.

    Raises:
        OutputError: There is no permission or no room; nothing of the recording is there then.
    """
    folder = Path(folder)
    path = recording_path(folder, recording.key)
    data = encode(recording)
    with _named(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_thumbnails(folder, recording.key, recording.thumbnails)
        try:
            _write(path, data)
        except BaseException:
            shutil.rmtree(folder / THUMBNAILS / recording.key, ignore_errors=True)
            raise
    return path


def rewrite_recording(folder: Path, recording: IndexedRecording) -> None:
    """Write a recording's Parquet file again, with its thumbnails as they are.

    Raises:
        OutputError: There is no permission or no room; the file before stays.
    """
    with _named(folder):
        _write(recording_path(folder, recording.key), encode(recording))


def _write(path: Path, data: bytes) -> None:
    with write_whole(path) as partial, partial.open('wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def recording_path(folder: Path, key: str) -> Path:
    """Return where the Parquet file of the recording called `key` is."""
    return folder / RECORDINGS / f'{key}.parquet'


def thumbnail_path(folder: Path, key: str, number: int, instance: int) -> Path:
    """Return where the picture of an instance is, by the number of its view."""
    return folder / THUMBNAILS / key / f'{number}-{instance}.jpg'


def remove_recording(folder: Path, key: str) -> None:
    """Remove a recording's Parquet file and thumbnails; searchers see it until `publish`."""
    recording_path(folder, key).unlink(missing_ok=True)
    shutil.rmtree(folder / THUMBNAILS / key, ignore_errors=True)


def recording_files(folder: Path) -> list[RecordingFile]:
    """Return the Parquet files of an index, by name.

    Raises:
        RecordingsError: One is broken, or of a newer version.
    """
    return [RecordingFile(path) for path in sorted((folder / RECORDINGS).glob('[!.]*.parquet'))]


def clean(folder: Path) -> None:
    """Remove what a writer left that was killed; no other one may be at work."""
    for kind in (RECORDINGS, THUMBNAILS, '.'):
        for left in (folder / kind).glob('.*'):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            elif left.suffix in ('.parquet', '.duckdb', '.wal', '.npy', '.usearch'):
                left.unlink(missing_ok=True)
    for pictures in (folder / THUMBNAILS).glob('*'):
        if not recording_path(folder, pictures.name).exists():
            shutil.rmtree(pictures, ignore_errors=True)


def publish(folder: str | Path) -> None:
    """Build the database of all recordings that are written, and put it in place at once.

    Searchers that have the one before open go on with it. At most one process may publish at a
    time.

    Raises:
        RecordingsError: A recording's file is broken, or of a newer version.
        OutputError: There is no permission or no room; the database before stays.
    """
    folder = Path(folder)
    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = recording_files(folder)
    before = {path.name for path in folder.glob(PATTERN)}
    partial = folder / f'.{secrets.token_hex(4)}.duckdb'
    try:
        with _named(folder):
            used = build_database(partial, folder, files)
            _flush_to_disk(partial)
            partial.replace(folder / DATABASE)
    finally:
        for left in (partial, partial.with_name(f'{partial.name}.wal')):
            with suppress(OSError):
                left.unlink()
    _remove_vectors(folder, before - set(used))


def _remove_vectors(folder: Path, unused: set[str]) -> None:
    """Remove files of vectors that the database before did not use either.

    A searcher may have opened it a moment ago, and open its vectors only now.
    """
    marker = folder / '.unused'
    last = set(marker.read_text().split('\n')) if marker.exists() else set()
    for name in unused & last:
        (folder / name).unlink(missing_ok=True)
    with write_whole(marker) as partial:
        partial.write_text('\n'.join(sorted(unused - last)))


def _flush_to_disk(path: Path) -> None:
    with path.open('rb') as file:
        os.fsync(file.fileno())


def _write_thumbnails(folder: Path, key: str, thumbnails: Mapping[tuple[int, int], bytes]) -> None:
    place = folder / THUMBNAILS / key
    partial = place.with_name(f'.{secrets.token_hex(4)}')
    shutil.rmtree(place, ignore_errors=True)
    if not thumbnails:
        return
    partial.mkdir(parents=True)
    try:
        for (number, instance), picture in thumbnails.items():
            (partial / f'{number}-{instance}.jpg').write_bytes(picture)
        partial.replace(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Say of an error in writing which folder it was, in a line."""
    try:
        yield
    except (OutputError, RecordingsError):
        raise
    except (OSError, duckdb.Error) as error:
        reason = (isinstance(error, OSError) and error.strerror) or one_line(error)
        raise OutputError(f'{folder} cannot be written: {reason}') from error

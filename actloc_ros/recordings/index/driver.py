"""Index recordings into a folder: what is new, each once, in an order that does not matter."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from actloc_ros.alarms.folder_lock import FolderLock
from actloc_ros.files import make_folder
from actloc_ros.recordings.index.discover import Signature, find_recordings, signature_of
from actloc_ros.recordings.index.model import (
    IndexedModel,
    NewerVersionError,
    RecordingsError,
    recording_key,
)
from actloc_ros.recordings.index.open import open_index
from actloc_ros.recordings.index.parquet import RecordingFile
from actloc_ros.recordings.index.store import (
    clean,
    publish,
    recording_files,
    recording_path,
    remove_recording,
    rewrite_recording,
    write_recording,
)
from actloc_ros.recordings.index.work import Job, Outcome

LOCK = '.lock'
FIRST_PUBLISH = 60.0  # s of work after which searchers see what there is
SHARE = 0.05  # of the time that may go into publishing before all is done

Runner = Callable[[Sequence[Job]], Iterator[Outcome]]
"""Does jobs, the first ones first, and yields what becomes of each."""


@dataclass
class Summary:
    """What a run did.

    Attributes:
        indexed: Recordings that were indexed.
        unchanged: Recordings that were known, by size and time or by content.
        faults: Of recordings, in the order in which they were found.
        frames: That were used.
        seconds: Of footage that was indexed.
    """

    indexed: int = 0
    unchanged: int = 0
    faults: list[str] = field(default_factory=list)
    frames: int = 0
    seconds: float = 0.0


@contextmanager
def lock_index(folder: Path) -> Iterator[None]:
    """Let one process at a time write to an index.

    Raises:
        LockedError: Another one does.
        OutputError: The folder cannot be made.
    """
    make_folder(folder)
    lock = FolderLock(folder / LOCK, f'the index {folder}')
    try:
        yield
    finally:
        lock.release()


class IndexRun:
    """One run over recordings into a folder that is locked.

    Attributes:
        summary: What was done so far.
        jobs: Recordings that are to be read, the largest first.
    """

    def __init__(self, folder: Path, model: IndexedModel, paths: Sequence[str | Path]) -> None:
        """Find the recordings, and which of them are known.

        Raises:
            SourceError: A path does not exist, or there is no recording in it.
            RecordingsError: The index is broken, or of a newer version.
        """
        self.folder, self._model = folder, model
        self.summary = Summary()
        _refuse_newer(folder)
        clean(folder)
        self._files = {file.file.stem: file for file in recording_files(folder)}
        self._signatures: dict[str, Signature] = {}
        # By name of entries, the recordings that hold what they are of.
        self._claims: dict[str, set[str]] = defaultdict(set)
        self.jobs = self._find(find_recordings(paths))
        self._changed = False
        self._published = time.monotonic()
        self._patience = FIRST_PUBLISH

    def take(self, outcome: Outcome) -> str:
        """Keep what became of a job; return what is wrong with its recording, if anything.

        Raises:
            OutputError: There is no room.
        """
        if not outcome.content:
            self.summary.faults.append(outcome.fault)
            return outcome.fault
        fault = outcome.fault
        if outcome.recording is not None:
            recording = outcome.recording
            key = recording.key
            write_recording(self.folder, recording)
            self._files[key] = RecordingFile(recording_path(self.folder, key))
            self._changed = True
            self.summary.indexed += 1
            self.summary.frames += sum(view.frames for view in recording.views)
            spans = ((view.end - view.start) / 1e9 for view in recording.views)
            self.summary.seconds += max(spans, default=0.0)
            fault = recording.fault
        else:
            key = recording_key(outcome.content, self._model)
            self.summary.unchanged += 1
            fault = self._files[key].fault
        self._claims[key].add(str(outcome.job.path))
        if fault:
            self.summary.faults.append(fault)
        self._publish_if_due()
        return fault

    def finish(self) -> None:
        """Say of each entry where its recording lies now, remove those of what is no more.

        Then publish.

        Raises:
            OutputError: There is no room.
        """
        for key, paths in self._claims.items():
            self._settle(key, paths)
        for key, file in list(self._files.items()):
            if file.path in self._signatures and key not in self._claims and self._is_own(file):
                remove_recording(self.folder, key)
                del self._files[key]
                self._changed = True
        if self._changed or not _is_published(self.folder, self._files):
            publish(self.folder)

    def _find(self, paths: Sequence[Path]) -> list[Job]:
        """Return jobs for the recordings that are not known by their size and time."""
        known = {file.path: key for key, file in self._files.items() if self._is_current(file)}
        jobs = []
        for path in paths:
            try:
                str(path).encode()
                signature = signature_of(path)
            except UnicodeEncodeError:
                self.summary.faults.append(
                    f'{str(path)!r}: its name is no UTF-8 text; rename the recording'
                )
                continue
            except OSError as error:
                self.summary.faults.append(f'{path} cannot be read: {error.strerror or error}')
                continue
            self._signatures[str(path)] = signature
            file = self._files.get(known.get(str(path), ''))
            if file is not None and (file.size, file.mtime) == (signature.size, signature.mtime):
                self._claims[file.file.stem].add(str(path))
                self.summary.unchanged += 1
                if file.fault:
                    self.summary.faults.append(file.fault)
                continue
            jobs.append(Job(path, signature, self._alike(signature)))
        return sorted(jobs, key=lambda job: (-job.signature.size, job.path))

    def _is_own(self, file: RecordingFile) -> bool:
        """Say whether entries are of this run's model, with whatever settings."""
        return (file.model.name, file.model.weights) == (self._model.name, self._model.weights)

    def _is_current(self, file: RecordingFile) -> bool:
        return recording_key(file.content, self._model) == file.file.stem

    def _alike(self, signature: Signature) -> frozenset[str]:
        files = self._files.items()
        return frozenset(key for key, file in files if file.size == signature.size)

    def _settle(self, key: str, paths: set[str]) -> None:
        """Give entries the first of the recordings that hold the same."""
        file = self._files[key]
        elsewhere = file.path not in self._signatures and Path(file.path).exists()
        path = min(paths | {file.path} if elsewhere else paths)
        if path == file.path and path not in self._signatures:
            return
        signature = self._signatures[path]
        now = path, signature.size, signature.mtime
        if now != (file.path, file.size, file.mtime):
            recording = replace(
                file.recording(), path=path, size=signature.size, mtime=signature.mtime
            )
            rewrite_recording(self.folder, recording)
            self._files[key] = RecordingFile(file.file)
            self._changed = True

    def _publish_if_due(self) -> None:
        began = time.monotonic()
        if began - self._published < self._patience:
            return
        publish(self.folder)
        self._published = time.monotonic()
        self._patience = max(FIRST_PUBLISH, (self._published - began) / SHARE)


def _refuse_newer(folder: Path) -> None:
    """Refuse to replace the database of a newer release."""
    try:
        open_index(folder).close()
    except NewerVersionError:
        raise
    except RecordingsError:
        return  # none, or one that is to be built again


def _is_published(folder: Path, files: dict[str, RecordingFile]) -> bool:
    """Say whether searchers see all that there is, as after a run that was not cut short."""
    try:
        with open_index(folder) as index:
            rows = [(row.key, row.path, row.size, row.mtime) for row in index.recordings()]
    except RecordingsError:
        return False
    there = [(key, file.path, file.size, file.mtime) for key, file in files.items()]
    return sorted(rows) == sorted(there)

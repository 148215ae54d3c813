"""Name, find and remove the files of alarms in a folder that no other process writes to."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from actloc_ros.alarms.alarm import Alarm
from actloc_ros.alarms.evidence_options import DAY, DiskBudget
from actloc_ros.alarms.folder_lock import FolderLock, LockedError
from actloc_ros.files import OutputError

SNAPSHOT, CLIP, CLIP_BOXES, BAG = 'snapshot.jpg', 'clip.mp4', 'clip_boxes.mp4', 'alarm.mcap'
RECORD = 'alarm.json'
NAMES = (SNAPSHOT, CLIP, CLIP_BOXES, BAG, RECORD)
LOCK = '.lock'
DAY_FOLDER = re.compile(r'\d{4}-\d{2}-\d{2}')
ALARM_FOLDER = re.compile(r'\d{6}_[A-Za-z0-9_-]+_[0-9a-f]{12}')
UNFINISHED = re.compile(r'\.[0-9a-f]{8}\.(jpg|mp4|mcap|json)')
LONGEST_NAME = 40


def alarm_folder(alarm: Alarm) -> str:
    """Return the name of an alarm's folder: its day, then its time, rule and id, in UTC.

    It is fit for every file system, and differs for alarms of different ids.
    """
    begun = datetime.fromtimestamp(0, timezone.utc)
    with suppress(OverflowError):
        begun += timedelta(microseconds=alarm.start // 1000)
    digest = hashlib.sha256(alarm.id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]
    return f'{begun.date().isoformat()}/{begun:%H%M%S}_{safe_name(alarm.rule)}_{digest}'


def safe_name(name: str) -> str:
    """Return a name in letters, digits, `-` and `_` of ASCII, cut to 40."""
    plain = unicodedata.normalize('NFKD', name).encode('ascii', 'ignore').decode()
    return re.sub(r'[^A-Za-z0-9_-]+', '_', plain)[:LONGEST_NAME].strip('_') or 'alarm'


@dataclass
class _Stored:
    """What an alarm has on disk."""

    written: float  # s since 1970, by the clock of the file system
    bytes: int


class EvidenceFolder:
    """A folder of alarms' files, kept within a budget.

    Whatever else lies in it is neither counted nor removed.
    """

    def __init__(self, path: str | Path, budget: DiskBudget) -> None:
        """Make the folder where it is missing, and take it for this process.

        Raises:
            OutputError: It cannot be made or written to, or another process uses it.
        """
        self.path, self._budget = Path(path), budget
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.path / LOCK, f'evidence folder {self.path}')
        except LockedError as error:
            raise OutputError(str(error)) from error
        except OSError as error:
            raise OutputError(f'{self.path} cannot be written: {error.strerror}') from error
        self._stored = self._find()

    def close(self) -> None:
        """Leave the folder to others."""
        self._lock.release()

    def record(self, name: str) -> None:
        """Take note of what an alarm's folder holds now."""
        stored = _stored(self.path / name)
        if stored is not None:
            self._stored[name] = stored

    def make_room(self, in_work: set[str]) -> int:
        """Remove what is too old or too much, without the alarms in work; return how many.

        Args:
            in_work: Names of alarms' folders that stay.
        """
        removed = 0
        oldest = time.time() - self._budget.max_days * DAY
        for name in sorted(self._stored.keys() - in_work, key=lambda n: self._stored[n].written):
            if self._stored[name].written >= oldest and self._fits(in_work):
                break
            self._remove(name)
            removed += 1
        return removed

    def has_room(self, in_work: set[str]) -> bool:
        """Say whether more may be written."""
        return self._fits(in_work)

    def _fits(self, in_work: set[str]) -> bool:
        """Say whether the budget and the disk have room; files in work count as they are now."""
        done = sum(s.bytes for name, s in self._stored.items() if name not in in_work)
        growing = sum(_bytes(self.path / name) for name in in_work)
        return (
            done + growing < self._budget.max_bytes
            and shutil.disk_usage(self.path).free > self._budget.min_free
        )

    def _remove(self, name: str) -> None:
        del self._stored[name]
        folder = self.path / name
        for file in NAMES:
            with suppress(OSError):
                (folder / file).unlink()
        for empty in (folder, folder.parent):
            with suppress(OSError):
                empty.rmdir()

    def _find(self) -> dict[str, _Stored]:
        """Return what is there, and remove what a killed process left unfinished."""
        found = {}
        for folder in self.path.glob('*/*'):
            day, name = folder.parts[-2:]
            if not (DAY_FOLDER.fullmatch(day) and ALARM_FOLDER.fullmatch(name)):
                continue
            for file in folder.iterdir():
                if UNFINISHED.fullmatch(file.name):
                    file.unlink()
            stored = _stored(folder)
            if stored is not None:
                found[f'{day}/{name}'] = stored
        return found


def _stored(folder: Path) -> _Stored | None:
    with suppress(OSError):
        return _Stored(folder.stat().st_mtime, _bytes(folder))
    return None


def _bytes(folder: Path) -> int:
    """Return the size of all files, also of those in work."""
    total = 0
    with suppress(OSError):
        for file in folder.iterdir():
            total += file.stat().st_size
    return total

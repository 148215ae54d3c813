"""Keep on disk what is still to be sent, so that nothing is lost when the program ends."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from actloc_ros.alarms.folder_lock import FolderLock, LockedError
from actloc_ros.files import OutputError

# A detection goes before an alert, then the oldest.
REMOVE = """
DELETE FROM letters WHERE number IN
(SELECT number FROM letters ORDER BY severity = 'alert', number LIMIT ?)
"""
INSERT = 'INSERT INTO letters (channel, severity, body) VALUES (?, ?, ?)'
NEXT = 'SELECT number, channel, severity, body FROM letters WHERE channel = ? ORDER BY number'
DELETE = 'DELETE FROM letters WHERE number = ?'
CHANNEL = 'SELECT channel FROM letters WHERE number = ?'
COUNT = 'SELECT channel, count(*) FROM letters GROUP BY channel'
REMOVED_AT_ONCE = 0.01  # of the outbox, as it is slow one by one
TIMEOUT = 5.0  # s that one thread waits for another's transaction


@dataclass(frozen=True)
class Letter:
    """A step of an alarm on its way to a channel.

    Attributes:
        number: Rises with each letter; 0: not in the outbox yet.
        channel: The channel's name.
        severity: `alert` or `detection`.
        body: What is sent, as JSON.
    """

    number: int
    channel: str
    severity: str
    body: str


class Outbox:
    """A file of letters, in the order in which they came; at most `most` of them.

    A letter is on disk once `add` returns: it outlives a SIGKILL and a power failure. It stays
    until `remove`, so it is sent at least once. All methods may be called by any thread.

    Attributes:
        dropped: Letters that had to go for newer ones.
        unsaved: Letters that could not be written to the disk; they are kept in memory.
    """

    def __init__(self, path: str | Path, most: int = 10_000) -> None:
        """Open the file, and make it where it is missing.

        Args:
            path: An SQLite database.
            most: Letters that are kept; beyond, the oldest `detection` goes first.

        Raises:
            OutputError: It cannot be written, is of another kind, or another process uses it.
        """
        self.dropped = self.unsaved = 0
        self._path, self._most = Path(path), most
        self._guard = threading.Lock()
        self._in_memory: dict[int, Letter] = {}
        self._gone: set[int] = set()  # numbers of letters that were sent, and are not deleted yet
        self._next_in_memory = -1
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(
                self._path.with_name(f'{self._path.name}.lock'), f'outbox {path}'
            )
        except LockedError as error:
            raise OutputError(str(error)) from error
        except OSError as error:
            raise OutputError(f'{path} cannot be written: {error.strerror}') from error
        try:
            self._base = self._open()
            self._count = self._base.execute('SELECT count(*) FROM letters').fetchone()[0]
        except sqlite3.Error as error:
            self._lock.release()
            raise OutputError(
                f'{path} cannot be used as an outbox: {error}; name another file'
            ) from error

    def add(self, letter: Letter) -> None:
        """Keep a letter; its number is ignored."""
        with self._guard:
            if self._count + len(self._in_memory) >= self._most:
                self._make_room()
            number, self._next_in_memory = self._next_in_memory, self._next_in_memory - 1
            self._in_memory[number] = Letter(number, letter.channel, letter.severity, letter.body)
            if not self._save():
                self.unsaved += 1

    def next(self, channel: str) -> Letter | None:
        """Return the oldest letter to a channel; None where there is none."""
        with self._guard:
            with suppress(sqlite3.Error):
                for found in self._base.execute(NEXT, (channel,)):
                    if found[0] not in self._gone:
                        return Letter(*found)
            return next((x for x in self._in_memory.values() if x.channel == channel), None)

    def remove(self, letter: Letter) -> None:
        """Forget a letter that was sent; nothing happens where it is gone already."""
        with self._guard:
            if letter.number < 0:
                self._in_memory.pop(letter.number, None)
                return
            # A full disk cannot even delete: then this program does not send it again.
            self._gone.add(letter.number)
            gone = [(number,) for number in self._gone]
            with suppress(sqlite3.Error):
                with self._base:
                    deleted = self._base.executemany(DELETE, gone).rowcount
                self._count -= deleted
                self._gone.clear()

    def waiting(self) -> dict[str, int]:
        """Return the number of letters to each channel, without those that have none."""
        with self._guard:
            counts: dict[str, int] = {}
            with suppress(sqlite3.Error):  # such as after `close`
                counts.update(self._base.execute(COUNT))
                for number in self._gone:
                    for (channel,) in self._base.execute(CHANNEL, (number,)):
                        counts[channel] -= 1
            for letter in self._in_memory.values():
                counts[letter.channel] = counts.get(letter.channel, 0) + 1
            return {channel: count for channel, count in counts.items() if count}

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._base.close()
            self._lock.release()

    def _save(self) -> bool:
        """Write what is in memory to the disk, in order; say whether that worked."""
        letters = [(x.channel, x.severity, x.body) for x in self._in_memory.values()]
        try:
            with self._base:
                self._base.executemany(INSERT, letters)
        except sqlite3.Error:  # such as a full disk
            return False
        self._count += len(letters)
        self._in_memory.clear()
        return True

    def _make_room(self) -> None:
        most = max(1, round(REMOVED_AT_ONCE * self._most))
        with suppress(sqlite3.Error):
            with self._base:
                gone = self._base.execute(REMOVE, (most,)).rowcount
            self._count -= gone
            self.dropped += gone
        while self._count + len(self._in_memory) >= self._most and self._in_memory:
            self._in_memory.pop(next(iter(self._in_memory)))
            self.dropped += 1

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, timeout=TIMEOUT, check_same_thread=False)
        base.execute('PRAGMA journal_mode = WAL')
        base.execute('PRAGMA synchronous = FULL')
        with base:
            base.execute(
                'CREATE TABLE IF NOT EXISTS letters (number INTEGER PRIMARY KEY AUTOINCREMENT, '
                'channel TEXT NOT NULL, severity TEXT NOT NULL, body TEXT NOT NULL)'
            )
            base.execute('CREATE INDEX IF NOT EXISTS by_channel ON letters (channel, number)')
        os.chmod(self._path, 0o600)  # who was where when is nobody else's business
        return base

"""Let one process at a time use a folder or a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class LockedError(ValueError):
    """Another process uses it already; the text names it and says what to do."""


class FolderLock:
    """A lock that the system frees however its process ends, also by SIGKILL."""

    def __init__(self, file: Path, what: str) -> None:
        """Take the lock.

        Args:
            file: The lock's own file, which stays; its folder exists.
            what: What is locked, for the error.

        Raises:
            LockedError: Another process has it, or this one has already.
            OSError: The file cannot be made.
        """
        self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._handle, 32, 0).decode(errors='replace').strip()
            os.close(self._handle)
            raise LockedError(
                f'{what} is in use by process {holder or "unknown"}; end that one, or give each '
                'its own'
            ) from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f'{os.getpid()}\n'.encode(), 0)

    def release(self) -> None:
        """Free it; once more does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

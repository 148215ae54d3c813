"""Warn of what goes wrong without flooding the log."""

from __future__ import annotations

import threading
import time
from typing import Any

PERIOD = 10.0  # s between warnings of one kind


class ThrottledLogger:
    """Logs the first warning of a kind, then one every 10 s at most; any thread may warn."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, kind: str, text: str) -> None:
        """Warn of `text`, unless one of its `kind` was just logged."""
        with self._lock:
            now = time.monotonic()
            if now - self._said.get(kind, -PERIOD) < PERIOD:
                return
            self._said[kind] = now
        self._logger.warning(text)

"""End a command by Ctrl-C or SIGTERM: at once, but not amid what must be whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: what Ctrl-C completes is completed for a service manager and a container too."""


@dataclass
class _State:
    """How many blocks hold a signal up, and what it is to raise."""

    holding: int = 0
    pending: type[KeyboardInterrupt] | None = None


_STATE = _State()
RAISED = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


def heed_signals() -> None:
    """Let SIGINT and SIGTERM raise from now on, where and when no `whole` holds them up.

    After the first SIGTERM others are ignored, while files are completed. Processes that this one
    forks are ended by it as before.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _STATE.holding, _STATE.pending = 0, None
    own = os.getpid()

    def take(number: int, frame: FrameType | None) -> None:
        if os.getpid() != own:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
        _STATE.pending = RAISED[signal.Signals(number)]
        if not _STATE.holding:
            _raise_pending()

    for number in RAISED:
        signal.signal(number, take)


@contextmanager
def whole() -> Iterator[None]:
    """Hold signals up: what is in this block is done, or not begun."""
    _STATE.holding += 1
    try:
        yield
    finally:
        _STATE.holding -= 1
    if not _STATE.holding:
        _raise_pending()


def _raise_pending() -> None:
    pending, _STATE.pending = _STATE.pending, None
    if pending is not None:
        raise pending

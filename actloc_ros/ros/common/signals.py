"""Let a process end in order when it is asked to, however often it is asked."""

from __future__ import annotations

import signal
import threading


def stop_event() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set from now on, in place of what else they do.

    Ctrl-C reaches a launched process twice, from the terminal and from launch: the second must not
    break off what the first began. Initialize rclpy without its own handlers.
    """
    event = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: event.set())
    return event

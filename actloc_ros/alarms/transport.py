"""Define what takes a letter to its receiver."""

from __future__ import annotations

from typing import Protocol

from actloc_ros.alarms.outbox import Letter


class SendError(Exception):
    """A letter has not arrived; try again later. The text holds no secret."""


class RefusedError(SendError):
    """The receiver was reached and does not want this letter."""


class Transport(Protocol):
    """Takes letters to one receiver, for one thread."""

    def send(self, letter: Letter) -> None:
        """Take a letter there, within a bounded time.

        Raises:
            SendError: It has perhaps not arrived.
        """

    def close(self) -> None:
        """Leave the receiver, within a bounded time."""

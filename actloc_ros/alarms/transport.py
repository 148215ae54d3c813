"""Define what takes a letter to its receiver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from actloc_ros.alarms.channels import (
    AppriseChannel,
    Channel,
    ChannelError,
    MqttChannel,
    WebhookChannel,
)
from actloc_ros.alarms.outbox import Letter

INSTALL = "pip install 'actloc_ros[notify]'"


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


def open_transport(
    channel: Channel, on_ready: Callable[[], None], evidence: str | None = None
) -> Transport:
    """Return what sends on a channel; nobody is waited for.

    Args:
        channel: Where to.
        on_ready: Called by any thread when a receiver that was away can be reached.
        evidence: The folder of which a snapshot is attached where the receiver takes pictures.

    Raises:
        ChannelError: A variable of the environment or a package is missing, or an address is
            wrong.
    """
    try:
        if isinstance(channel, MqttChannel):
            from actloc_ros.alarms.mqtt import MqttTransport

            return MqttTransport(channel, on_ready)
        if isinstance(channel, AppriseChannel):
            from actloc_ros.alarms.apprise_transport import AppriseTransport

            return AppriseTransport(channel, evidence)
    except ModuleNotFoundError as error:
        raise ChannelError(
            f'notify.{channel.name} needs the package {error.name}; install it: {INSTALL}'
        ) from error
    if isinstance(channel, WebhookChannel):
        from actloc_ros.alarms.webhook import WebhookTransport

        return WebhookTransport(channel)
    raise TypeError(f'{type(channel).__name__} is no channel that can be sent on')

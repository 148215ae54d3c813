"""Open what sends on a channel; only what a channel needs is imported."""

from __future__ import annotations

from collections.abc import Callable

from actloc_ros.alarms.channels import (
    AppriseChannel,
    Channel,
    ChannelError,
    MqttChannel,
    WebhookChannel,
)
from actloc_ros.alarms.transport import Transport

INSTALL = "pip install 'actloc_ros[notify]'"


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

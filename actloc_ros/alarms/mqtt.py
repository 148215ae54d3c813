"""Publish alarms to an MQTT broker by paho-mqtt."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho

from actloc_ros.alarms.channels import MqttChannel, resolve
from actloc_ros.alarms.outbox import Letter
from actloc_ros.alarms.transport import SendError

PORT, TLS_PORT = 1883, 8883
KEEP_ALIVE = 30  # s, after half as much again the broker publishes that we are gone
CONNECT_TIMEOUT = 5.0  # s
ACKNOWLEDGE = 10.0  # s
LONGEST_RECONNECT = 30  # s
ONLINE, OFFLINE = 'online', 'offline'


class MqttTransport:
    """A connection that paho keeps up, and publishes to.

    A letter has arrived once the broker has acknowledged it (QoS 1 and 2).
    """

    def __init__(self, channel: MqttChannel, on_ready: Callable[[], None]) -> None:
        """Begin to connect; see `open_transport`."""
        self._channel, self._on_ready = channel, on_ready
        self._availability = channel.availability or f'{channel.topic}/available'
        self._connected = threading.Event()
        self._refusal = ''
        self._pending: tuple[int, paho.MQTTMessageInfo] | None = None
        # With a fixed name, a broker throws one of two robots out whenever the other connects.
        self._client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, f'actloc_{uuid.uuid4().hex[:12]}'
        )
        client.connect_timeout = CONNECT_TIMEOUT
        client.reconnect_delay_set(1, LONGEST_RECONNECT)
        client.will_set(self._availability, OFFLINE, qos=1, retain=True)
        if channel.user:
            password = resolve(channel.name, channel.password) if channel.password else None
            client.username_pw_set(resolve(channel.name, channel.user), password)
        if channel.tls:
            client.tls_set()
        client.on_connect = self._take_connection
        client.on_disconnect = self._lose_connection
        port = channel.port or (TLS_PORT if channel.tls else PORT)
        client.connect_async(resolve(channel.name, channel.host), port, KEEP_ALIVE)
        client.loop_start()

    def send(self, letter: Letter) -> None:
        """Publish, and wait for the broker's word; see `Transport`."""
        if not self._connected.wait(CONNECT_TIMEOUT):
            raise SendError(f'the broker {self._channel.host} {self._refusal or "is not there"}')
        if self._pending is None or self._pending[0] != letter.number:
            info = self._client.publish(self._channel.topic, letter.body, self._channel.qos)
            self._pending = letter.number, info
        # paho repeats by itself what it has taken, also after a new connection.
        info = self._pending[1]
        try:
            info.wait_for_publish(ACKNOWLEDGE)
            arrived = info.is_published()
        except (RuntimeError, ValueError) as error:
            self._pending = None
            raise SendError(f'the broker {self._channel.host}: {error}') from error
        if not arrived:
            raise SendError(f'the broker {self._channel.host} does not acknowledge')
        self._pending = None

    def close(self) -> None:
        """Say that nobody is there any more, and disconnect."""
        if self._connected.is_set():
            self._client.publish(self._availability, OFFLINE, qos=1, retain=True)
        self._client.disconnect()  # after what was published, which is in paho's queue
        self._client.loop_stop()

    def _take_connection(self, client: Any, _: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._refusal = f'refuses: {reason}'
            return
        client.publish(self._availability, ONLINE, qos=1, retain=True)
        self._connected.set()
        self._on_ready()

    def _lose_connection(self, client: Any, _: Any, flags: Any, reason: Any, more: Any) -> None:
        self._connected.clear()

"""Define the ways on which people are notified, and read them as a rules file says them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from actloc_ros.alarms.alarm import Alarm, AlarmType

VARIABLE_PREFIX = 'env:'
VARIABLE = re.compile(r'env:[A-Za-z_][A-Za-z0-9_]*')
KINDS = ('mqtt', 'apprise', 'webhook')
KEYS = {
    'mqtt': ('mqtt', 'host', 'port', 'user', 'password', 'tls', 'qos', 'availability', 'steps'),
    'apprise': ('apprise', 'steps'),
    'webhook': ('webhook', 'token', 'steps'),
}
NUMBERS = {'port': 0, 'qos': 1}  # and what they are where they are not given
ALL_STEPS = tuple(AlarmType)
WILDCARDS = re.compile(r'[#+\0]')


class ChannelError(ValueError):
    """A channel that cannot be used; the text names it and says what to do."""


@dataclass(frozen=True)
class Channel:
    """A way on which people are notified.

    What may be a secret is `env:NAME` here, and becomes the variable's value when it is used.

    Attributes:
        name: In the rules file.
        steps: Of an alarm's life that are sent; receivers of chats and mails want the first alone.
    """

    name: str
    steps: tuple[AlarmType, ...] = ALL_STEPS

    def wants(self, alarm: Alarm) -> bool:
        """Say whether a step is sent."""
        return alarm.type in self.steps


@dataclass(frozen=True)
class MqttChannel(Channel):
    """A topic of an MQTT broker.

    Attributes:
        topic: Alarms are published to it.
        host: Of the broker; may be `env:NAME`.
        port: 1 to 65535; 0: 1883, or 8883 with `tls`.
        user: May be `env:NAME`; empty: without.
        password: `env:NAME`; empty: without.
        tls: Whether the connection is encrypted, by the system's certificates.
        qos: 0 (may be lost), 1 (arrives, perhaps twice) or 2 (once).
        availability: A retained `online` or `offline` goes here; empty: `TOPIC/available`.
    """

    topic: str = ''
    host: str = 'localhost'
    port: int = 0
    user: str = ''
    password: str = ''
    tls: bool = False
    qos: int = 1
    availability: str = ''


@dataclass(frozen=True)
class AppriseChannel(Channel):
    """A mail, a chat or any other service that `apprise` knows.

    Attributes:
        url: As apprise has it, as `env:NAME`: most hold a secret somewhere.
    """

    steps: tuple[AlarmType, ...] = (AlarmType.NEW,)
    url: str = ''


@dataclass(frozen=True)
class WebhookChannel(Channel):
    """An address that takes each step as JSON by HTTP POST.

    Attributes:
        url: `http://` or `https://`; may be `env:NAME`.
        token: `env:NAME`, sent as `Authorization: Bearer`; empty: without.
    """

    url: str = ''
    token: str = ''


def read_channel(name: str, values: Mapping[str, Any]) -> Channel:
    """Return a channel as a rules file says it, below `notify`.

    Args:
        name: The channel's.
        values: Its keys: `mqtt: TOPIC`, `apprise: URL` or `webhook: URL`, and those of `KEYS`.

    Raises:
        ChannelError: A key or a value is wrong.
    """
    kinds = [kind for kind in KINDS if kind in values]
    if len(kinds) != 1:
        raise ChannelError(f'notify.{name}: give one of {", ".join(KINDS)}; it has {len(kinds)}')
    kind = kinds[0]
    unknown = [key for key in values if key not in KEYS[kind]]
    if unknown:
        raise ChannelError(
            f'notify.{name}: unknown key {unknown[0]!r}; a channel of {kind} has '
            f'{", ".join(KEYS[kind])}'
        )
    given = dict(values)
    common: dict[str, Any] = {'name': name}
    if 'steps' in given:
        common['steps'] = _steps(name, given.pop('steps'))
    address = _text(name, kind, given.pop(kind))
    if not address:
        raise ChannelError(f'notify.{name}.{kind} is empty')
    if kind == 'mqtt':
        return _mqtt(name, address, given, common)
    if kind == 'apprise':
        return AppriseChannel(url=_secret(name, kind, values), **common)
    _refuse_password(name, kind, address)
    if not address.startswith((VARIABLE_PREFIX, 'http://', 'https://')):
        raise ChannelError(f'notify.{name}.webhook: give http://…, https://… or env:NAME')
    return WebhookChannel(url=address, token=_secret(name, 'token', given), **common)


def resolve(channel: str, value: str) -> str:
    """Return a value, or that of the environment's variable where it is `env:NAME`.

    Raises:
        ChannelError: There is no such variable.
    """
    if not value.startswith(VARIABLE_PREFIX):
        return value
    variable = value.removeprefix(VARIABLE_PREFIX)
    found = os.environ.get(variable)
    if not found:
        raise ChannelError(
            f'notify.{channel}: the environment has no variable {variable}; set it where the '
            'program is started'
        )
    return found


def _mqtt(name: str, topic: str, given: dict[str, Any], common: dict[str, Any]) -> MqttChannel:
    port, qos = (_number(name, key, given.get(key, default)) for key, default in NUMBERS.items())
    if not 0 <= port <= 65535:
        raise ChannelError(f'notify.{name}.port is {port}; give 1 to 65535')
    if qos not in (0, 1, 2):
        raise ChannelError(f'notify.{name}.qos is {qos}; give 0, 1 or 2')
    tls = given.get('tls', False)
    if not isinstance(tls, bool):
        raise ChannelError(f'notify.{name}.tls is {tls!r}; give true or false')
    availability = _text(name, 'availability', given.get('availability', ''))
    for key, value in (('mqtt', topic), ('availability', availability)):
        if WILDCARDS.search(value):
            raise ChannelError(f'notify.{name}.{key} is {value!r}; a topic has no # or +')
    return MqttChannel(
        topic=topic,
        host=_text(name, 'host', given.get('host', 'localhost')),
        port=port,
        user=_text(name, 'user', given.get('user', '')),
        password=_secret(name, 'password', given),
        tls=tls,
        qos=qos,
        availability=availability,
        **common,
    )


def _steps(name: str, value: Any) -> tuple[AlarmType, ...]:
    known = {step.value: step for step in AlarmType}
    if not isinstance(value, list) or not value or any(each not in known for each in value):
        raise ChannelError(f'notify.{name}.steps is {value!r}; give a list of {", ".join(known)}')
    return tuple(known[each] for each in value)


def _number(name: str, key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ChannelError(f'notify.{name}.{key} is {value!r}; give a whole number')
    return value


def _text(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ChannelError(f'notify.{name}.{key} is {value!r}; give a text')
    if value.startswith(VARIABLE_PREFIX) and not VARIABLE.fullmatch(value):
        raise ChannelError(
            f'notify.{name}.{key} is {value!r}; give env: and the name of a variable'
        )
    return value


def _secret(name: str, key: str, given: Mapping[str, Any]) -> str:
    """Return an `env:NAME`; the value itself must not stand in a file, nor in the error."""
    value = given.get(key, '')
    if value and not (isinstance(value, str) and VARIABLE.fullmatch(value)):
        raise ChannelError(
            f'notify.{name}.{key} stands in the file; put it into a variable of the environment '
            'and give env:NAME'
        )
    return value or ''


def _refuse_password(name: str, key: str, url: str) -> None:
    try:
        password = urlsplit(url).password
    except ValueError as error:
        raise ChannelError(f'notify.{name}.{key} is no address; give http://…') from error
    if password:
        raise ChannelError(
            f'notify.{name}.{key} holds a password; put the address into a variable of the '
            'environment and give env:NAME'
        )

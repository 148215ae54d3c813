"""Check that a rules file's channels are read, and what is wrong in them is named."""

import pytest

from actloc_ros.alarms.alarm import AlarmType
from actloc_ros.alarms.channels import (
    AppriseChannel,
    ChannelError,
    MqttChannel,
    WebhookChannel,
    read_channel,
)


def test_channels_are_read_as_a_file_says_them():
    ops = read_channel('ops', {'mqtt': 'actloc/alarms', 'qos': 2, 'password': 'env:MQTT_PASSWORD'})
    assert ops == MqttChannel('ops', topic='actloc/alarms', qos=2, password='env:MQTT_PASSWORD')
    family = read_channel('family', {'apprise': 'env:FAMILY_URL'})
    assert family == AppriseChannel('family', url='env:FAMILY_URL')
    assert family.steps == (AlarmType.NEW,)
    hook = read_channel('hook', {'webhook': 'https://example.org/a', 'steps': ['new', 'end']})
    assert isinstance(hook, WebhookChannel)
    assert hook.steps == (AlarmType.NEW, AlarmType.END)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({}, 'notify.x: give one of mqtt, apprise, webhook; it has 0'),
        ({'mqtt': 'a', 'webhook': 'http://b'}, 'it has 2'),
        ({'mqtt': 'a', 'quos': 1}, "unknown key 'quos'"),
        ({'mqtt': 'a', 'qos': 3}, 'notify.x.qos is 3; give 0, 1 or 2'),
        ({'mqtt': 'a', 'qos': True}, 'notify.x.qos is True; give a whole number'),
        ({'mqtt': 'a', 'port': 70000}, 'notify.x.port is 70000'),
        ({'mqtt': 'a', 'tls': 'yes'}, "notify.x.tls is 'yes'"),
        ({'mqtt': 'a/#'}, 'a topic has no # or +'),
        ({'mqtt': ''}, 'notify.x.mqtt is empty'),
        ({'mqtt': 7}, 'notify.x.mqtt is 7; give a text'),
        ({'mqtt': 'a', 'host': 'env:1 X'}, 'give env: and the name of a variable'),
        ({'mqtt': 'a', 'steps': ['begin']}, 'give a list of new, update, end'),
        ({'webhook': 'http://[a'}, 'notify.x.webhook is no address'),
        ({'webhook': 'ftp://a'}, 'give http://…, https://… or env:NAME'),
    ],
)
def test_what_is_wrong_is_named(values, message):
    with pytest.raises(ChannelError) as error:
        read_channel('x', values)
    assert message in str(error.value)


@pytest.mark.parametrize(
    'values',
    [
        {'mqtt': 'a', 'password': 'hunter2'},
        {'webhook': 'https://a', 'token': 'hunter2'},
        {'webhook': 'https://me:hunter2@example.org'},
        {'apprise': 'mailto://me:hunter2@example.org'},
        {'apprise': 'tgram://hunter2/chat'},
    ],
)
def test_secrets_must_not_stand_in_the_file_and_are_not_repeated(values):
    with pytest.raises(ChannelError) as error:
        read_channel('x', values)
    assert 'env:NAME' in str(error.value)
    assert 'hunter2' not in str(error.value)

"""Check that every step of an alarm arrives, against real servers on this machine."""

import json
import logging
import signal
import smtplib
import socketserver
import subprocess
import sys
import threading
from functools import partial

import pytest
from alarm_servers import wait_for
from alarm_steps import alarm

from actloc_ros.alarms import notify
from actloc_ros.alarms.alarm import AlarmType, Evidence, Severity
from actloc_ros.alarms.channels import (
    AppriseChannel,
    ChannelError,
    MqttChannel,
    WebhookChannel,
)
from actloc_ros.alarms.notify import Notifier
from actloc_ros.files import OutputError

TOPIC = 'robot/alarms'
PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[3])
from alarm_steps import alarm
from actloc_ros.alarms.channels import MqttChannel
from actloc_ros.alarms.notify import Notifier
channel = MqttChannel('ops', topic='robot/alarms', host='127.0.0.1', port=int(sys.argv[2]))
notifier = Notifier([channel], {'person_down': ['ops']}, sys.argv[1])
for number in range(100000):
    notifier.take(alarm(number=number))
    print(number, flush=True)
    time.sleep(0.002)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(notify, 'FIRST_DELAY', 0.02)
    monkeypatch.setattr(notify, 'LONGEST_DELAY', 0.2)


def mqtt(port, **changes):
    return MqttChannel('ops', topic=TOPIC, host='127.0.0.1', port=port, **changes)


def notifier(tmp_path, channel, **more):
    routes = {'person_down': [channel.name]}
    return Notifier([channel], routes, tmp_path / 'outbox.sqlite', **more)


def life(number=1, **changes):
    return [alarm(at, kind, number, **changes) for at, kind in enumerate(AlarmType)]


def test_steps_arrive_at_a_broker_with_the_senders_availability(broker, tmp_path):
    broker.start()
    broker.subscribe('robot/#')
    with notifier(tmp_path, mqtt(broker.port)) as sender:
        for step in life():
            sender.take(step)
        sender.take(alarm(rule='of nobody'))
        steps = wait_for(lambda: len(broker.steps(TOPIC)) == 3 and broker.steps(TOPIC))
        assert [step['type'] for step in steps] == ['new', 'update', 'end']
        assert {step['id'] for step in steps} == {'alarm-1'}
        assert steps[0]['values'] == {'dwell_s': 5.0}
        wait_for(lambda: sender.counts().channels['ops'].sent == 3)
    wait_for(lambda: (f'{TOPIC}/available', b'offline') in broker.received)
    said = [payload for topic, payload in broker.received if topic == f'{TOPIC}/available']
    assert said == [b'online', b'offline']


def test_a_broker_that_is_never_there_holds_nobody_up_and_loses_nothing(broker, tmp_path):
    faults = []
    sender = notifier(tmp_path, mqtt(broker.port), on_fault=faults.append)
    for number in range(50):
        sender.take(alarm(number=number))
    sender.close(0.5)
    assert sender.counts().waiting == {}  # it is closed
    broker.start()
    broker.subscribe(TOPIC)
    with notifier(tmp_path, mqtt(broker.port)) as sender:
        wait_for(lambda: sender.counts().channels['ops'].sent == 50)
    ids = [step['id'] for step in broker.steps(TOPIC)]
    assert ids == [f'alarm-{number}' for number in range(50)]


def test_a_broker_that_comes_and_goes_gets_all(broker, tmp_path):
    faults = []
    with notifier(tmp_path, mqtt(broker.port), on_fault=faults.append) as sender:
        sender.take(alarm(number=0))
        wait_for(lambda: faults)
        assert 'channel ops fails and is tried again' in faults[0]
        broker.start()
        broker.subscribe(TOPIC)
        wait_for(lambda: len(broker.steps(TOPIC)) == 1)
        broker.stop()
        for number in range(1, 20):
            sender.take(alarm(number=number))
        broker.start()
        broker.subscribe(TOPIC)
        wait_for(lambda: sender.counts().channels['ops'].sent == 20)
    assert {step['id'] for step in broker.steps(TOPIC)} <= {f'alarm-{n}' for n in range(20)}
    # What came before the test's own subscriber was back, it cannot have.
    assert sender.counts().channels['ops'].fault == ''


def has_all(broker, ids):
    return ids <= {step['id'] for step in broker.steps(TOPIC)}


def test_nothing_is_lost_when_the_sender_is_killed(broker, tmp_path, request):
    broker.start()
    broker.subscribe('robot/#')
    support = str(request.config.rootpath / 'test' / 'support')
    arguments = [str(tmp_path / 'outbox.sqlite'), str(broker.port), support]
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM, *arguments], stdout=subprocess.PIPE, text=True
        )
        taken = [next(process.stdout) for _ in range(60)]
        process.send_signal(signal.SIGKILL)
        taken += process.stdout.read().split('\n')
        process.wait(30)
        kept = {f'alarm-{int(line)}' for line in taken if line.strip()}
        with notifier(tmp_path, mqtt(broker.port)) as sender:
            wait_for(lambda: not sender.counts().waiting)
        wait_for(partial(has_all, broker, kept))
    assert (f'{TOPIC}/available', b'offline') in broker.received  # the broker says it by itself


def test_a_refused_password_is_reported_and_never_shown(broker, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    broker.start('allow_anonymous false')
    monkeypatch.setenv('MQTT_PASSWORD', 'hunter2')
    faults = []
    channel = mqtt(broker.port, user='robot', password='env:MQTT_PASSWORD')
    with notifier(tmp_path, channel, on_fault=faults.append) as sender:
        sender.take(alarm())
        wait_for(lambda: 'refuses: Not authorized' in sender.counts().channels['ops'].fault)
    assert 'hunter2' not in caplog.text + ''.join(faults)


def test_a_webhook_gets_each_step_until_it_accepts(receiver, tmp_path, monkeypatch):
    monkeypatch.setenv('HOOK_TOKEN', 'hunter2')
    receiver.answers = [503, 302, 429]
    channel = WebhookChannel('hook', url=receiver.url, token='env:HOOK_TOKEN')
    with notifier(tmp_path, channel) as sender:
        for step in life():
            sender.take(step)
        wait_for(lambda: sender.counts().channels['hook'].sent == 3)
    assert len(receiver.posts) == 6
    keys = [headers['Idempotency-Key'] for headers, _ in receiver.posts]
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]
    assert receiver.posts[0][0]['Authorization'] == 'Bearer hunter2'
    assert [json.loads(body)['type'] for _, body in receiver.posts[3:]] == ['new', 'update', 'end']
    assert sender.counts().channels['hook'].failed == 3


def test_a_letter_that_a_webhook_refuses_does_not_hold_up_the_next(receiver, tmp_path):
    receiver.answers = [400] * 5
    faults = []
    channel = WebhookChannel('hook', url=receiver.url)
    with notifier(tmp_path, channel, on_fault=faults.append) as sender:
        sender.take(alarm(number=1))
        sender.take(alarm(number=2))
        wait_for(lambda: sender.counts().channels['hook'].sent == 1)
    counts = sender.counts().channels['hook']
    assert (counts.refused, counts.failed) == (1, 5)
    assert json.loads(receiver.posts[-1][1])['id'] == 'alarm-2'
    assert any('thrown away' in fault and 'alarm-1' in fault for fault in faults)


def test_apprise_gets_words_and_the_snapshot(receiver, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    address = receiver.url.replace('http://', 'json://me:hunter2@')
    monkeypatch.setenv('FAMILY_URL', address)
    receiver.answers = [500]
    (tmp_path / 'evidence' / 'a').mkdir(parents=True)
    (tmp_path / 'evidence' / 'a' / 'snapshot.jpg').write_bytes(b'\xff\xd8picture')
    channel = AppriseChannel('family', url='env:FAMILY_URL')
    with notifier(tmp_path, channel, evidence=tmp_path / 'evidence') as sender:
        for step in life(evidence=Evidence(snapshot='a/snapshot.jpg')):
            sender.take(step)
        wait_for(lambda: sender.counts().channels['family'].sent == 1)  # the first step alone
    told = json.loads(receiver.posts[-1][1])
    assert told['title'] == 'person_down (alert)'
    assert 'lying at front, new, since 2023-11-14 22:13:20 UTC' in told['message']
    assert 'id: alarm-1' in told['message']
    assert told['attachments'][0]['filename'] == 'snapshot.jpg'
    assert 'hunter2' not in caplog.text


class _Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b'220 test\r\n')
        in_text = False
        for line in self.rfile:
            self.server.lines.append(line.decode().strip())
            if in_text and line != b'.\r\n':
                continue
            word = line[:4].upper()
            in_text = word == b'DATA'
            self.wfile.write(b'354 go on\r\n' if in_text else b'250 ok\r\n')
            if word == b'QUIT':
                return


def test_mail_arrives_by_apprise(tmp_path, monkeypatch):
    with socketserver.ThreadingTCPServer(('127.0.0.1', 0), _Mail) as server:
        server.lines = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        smtplib.SMTP('127.0.0.1', port, timeout=10).quit()
        address = f'mailto://127.0.0.1:{port}?mode=insecure&from=a@example.org&to=b@example.org'
        monkeypatch.setenv('MAIL_URL', address)
        with notifier(tmp_path, AppriseChannel('mail', url='env:MAIL_URL')) as sender:
            sender.take(alarm())
            wait_for(lambda: sender.counts().channels['mail'].sent == 1)
        server.shutdown()
    assert any(line.lower().startswith('rcpt to:<b@example.org>') for line in server.lines)
    assert any('person_down' in line for line in server.lines)


def test_a_storm_keeps_the_outbox_bounded_and_the_alerts(receiver, tmp_path):
    receiver.answers = [503] * 100_000
    faults = []
    channel = WebhookChannel('hook', url=receiver.url)
    with notifier(tmp_path, channel, on_fault=faults.append, most=200) as sender:
        for number in range(1000):
            severity = Severity.ALERT if number % 10 == 0 else Severity.DETECTION
            sender.take(alarm(number=number, severity=severity))
        counts = sender.counts()
        assert counts.waiting['hook'] <= 200
        assert counts.dropped >= 800
        assert any('the outbox is full' in fault for fault in faults)
        receiver.answers.clear()
        wait_for(lambda: not sender.counts().waiting)
    got = {json.loads(body)['id'] for _, body in receiver.posts}
    assert {f'alarm-{number}' for number in range(0, 1000, 10)} <= got


def test_what_cannot_begin_is_named(tmp_path, monkeypatch):
    with pytest.raises(ChannelError, match='rule a notifies nobody, which is no channel'):
        Notifier([], {'a': ['nobody']}, tmp_path / 'a')
    with pytest.raises(ChannelError, match='no variable NOT_THERE'):
        notifier(tmp_path, AppriseChannel('x', url='env:NOT_THERE'))
    with pytest.raises(ChannelError, match='no address that apprise knows'):
        notifier(tmp_path, AppriseChannel('x', url='nonsense://'))
    monkeypatch.setitem(sys.modules, 'apprise', None)
    monkeypatch.delitem(sys.modules, 'actloc_ros.alarms.apprise_transport', raising=False)
    with pytest.raises(ChannelError, match=r'needs the package apprise; install it: pip install'):
        notifier(tmp_path, AppriseChannel('x', url='json://127.0.0.1'))
    one = notifier(tmp_path, WebhookChannel('x', url='http://127.0.0.1:9'))
    with pytest.raises(OutputError, match='in use by process'):
        notifier(tmp_path, WebhookChannel('x', url='http://127.0.0.1:9'))
    one.close()

"""Test the monitor node through topics: detections in, alarms and diagnostics out."""

import json
import os
import signal
import subprocess
import threading
import time
from array import array

import cv2
import numpy as np
import pytest
import rclpy
from alarm_servers import Receiver
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from mcap.reader import make_reader
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.sources import open_source
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import header_message, label_info_message, stamp_of, step_to_message
from actloc_ros.msg import ActionAlarm, ActionDetectionArray, LabelInfo
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type
from actloc_ros.ros.monitor_node.images import COMPRESSED_DEPTH, RAW_DEPTH, ImageTopics
from actloc_ros.ros.monitor_node.outcomes import Wanted

PATIENCE = 40.0  # s: every wait ends then
SECOND = 10**9
LABELS = ('standing', 'lying')
RULES = """
version: 1
zones: {bed: {camera: hall, coordinates: [0,0, 0.5,0, 0.5,1, 0,1]}}
rules:
  down: {actions: [lying], zones_not: [bed], dwell: 1.0, end_after: 1.0}
"""


@pytest.fixture(scope='module')
def ros():
    rclpy.init()
    node = Node('localizer')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def spin(node, done, what):
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, f'{what} did not come in time'
        rclpy.spin_once(node, timeout_sec=0.05)


def detections(stamp, lying, camera='hall', left=200.0):
    scores = np.array([1 - lying, lying], np.float32)
    box = (left, 60.0, left + 20.0, 200.0)
    action = InstanceUpdate(3, 0, InstanceState.UNKNOWN, -1, box, 0.7, stamp, stamp, scores)
    step = FrameResult(camera, stamp, 'optical', 320, 240, ClipInfo(stamp, stamp), (action,))
    return step_to_message(step, ros_type, model='', labels=LABELS)


def test_the_node_makes_alarms_and_says_how_it_is(ros, tmp_path):
    rules = tmp_path / 'rules.yaml'
    rules.write_text(RULES)
    process = subprocess.Popen(
        [
            'action_monitor',
            '--ros-args',
            '-p',
            f'rules:={rules}',
            '-p',
            'detections:=[a/detections]',
        ],
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        stderr=subprocess.PIPE,
        text=True,
    )
    alarms, health = [], []
    ros.create_subscription(ActionAlarm, 'action_monitor/alarms', alarms.append, 100)
    ros.create_subscription(DiagnosticArray, '/diagnostics', health.append, 10)
    publisher = ros.create_publisher(ActionDetectionArray, 'a/detections', 100)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    labels = ros.create_publisher(LabelInfo, 'a/label_info', latched)
    reload = ros.create_client(Trigger, 'action_monitor/reload')

    def said():
        return health[-1].status[0] if health else DiagnosticStatus()

    def value(key):
        return {pair.key: pair.value for pair in said().values}.get(key)

    def send(begin, seconds, lying, camera='hall'):
        for step in range(round(10 * seconds)):
            publisher.publish(detections(begin + step * SECOND // 10, lying, camera))

    def call():
        future = reload.call_async(Trigger.Request())
        spin(ros, future.done, 'the answer')
        return future.result()

    try:
        spin(ros, publisher.get_subscription_count, 'the node')
        spin(ros, lambda: 'no detections have come on a/detections' in said().message, 'a warning')

        # Another camera's detections alone: the zone's camera is missing.
        send(100 * SECOND, 1, 0.0, camera='yard')
        spin(ros, lambda: 'of camera hall' in said().message, 'a warning of the camera')

        # One alarm: new, then ended.
        send(100 * SECOND, 3, 0.9)
        send(103 * SECOND, 4, 0.0)
        spin(ros, lambda: len(alarms) >= 2, 'the alarm')
        new, end = alarms
        assert (new.type, end.type) == (ActionAlarm.NEW, ActionAlarm.END)
        assert new.id == end.id
        assert (new.rule, new.camera, new.severity) == ('down', 'hall', ActionAlarm.ALERT)
        assert new.labels == ['lying']
        assert new.track_ids.tolist() == [3]
        assert new.header.frame_id == 'optical'
        assert stamp_of(new.start_time) == 100 * SECOND
        assert dict(zip(new.measures, new.values, strict=True))['dwell_s'] == pytest.approx(1.0)
        spin(ros, lambda: value('alarms begun') == '1', 'the count')

        # A jump back of the clock ends what is open first.
        send(150 * SECOND, 3, 0.9)
        spin(ros, lambda: len(alarms) == 3, 'the second alarm')
        send(10 * SECOND, 0.1, 0.0)
        spin(ros, lambda: len(alarms) == 4, 'its end')
        assert (alarms[3].type, alarms[3].id) == (ActionAlarm.END, alarms[2].id)
        assert alarms[3].header.stamp.sec == 152

        # A model without the label of a rule is said.
        labels.publish(
            label_info_message(ros_type, stamp=0, model='m', labels=('standing',), threshold=0.5)
        )
        spin(ros, lambda: 'no label of the model lying' in said().message, 'the fault')
        assert said().level == DiagnosticStatus.ERROR

        # A file that becomes wrong is refused, and the old rules stay; a right one is taken.
        rules.write_text(RULES.replace('bed]', 'sofa]'))
        answer = call()
        assert not answer.success
        assert 'line 5, rules.down.zones_not: there is no zone sofa' in answer.message
        rules.write_text(RULES.replace('[lying]', '[standing]'))
        assert call().success
        send(20 * SECOND, 3, 0.0)
        spin(ros, lambda: len(alarms) == 5, 'the alarm by the new rules')

        # At its end it ends what is open.
        process.send_signal(signal.SIGINT)
        spin(ros, lambda: len(alarms) == 6, 'the last end')
        assert alarms[5].type == ActionAlarm.END
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(('text', 'said'), [(None, 'rules is empty'), ('version: 1', 'rules')])
def test_wrong_rules_end_the_node_with_a_reason(tmp_path, text, said):
    arguments = ['action_monitor']
    if text is not None:
        (tmp_path / 'rules.yaml').write_text(text)
        arguments += ['--ros-args', '-p', f'rules:={tmp_path / "rules.yaml"}']
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert 'action_monitor: error:' in ended.stderr
    assert said in ended.stderr


OUTCOMES = """
version: 1
notify: {hook: {webhook: '%s'}}
rules:
  down: {actions: [lying], dwell: 1.0, end_after: 1.0, pre_capture: 1, post_capture: 1,
         notify: [hook]}
"""
GREY = np.full((240, 320, 3), 90, np.uint8)
JPEG = cv2.imencode('.jpg', GREY)[1].tobytes()


@pytest.fixture
def receiver():
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def command(rules, folder, *parameters):
    given = [f'rules:={rules}', f'evidence:={folder}', *parameters]
    return ['action_monitor', '--ros-args', *(word for text in given for word in ('-p', text))]


def test_alarms_have_evidence_and_people_are_notified(ros, receiver, tmp_path):
    rules, folder = tmp_path / 'rules.yaml', tmp_path / 'evidence'
    rules.write_text(OUTCOMES % receiver.url)
    parameters = (
        'detections:=[b/detections]',
        'images:=[hall=hall/image/compressed, yard=yard/image]',
        'notify:=true',
    )
    process = subprocess.Popen(
        command(rules, folder, *parameters),
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        stderr=subprocess.PIPE,
        text=True,
    )
    alarms, health = [], []
    ros.create_subscription(ActionAlarm, 'action_monitor/alarms', alarms.append, 100)
    ros.create_subscription(DiagnosticArray, '/diagnostics', health.append, 10)
    publisher = ros.create_publisher(ActionDetectionArray, 'b/detections', 100)
    hall = ros.create_publisher(CompressedImage, 'hall/image/compressed', 100)
    yard = ros.create_publisher(Image, 'yard/image', 100)
    reload = ros.create_client(Trigger, 'action_monitor/reload')

    def send(begin, seconds, lying):
        """Send images and detections of both cameras; in the yard somebody lies all the time."""
        for step in range(round(10 * seconds)):
            stamp = begin + step * SECOND // 10
            header = header_message(ros_type, stamp, 'optical')
            data = array('B', JPEG)
            hall.publish(CompressedImage(header=header, format='rgb8; jpeg bgr8', data=data))
            pixels = {'height': 240, 'width': 320, 'step': 960, 'encoding': 'rgb8'}
            yard.publish(Image(header=header, data=array('B', GREY.tobytes()), **pixels))
            publisher.publish(detections(stamp, lying, 'hall'))
            publisher.publish(detections(stamp, 0.9, 'yard'))
            rclpy.spin_once(ros, timeout_sec=0.02)

    def value(key):
        pairs = health[-1].status[0].values if health else []
        return {pair.key: pair.value for pair in pairs}.get(key)

    def of(camera):
        return [alarm for alarm in alarms if alarm.camera == camera]

    def kept(alarm):
        names = alarm.snapshot, alarm.clip, alarm.clip_boxes, alarm.bag
        assert all(names)
        return [folder / name for name in names]

    try:
        for sender in (publisher, hall, yard):
            spin(ros, sender.get_subscription_count, 'the node')
        spin(ros, lambda: health and 'no detections' in health[-1].status[0].message, 'a warning')

        # Another node cannot use the folder.
        second = subprocess.run(
            command(rules, folder, *parameters), capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 2
        assert f'evidence folder {folder} is in use by process {process.pid}' in second.stderr

        # The steps name what is kept; it is there once the alarm and post_capture have passed.
        send(100 * SECOND, 3, 0.9)
        send(103 * SECOND, 3, 0.0)
        spin(ros, lambda: len(of('hall')) == 2, 'the alarm')
        files = kept(of('hall')[0])
        assert kept(of('hall')[1]) == files
        spin(ros, lambda: all(file.exists() for file in files), 'the files')
        spin(ros, lambda: value('evidence clips') == '1', 'the count of clips')
        assert value('evidence clips failed') == '0'
        assert value('evidence frames unreadable') == '0'

        # Whoever the rule notifies gets the steps, and the names with them.
        spin(ros, lambda: value('notify hook sent') == '3', 'the count of letters')
        bodies = [json.loads(body) for _, body in receiver.posts]
        steps = [body for body in bodies if body['camera'] == 'hall']
        assert [step['type'] for step in steps] == ['new', 'end']
        assert folder / steps[0]['clip_boxes'] == files[2]

        # Rules that ask for other evidence are taken; what is open ends, and is complete.
        rules.write_text((OUTCOMES % receiver.url).replace('pre_capture: 1', 'pre_capture: 2'))
        future = reload.call_async(Trigger.Request())
        spin(ros, future.done, 'the answer')
        assert future.result().success, future.result().message
        spin(ros, lambda: len(of('yard')) == 2, 'the end by the reload')
        assert all(file.exists() for file in kept(of('yard')[1]))

        # So it is at the end of the node.
        send(110 * SECOND, 2, 0.0)
        spin(ros, lambda: len(of('yard')) == 3, 'the last alarm')
        health.clear()
        spin(ros, lambda: len(health) > 2, 'that images which wait are taken')
        process.send_signal(signal.SIGINT)
        spin(ros, lambda: len(of('yard')) == 4, 'its end')
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()

    assert len(receiver.posts) == 6
    for alarm in of('hall')[1], of('yard')[3]:
        snapshot, clip, boxes, bag = kept(alarm)
        assert cv2.imread(str(snapshot)).shape == GREY.shape
        plain, drawn = (list(open_source(path)) for path in (clip, boxes))
        assert len(plain) == len(drawn) > 10
        assert not np.array_equal(plain[5].image, drawn[5].image)
        with bag.open('rb') as stream:
            found = list(make_reader(stream).iter_messages())
        topics = {channel.topic for _, channel, _ in found}
        image = {'hall': '/hall/image/compressed', 'yard': '/yard/image/compressed'}[alarm.camera]
        assert topics == {image, '/b/detections', '/actloc/alarm'}
        if alarm.camera == 'hall':  # the original bytes
            assert all(JPEG in m.data for _, channel, m in found if channel.topic == image)


@pytest.mark.parametrize(
    ('folder', 'images', 'notify', 'said'),
    [
        ('', {'': '/image'}, False, 'images needs the parameter evidence'),
        ('', {}, True, 'notify needs the parameter evidence'),
        ('evidence', {}, False, 'there is nothing to keep in it'),
    ],
)
def test_parameters_that_need_each_other_are_refused_alone(folder, images, notify, said):
    with pytest.raises(ValueError, match=said):
        Wanted(folder, images, notify)


def test_images_wait_while_the_node_is_busy(ros):
    topics = {'hall': 'busy/hall/compressed', 'yard': 'busy/yard'}
    taken = {camera: [] for camera in topics}
    ImageTopics(ros, topics, lambda camera, message: taken[camera].append(message))
    hall = ros.create_publisher(CompressedImage, topics['hall'], 100)
    yard = ros.create_publisher(Image, topics['yard'], 100)
    for sender in (hall, yard):
        spin(ros, sender.get_subscription_count, 'the subscription')
    for sender, kind, count in (
        (hall, CompressedImage, COMPRESSED_DEPTH),
        (yard, Image, RAW_DEPTH),
    ):
        for _ in range(count):
            sender.publish(kind())
    spin(ros, lambda: len(taken['hall']) == COMPRESSED_DEPTH, 'all pictures')
    spin(ros, lambda: len(taken['yard']) == RAW_DEPTH, 'all images')

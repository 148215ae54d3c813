"""Check that the node hears: sound of a topic, by stamps, beside any camera."""

import time

import pytest
from node_harness import picture, running_node, values, wait_for
from rclpy.qos import DurabilityPolicy, QoSProfile
from sound_files import SECOND, beeps, sound_messages, write_loudness_classifier

from actloc_ros.messages import header_message
from actloc_ros.ros.common.message_types import ros_type

START = 1_700_000_000 * SECOND
SEER = 'colour_localizer:ColourLocalizer'
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return str(write_loudness_classifier(tmp_path_factory.mktemp('sound') / 'loud.onnx'))


def test_a_message_type_that_is_not_installed_is_named(weights):
    try:
        import audio_common_msgs.msg  # noqa: F401
    except ImportError:
        given = {'model': f'{SEER}+sound', 'sound__weights': weights}
        with running_node(autostart=False, **given) as client:
            assert not client.change_state('configure')
            status = wait_for(lambda: client.status() or None)
            assert 'audio_common_msgs cannot be imported' in status.message
    else:
        pytest.skip('audio_common_msgs is installed')


def test_sound_meets_the_images_of_its_time(weights):
    messages = pytest.importorskip('audio_common_msgs.msg')
    given = {'model': f'{SEER}+sound', 'sound__weights': weights, 'sound__patience': 2.0}
    with running_node(**given) as client:
        images = client.camera()
        info = client.camera('audio_info', messages.AudioInfo, LATCHED)
        sound = client.camera('audio', messages.AudioDataStamped)
        info.publish(messages.AudioInfo(channels=1, sample_rate=16_000, sample_format='S16LE'))
        time.sleep(0.3)
        for begin, data in sound_messages(beeps(2.0, 1.0)):
            header = header_message(ros_type, START + begin * SECOND // 16_000, 'microphone')
            audio = messages.AudioData(data=list(data))
            sound.publish(messages.AudioDataStamped(header=header, audio=audio))
        found = {}
        for number in range(5, 20):
            answer = client.show(images, picture(), START + number * SECOND // 10)
            found[number] = {(d.label, d.whole_view) for d in answer.detections if d.label}
        assert ('beep', True) not in found[8]
        assert ('beep', True) in found[13]
        assert ('red', False) in found[13]
        assert [e.label for e in client.events].count('beep') >= 1
        figures = values(client.status('camera'))
        assert figures['sound broken'] == '0'
        assert figures['frames without sound'] == '0'


def test_sound_without_a_format_is_said(weights):
    messages = pytest.importorskip('audio_common_msgs.msg')
    wrong = {'model': 'sound', 'weights': weights, 'sound__format': 'mp4'}
    with running_node(autostart=False, **wrong) as client:
        assert not client.change_state('configure')
    given = {'model': 'sound', 'weights': weights, 'sound__type': 'audio_common_msgs/AudioData'}
    with running_node(**given) as client:
        images, sound = client.camera(), client.camera('audio', messages.AudioData)
        sound.publish(messages.AudioData(data=[0, 0]))
        assert client.show(images, picture(), START).detections == []
        assert values(client.status('camera'))['frames without sound'] == '1'

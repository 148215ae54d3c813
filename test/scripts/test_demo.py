"""Test the demonstration: a recording through ROS into the node, and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actloc_ros.io.bags import read_detections
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.synth import render

DEMO = Path(__file__).resolve().parents[2] / 'scripts' / 'demo.py'
RATE = 10.0
PATIENCE = 90.0  # s: every wait ends then


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('demo') / 'a.mp4'
    with VideoWriter(path, RATE) as writer:
        for frame in render(12, 4.0, (320, 240), RATE):
            writer.write(frame.stamp, frame.image)
    return path


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(DEMO), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        start_new_session=True,
    )


def group_is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_recording_leaves_a_video_and_a_bag_and_prints_events(tmp_path, video):
    demo = start('--input', video, '--out', tmp_path)
    printed, faults = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, faults
    assert re.search(r'^ +\d+\.\d s  track \d+  \w+  started$', printed, re.MULTILINE)
    assert f'annotated video: {tmp_path}/annotated.mp4' in printed
    found = re.search(
        r'\[demo\] the first of \d+ alarms, its rule in .*, and its clip:\n(.*\n){2}(.*)', printed
    )
    assert found, printed
    assert found[2].startswith(str(tmp_path / 'alarms'))
    assert len(list(open_source(found[2]))) > 10
    assert f'bag of detections: {tmp_path}/detections' in printed
    messages = list(read_detections(tmp_path / 'detections'))
    assert any(message.detections for message in messages)
    assert messages[0].model == 'pose_n'
    assert len(list(open_source(tmp_path / 'annotated.mp4'))) == len(list(open_source(video)))
    assert group_is_gone(demo.pid)


def test_interrupt_ends_all_of_it(tmp_path, video):
    demo = start('--input', video, '--out', tmp_path)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / 'detections').exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(demo.pid, signal.SIGINT)  # as Ctrl-C does
    printed, faults = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130, faults
    assert printed.endswith('stopped\n')
    assert group_is_gone(demo.pid)


def test_an_unusable_recording_is_reported(tmp_path):
    demo = start('--input', tmp_path / 'absent.mp4', '--out', tmp_path)
    _, faults = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 1
    assert faults.startswith('demo: error:')
    assert 'does not exist' in faults

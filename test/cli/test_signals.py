"""End commands that work: what they have found is completed, and the shell is told."""

import json
import os
import shutil
import signal
import subprocess

import numpy as np
import pytest
from rosbags.rosbag2 import Reader

from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import EVENTS_TOPIC, read_detections
from actloc_ros.io.video_writer import VideoWriter

SLOW = """
import time
from colour_localizer import ColourLocalizer

class Slow(ColourLocalizer):
    def step(self, frames):
        time.sleep(0.02)
        return super().step(frames)
"""
RULES = """
version: 1
zones: {all: {coordinates: [0,0, 1,0, 1,1, 0,1], inertia: 0}}
rules: {here: {zones: [all]}}
"""


@pytest.fixture(scope='module')
def recording(tmp_path_factory):
    """Return a folder with a long video of one red block, a slow model and rules."""
    folder = tmp_path_factory.mktemp('signals')
    image = np.full((96, 128, 3), 20, np.uint8)
    image[28:68, 50:74] = 250, 0, 0
    with VideoWriter(folder / 'a.mp4', 10.0) as video:
        for step in range(2000):
            video.write(step * 100_000_000, image)
    (folder / 'slow.py').write_text(SLOW)
    (folder / 'rules.yaml').write_text(RULES)
    return folder


def broken_off(recording, number, *command):
    """Start a command, send a signal once it has printed a line; return code and all lines."""
    path = f'{os.environ.get("PYTHONPATH", "")}:{recording}:{os.path.dirname(__file__)}/../support'
    process = subprocess.Popen(
        [shutil.which('actloc'), *map(str, command), '--model', 'slow:Slow'],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'},
    )
    try:
        first = process.stdout.readline()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, [first, *rest.splitlines()]


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_leaves_a_whole_bag_and_video(recording, tmp_path, number, code):
    bag, video = tmp_path / 'bag', tmp_path / 'a.mp4'
    command = ('run', recording / 'a.mp4', '--out', bag, '--video', video)
    assert broken_off(recording, number, *command)[0] == code
    found = list(read_detections(bag))
    assert 1 < len(found) < 2000
    assert found[-1].detections[0].state == InstanceState.ENDED
    with Reader(bag) as reader:
        events = [c for c, _, _ in reader.messages() if c.topic.endswith(EVENTS_TOPIC)]
    assert len(events) == 2  # what began, and that it ended
    assert video.stat().st_size > 0


def test_alarms_are_ended_with_the_command(recording, tmp_path):
    out = tmp_path / 'out'
    command = ('monitor', recording / 'a.mp4', '--rules', recording / 'rules.yaml', '--json')
    more = ('--out', out, '--counts', tmp_path / 'counts.csv')
    code, lines = broken_off(recording, signal.SIGTERM, *command, *more)
    assert code == 143
    steps = [json.loads(line) for line in (out / 'alarms.jsonl').read_text().splitlines()]
    assert [step['type'] for step in steps] == ['new', 'end']
    assert [json.loads(line) for line in lines] == steps
    assert (out / steps[1]['clip']).stat().st_size > 0
    assert len((tmp_path / 'counts.csv').read_text().splitlines()) == 2

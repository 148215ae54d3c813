"""Run the example of a localizer of one's own, offline and in the node."""

import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from actloc_ros.io.bags import read_detections
from actloc_ros.io.video_writer import VideoWriter

MODEL = 'my_localizer:MyLocalizer'
STILL, MOVING = 10, 20  # frames
TALL, WIDE = (20, 60), (60, 20)  # width and height in pixels


@pytest.fixture(scope='module')
def environment(examples):
    """Return an environment in which the example is found, as its docstring says."""
    path = os.pathsep.join([os.environ.get('PYTHONPATH', ''), str(examples)])
    return os.environ | {'PYTHONPATH': path, 'OMP_NUM_THREADS': '1'}


def film(path, size):
    """Write a video of 10 Hz of a dark wall, before which a bright figure of `size` moves."""
    with VideoWriter(path, rate=10) as writer:
        for index in range(STILL + MOVING):
            image = np.full((120, 160, 3), 40, np.uint8)
            if index >= STILL:
                left = place(index)
                image[40 : 40 + size[1], left : left + size[0]] = 220
            writer.write(index * 100_000_000, image)
    return path


def place(index):
    """Return the figure's left edge in a frame."""
    return 10 + 4 * (index - STILL)


def results(video, environment, bag):
    """Return the detections that are decided, with the number of their frame."""
    command = ['actloc', 'run', video, '--model', MODEL, '--out', bag]
    subprocess.run(command, env=environment, check=True, timeout=100)
    return [
        (number, detection)
        for number, message in enumerate(read_detections(bag))
        for detection in message.detections
        if detection.instance_id
    ]


@pytest.mark.parametrize(('size', 'label'), [(TALL, 'upright'), (WIDE, 'lying')])
def test_offline_what_moves_is_found_with_its_posture(tmp_path, environment, size, label):
    found = results(film(tmp_path / 'a.mp4', size), environment, tmp_path / 'bag')
    assert {detection.label for _, detection in found} == {label}
    assert {detection.track_id for _, detection in found} == {1}
    for number, detection in found:
        if number < STILL + MOVING:  # the last message ends what is open
            left = place(number)
            expected = [left, 40, left + size[0], 40 + size[1]]
            assert np.allclose(detection.bbox, expected, atol=6), number


@contextmanager
def process(*command, **options):
    """Run a process that is ended with the test."""
    running = subprocess.Popen(command, **options)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


def test_in_the_node_it_starts_an_action_for_a_planner(tmp_path, environment, examples):
    video = film(tmp_path / 'a.mp4', TALL)
    parameters = ['-p', f'model:={MODEL}', '-p', 'process_all:=true']
    with (
        process(
            *(sys.executable, examples / 'wait_for_action.py', 'upright'),
            stdout=subprocess.PIPE,
            text=True,
        ) as planner,
        process('action_localizer', '--ros-args', *parameters, env=environment),
        process('play', video, '--wait', '1', '--loop'),
    ):
        printed, _ = planner.communicate(timeout=60)
    assert planner.returncode == 0
    assert printed.startswith('track ')
    assert ' started upright at ' in printed

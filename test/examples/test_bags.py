"""Run the examples that read a bag of detections."""

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from actloc_ros.instances import InstanceState
from actloc_ros.io.bags import read_detections
from actloc_ros.io.sources import open_source


@pytest.fixture(scope='module')
def bag(walk, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('bag') / 'detections'
    command = ['actloc', 'run', walk, '--model', 'motion', '--out', path]
    subprocess.run(command, check=True, timeout=100)
    return path


def run(*command) -> list[str]:
    """Return the lines that an example prints."""
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()


def started(bag: Path) -> list:
    every = [detection for message in read_detections(bag) for detection in message.detections]
    return [detection for detection in every if detection.state == InstanceState.STARTED]


def test_the_table_has_a_row_for_each_instance(bag, examples):
    head, *rows = run(examples / 'read_detections.py', bag)
    assert head.split() == ['camera', 'track', 'action', 'start,', 's', 'end,', 's', 'score']
    expected = [('-', str(each.track_id), each.label) for each in started(bag)]
    assert len(expected) > 1
    assert [tuple(row.split()[:3]) for row in rows] == expected
    for row in rows:
        start, end, score = map(float, row.split()[3:])
        assert start <= end
        assert 0 < score <= 1


def test_the_table_needs_neither_ros_nor_this_package(bag, examples):
    program = (
        'import runpy, sys\n'
        "sys.modules |= {'actloc_ros': None, 'rclpy': None}\n"
        f'sys.argv = ["", {str(bag)!r}]\n'
        f"runpy.run_path({str(examples / 'read_detections.py')!r}, run_name='__main__')\n"
    )
    assert len(run('-c', program)) == 1 + len(started(bag))


def test_an_image_is_drawn_at_each_start(bag, walk, examples, tmp_path):
    paths = run(examples / 'draw_detections.py', walk, bag, tmp_path)
    starts = {each.header.stamp.sec + each.header.stamp.nanosec / 1e9 for each in started(bag)}
    assert paths == [str(tmp_path / f'{start:09.3f}.png') for start in sorted(starts)]
    frames = {f'{frame.stamp / 1e9:09.3f}.png': frame.image for frame in open_source(walk)}
    for path in map(Path, paths):
        drawn = cv2.imread(str(path))[..., ::-1]
        assert drawn.shape == frames[path.name].shape
        assert (drawn != frames[path.name]).any()

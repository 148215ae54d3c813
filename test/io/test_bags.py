"""Test that bags of detections hold the node's messages, and say what is wrong with bad ones."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ament_index_python import get_package_share_directory
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import Reader

from actloc_ros.cli.main import main as actloc
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io import bags
from actloc_ros.io.bags import BagError, DetectionWriter, find_type, message_types, read_detections
from actloc_ros.io.source import SourceError
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import step_to_message
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type

LABELS = ('walk', 'wave')
ROOT = Path(__file__).resolve().parents[2]


def step(stamp, score=0.5, camera=''):
    scores = np.array([0.2, score], np.float32)
    box = (1.0, 2.0, 30.5, 40.0)
    action = InstanceUpdate(3, 1, InstanceState.STARTED, 1, box, 0.7, 10**9, stamp, scores)
    return FrameResult(camera, stamp, 'optical', 64, 48, ClipInfo(1, stamp, 16, 3), (action,))


def message(*args, types=find_type, **kwargs):
    return step_to_message(step(*args, **kwargs), types, model='m', labels=LABELS)


def write(path, messages, storage='mcap'):
    with DetectionWriter(path, storage) as writer:
        for each in messages:
            writer.write_detections(each)
    return path


def serialized(each):
    return bytes(message_types().serialize_cdr(each, bags.DETECTIONS))


def test_messages_of_ros_are_read_as_they_were_made():
    data = serialize_message(message(2 * 10**9 + 5, types=ros_type))
    ours = serialized(message(2 * 10**9 + 5))
    assert serialized(message_types().deserialize_cdr(data, bags.DETECTIONS)) == ours
    assert deserialize_message(ours, ActionDetectionArray) == deserialize_message(
        data, ActionDetectionArray
    )


def test_types_are_those_that_ros_knows():
    """Types of another hash would not be played by ROS."""
    folder = Path(get_package_share_directory('actloc_ros')) / 'msg'
    if not (folder / 'LabelInfo.json').exists():
        pytest.skip('this ROS 2 has no type hashes')
    for name in bags.MESSAGES:
        [known] = [
            entry['hash_string']
            for entry in json.loads((folder / f'{name}.json').read_text())['type_hashes']
            if entry['type_name'] == f'actloc_ros/msg/{name}'
        ]
        assert message_types().hash_rihs01(f'actloc_ros/msg/{name}') == known


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_bag_gives_back_what_was_written_logged_at_header_stamps(tmp_path, storage):
    stamps = [3 * 10**9 + 7, 4 * 10**9]
    path = write(tmp_path / 'bag', map(message, stamps), storage)
    found = [serialized(each) for each in read_detections(path)]
    assert found == [serialized(message(stamp)) for stamp in stamps]
    with Reader(path) as reader:
        assert [time for _, time, _ in reader.messages()] == stamps


def test_stamps_before_1970_are_kept_in_the_headers(tmp_path):
    stamps = [-5 * 10**9, -1, 0, 10**9]
    path = write(tmp_path / 'bag', map(message, stamps))
    found = [serialized(each) for each in read_detections(path)]
    assert found == [serialized(message(stamp)) for stamp in stamps]
    with Reader(path) as reader:
        assert [time for _, time, _ in reader.messages()] == [0, 0, 0, 10**9]


def test_compare_says_where_bags_differ(tmp_path, capsys):
    one = write(tmp_path / 'one', [message(10**9), message(2 * 10**9), message(3 * 10**9)])
    two = write(tmp_path / 'two', [message(10**9), message(2 * 10**9, score=0.6)])
    assert actloc(['compare', str(one), str(one)]) == 0
    assert capsys.readouterr().out == 'equal: 3 messages\n'
    assert actloc(['compare', str(one), str(two)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith('stamp 2.000000000 s: detections[0].results[0].score: 0.5 against 0.6')
    assert second == 'stamp 3.000000000 s: only in the first'
    assert actloc(['compare', str(one), str(two), '--limit', '1']) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_bags_without_detections_and_taken_names_are_refused(tmp_path, shared, capsys):
    real = shared / 'data' / 'bags' / 'ros2_mcap' / 'aruco_images'
    with pytest.raises(BagError, match=r'its topics are /raspicam_node/camera_info'):
        list(read_detections(real))
    with pytest.raises(BagError, match=r'no topic other of detections; it has /action_localizer'):
        list(read_detections(write(tmp_path / 'bag', [message(1)]), 'other'))
    with pytest.raises(SourceError, match='empty bag'):
        list(read_detections(write(tmp_path / 'empty', [])))
    with pytest.raises(BagError, match='exists already'):
        DetectionWriter(tmp_path)
    assert actloc(['compare', str(real), str(real)]) == 2
    assert 'actloc: error:' in capsys.readouterr().err


def test_definitions_are_found_where_pip_installs_them(tmp_path):
    """The wheel holds the messages, and its copy of the package reads them."""
    source = tmp_path / 'source'
    shutil.copytree(
        ROOT,
        source,
        ignore=lambda _, names: [n for n in names if n.startswith('.') or n == 'build'],
    )
    command = [sys.executable, 'setup.py', '-q', 'bdist_wheel', '-d', str(tmp_path)]
    subprocess.run(command, cwd=source, check=True, timeout=60, capture_output=True)
    [wheel] = tmp_path.glob('*.whl')
    zipfile.ZipFile(wheel).extractall(tmp_path / 'site')
    code = 'from actloc_ros.io import bags; bags.find_type(bags.EVENT); print(bags._definitions())'
    found = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env={'PYTHONPATH': str(tmp_path / 'site')},
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(tmp_path / 'site')

"""Test that bags of detections hold the node's messages, and say what is wrong with bad ones."""

import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
from ament_index_python import get_package_share_directory
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from actloc_ros.cli.main import main as actloc
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io import bags
from actloc_ros.io.bags import BagError, DetectionWriter, find_type, message_types, read_detections
from actloc_ros.io.source import SourceError
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import step_to_message
from actloc_ros.msg import ActionDetectionArray
from actloc_ros.pipeline import FrameResult
from actloc_ros.ros.common.message_types import ros_type

LABELS = ('walk', 'wave')
ROOT = Path(__file__).resolve().parents[2]


def step(stamp, score=0.5, camera='', joints=None):
    scores = np.array([0.2, score], np.float32)
    box = (1.0, 2.0, 30.5, 40.0)
    state = InstanceState.STARTED
    action = InstanceUpdate(3, 1, state, 1, box, 0.7, 10**9, stamp, scores, joints=joints)
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


def old_types():
    """Return the types as they were before joints and the whole view."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name in bags.MESSAGES:
        lines = (ROOT / 'msg' / f'{name}.msg').read_text().splitlines()
        kept = (line for line in lines if ' joint' not in line and 'whole_view' not in line)
        text = '\n'.join(kept)
        store.register(get_types_from_msg(text, f'actloc_ros/msg/{name}'))
    return store


def as_old(value, store):
    """Return a message in the classes of `store`, which leave out what they do not know."""
    if is_dataclass(value):
        kind = store.types[value.__msgtype__]
        return kind(**{f.name: as_old(getattr(value, f.name), store) for f in fields(kind)})
    return [as_old(each, store) for each in value] if isinstance(value, list) else value


def write_old(path, stamps, storage):
    """Write a bag as it was before joints."""
    store = old_types()
    assert 'joints_x' not in dict(store.fielddefs['actloc_ros/msg/ActionDetection'][1])
    with Writer(path, version=8, storage_plugin=storage) as writer:
        made = writer.add_connection(bags.DETECTIONS_TOPIC, bags.DETECTIONS, typestore=store)
        for stamp in stamps:
            data = store.serialize_cdr(as_old(message(stamp), store), bags.DETECTIONS)
            writer.write(made, stamp, data)
    return path


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_bags_from_before_joints_are_read_compared_and_drawn(tmp_path, storage, capsys):
    """A bag holds its definitions; fields that these lack are empty."""
    stamps = [0, 40_000_000, 80_000_000]
    old = str(write_old(tmp_path / 'old', stamps, storage))
    new = write(tmp_path / 'new', map(message, stamps))
    assert [*map(serialized, read_detections(old))] == [*map(serialized, read_detections(new))]
    assert actloc(['compare', old, str(new)]) == 0
    joints = np.zeros((2, 3), np.float32)
    other = write(tmp_path / 'joints', [message(stamp, joints=joints) for stamp in stamps])
    assert actloc(['compare', old, str(other)]) == 1
    assert 'detections[0].joints_x: [] against [0.0, 0.0]' in capsys.readouterr().out
    with VideoWriter(tmp_path / 'a.mp4', rate=25) as video:
        for stamp in stamps:
            video.write(stamp, np.zeros((48, 64, 3), np.uint8))
    arguments = [str(tmp_path / 'a.mp4'), old, '--out', str(tmp_path / 'out.mp4')]
    assert actloc(['draw', *arguments]) == 0
    assert list(open_source(tmp_path / 'out.mp4'))[1].image.max() > 100
    assert bags.read_joint_names(old) == ()


def test_databases_without_definitions_are_read_unless_their_layout_is_another(tmp_path):
    """ROS 2 Humble records such."""
    old = write_old(tmp_path / 'old', [10**9, 2 * 10**9], StoragePlugin.SQLITE3)
    new = write(tmp_path / 'new', [message(10**9)], 'sqlite3')
    for bag in (old, new):
        [file] = bag.glob('*.db3')
        with closing(sqlite3.connect(file)) as database:
            database.execute('DELETE FROM message_definitions')
            database.commit()
    assert [*map(serialized, read_detections(new))] == [serialized(message(10**9))]
    with pytest.raises(BagError, match='does not hold the layout that it was recorded with'):
        list(read_detections(old))


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

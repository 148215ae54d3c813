"""Check that message definitions stay as they are, and that both libraries agree on them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from actloc_ros.frames import NANOSECONDS
from actloc_ros.instances import InstanceState, InstanceUpdate
from actloc_ros.io.bags import find_type, message_types
from actloc_ros.localizer import ClipInfo
from actloc_ros.messages import (
    MAX_RESULTS,
    duration_message,
    label_info_message,
    stamp_of,
    step_to_message,
    time_message,
)
from actloc_ros.msg import ActionDetectionArray, LabelInfo
from actloc_ros.pipeline import FrameResult
from actloc_ros.projection import ActorPose
from actloc_ros.ros.common.message_types import ros_type

# A recorded bag outlives a release: a change here breaks what users have recorded.
PINNED = {
    'ActionAlarm': 'a589ae4c20f2eea37d3afc0f8cfbf380ea29915d2abb2ed3674fac4b25a3db33',
    'ActionDetection': '92b7f7501cb648f6b7f9dbd7d6762ebce5597d49b3a0e8a1af0cabd8fee381b8',
    'ActionDetectionArray': '5cc6d3d27fb2cdbedd55e2a9e1a60f7e6678449db2712372102e42dc751f56c6',
    'ActionHypothesis': 'ef9a04f17c8ae96eac7c55a30d39762a3ce07b3e0d77aa1a20591eac06e45d2a',
    'LabelInfo': '08e5fc47265ea0c5901ebb466a52cb57b21f3cce1ea2f1871e4613aebb2b5330',
}
DEFINITIONS = Path(__file__).resolve().parent.parent / 'msg'
LABELS = tuple(f'label{index}' for index in range(20))
STAMP = 1_700_000_000_987_654_321
JOINTS = np.array([[-3.25, 10.1, 0.7], [20.5, 500.0, 0]], np.float32)
PLACES = np.array([[0.5, -0.25, 2.0], [np.nan] * 3])


def test_definitions_are_pinned() -> None:
    found = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DEFINITIONS.glob('*.msg')
    }
    assert found == PINNED


def test_every_field_has_a_comment() -> None:
    for path in DEFINITIONS.glob('*.msg'):
        lines = path.read_text().splitlines()
        for before, line in zip(['', *lines], lines, strict=False):
            if line and not line.startswith('#'):
                assert '#' in line or before.startswith('#'), f'{path.name}: {line}'


def step() -> FrameResult:
    """Return a step of two actors, one of which reaches to the image's edge."""
    scores = np.linspace(0, 0.95, 20, dtype=np.float32)
    box = (0.0, 2.25, 640.0, 470.0)
    actions = (
        InstanceUpdate(
            1, 2, InstanceState.STARTED, 19, box, 0.75, STAMP - 5, STAMP, scores, joints=JOINTS
        ),
        InstanceUpdate(
            2, 0, InstanceState.UNKNOWN, -1, (1.0, 2.0, 3.0, 4.0), 0.5, STAMP, STAMP, scores * 0
        ),
    )
    clip = ClipInfo(STAMP - 7, STAMP, 16, 3)
    return FrameResult('front', STAMP, 'optical', 640, 480, clip, actions)


def message(types: object = ros_type) -> ActionDetectionArray:
    """Return the step's message in the classes of `types`."""
    velocity = np.array([0.5, 0, -1])
    pose = ActorPose(np.arange(3.0), np.eye(3) * 0.04, np.ones(3), 'map', velocity, PLACES, True)
    return step_to_message(
        step(),
        types,
        model='model',
        labels=LABELS,
        dropped=4,
        inference_time=5_000_000,
        latency=-1,
        poses={1: pose},
    )


def test_rclpy_and_rosbags_lay_a_step_out_alike() -> None:
    data = message_types().serialize_cdr(message(find_type), 'actloc_ros/msg/ActionDetectionArray')
    # A message with NaN equals none, and the middleware's padding is random: compare our bytes.
    kind = 'actloc_ros/msg/ActionDetectionArray'
    ours = message_types().deserialize_cdr(serialize_message(message()), kind)
    assert bytes(message_types().serialize_cdr(ours, kind)) == bytes(data)
    arguments = {'stamp': STAMP, 'model': 'model', 'labels': LABELS, 'threshold': 0.5}
    arguments['joint_names'] = ('nose', 'left_wrist')
    data = message_types().serialize_cdr(
        label_info_message(find_type, **arguments), 'actloc_ros/msg/LabelInfo'
    )
    assert deserialize_message(bytes(data), LabelInfo) == label_info_message(ros_type, **arguments)


def test_a_message_says_what_the_step_said() -> None:
    array = deserialize_message(serialize_message(message()), ActionDetectionArray)
    assert stamp_of(array.header.stamp) == stamp_of(array.clip_end) == STAMP
    assert (array.clip_frames, array.clip_frames_missing, array.frames_dropped) == (16, 3, 4)
    assert (stamp_of(array.latency), stamp_of(array.inference_time)) == (-1, 5_000_000)
    known, unknown = array.detections
    assert known.bbox.tolist() == [0, 2.25, 640, 470]
    assert (known.label, known.class_id, known.state) == ('label19', 19, 1)
    assert [r.class_id for r in known.results] == list(range(19, 19 - MAX_RESULTS, -1))
    assert known.results[0].score == pytest.approx(0.95)
    assert (unknown.label, unknown.class_id, unknown.results) == ('', -1, [])
    assert known.has_pose
    assert known.has_velocity
    assert known.pose_untransformed
    assert known.pose.header.frame_id == 'map'
    assert known.pose.pose.covariance.reshape(6, 6)[2, 2] == 0.04
    assert not unknown.has_pose
    columns = [known.joints_x, known.joints_y, known.joints_score]
    assert np.array_equal(np.array(columns, np.float32).T, JOINTS)
    places = [(point.x, point.y, point.z) for point in known.joints_3d]
    assert np.array_equal(places, PLACES, equal_nan=True)
    assert not any(map(len, (unknown.joints_x, unknown.joints_score, unknown.joints_3d)))
    assert not unknown.has_velocity
    assert not unknown.pose_untransformed


@pytest.mark.parametrize('stamp', [0, 1, NANOSECONDS, STAMP])
def test_stamps_survive_to_the_nanosecond(stamp: int) -> None:
    assert stamp_of(time_message(ros_type, stamp)) == stamp
    assert stamp_of(duration_message(ros_type, -stamp)) == -stamp


@pytest.mark.parametrize('duration', [2**40 * NANOSECONDS, -(2**40) * NANOSECONDS])
def test_durations_that_no_message_holds_are_cut(duration: int) -> None:
    message = duration_message(ros_type, duration)
    found = deserialize_message(serialize_message(message), type(message))
    assert abs(stamp_of(found)) == 2**31 * NANOSECONDS - 1
    assert (found.sec < 0) == (duration < 0)

"""Take joints from a file in place of a network that finds them."""

import json

import numpy as np
import pytest
import torch

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.io.bags import read_detections, read_joint_names
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.joints import COCO_JOINTS, in_coco_order
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.open import open_localizer, side_inputs
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.pose.external_joints import boxes_around
from actloc_ros.models.pose.localizer import PoseLocalizer
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.network import SkeletonNet

IMAGE = np.zeros((120, 160, 3), np.uint8)
RATE, COUNT = 10, 20
OPENPOSE = ['nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder']


@pytest.fixture(scope='module')
def skeleton(tmp_path_factory):
    """Return the file of a small network of motion, of random weights."""
    torch.manual_seed(0)
    labels, thresholds = ('standing', 'walking', 'falling'), (0.5, 0.3, 0.7)
    path = tmp_path_factory.mktemp('skeleton') / 'skeleton.onnx'
    path.write_bytes(to_onnx(SkeletonNet(3, width=16, layers=1).eval(), labels, thresholds))
    return path


def walk(index):
    """Return who walks through a frame: joints (17, 3)."""
    random = np.random.default_rng(4)
    at = random.uniform((0, 0), (24, 60), (17, 2)) + np.array([20 + 3 * index, 30 + index % 2])
    return np.column_stack([at, random.uniform(0.4, 0.9, 17)]).round(3)


def plain(tmp_path, **changes):
    rows = [
        {'frame': index, 'score': 0.9, 'joints': walk(index).tolist()} for index in range(COUNT)
    ]
    data = {'format': 'actloc-joints', 'version': 1, 'rate': RATE, 'joint_names': COCO_JOINTS}
    path = tmp_path / 'joints.json'
    path.write_text(json.dumps(data | {'detections': rows} | changes))
    return path


def coco(tmp_path, change=None, **others):
    rows = [
        {
            **{'image_id': index, 'category_id': 1, 'score': 0.9},
            'keypoints': walk(index).ravel().tolist(),
            **others,
        }
        for index in range(COUNT)
    ]
    rows[3] |= change or {}
    path = tmp_path / 'coco.json'
    path.write_text(json.dumps(rows))
    return path


def run(localizer, start=5.0):
    """Return what a localizer says of all frames, at times that count from somewhere."""
    frames = [Frame('', nanoseconds(start + i / RATE), IMAGE) for i in range(COUNT)]
    return [localizer.step([frame])[0] for frame in frames]


@pytest.mark.parametrize('write', [plain, coco])
def test_joints_of_a_file_do_as_those_of_a_network(tmp_path, skeleton, write):
    options = LocalizerOptions(weights=str(skeleton), extra={'joints.rate': float(RATE)})
    given = run(open_localizer(f'joints={write(tmp_path)}+skeleton_n', options))

    def find(image, least):
        joints = walk(next(numbers))[None].astype(np.float32)
        return FoundPeople(boxes_around(joints).astype(np.float32), np.array([0.9]), joints)

    numbers = iter(range(COUNT))
    network = PeopleNetwork('people', find, 0.5, has_joints=True)
    expected = run(PoseLocalizer('pose', network, SkeletonSession(skeleton)))
    assert [len(each) for each in given] == [0, 0] + [1] * (COUNT - 2)
    for mine, theirs in zip(given[2:], expected[2:], strict=True):
        np.testing.assert_allclose(mine.joints, theirs.joints)
        np.testing.assert_allclose(mine.actions, theirs.actions, atol=1e-6)
        np.testing.assert_allclose(mine.boxes, theirs.boxes, atol=1e-4)


def test_joints_are_found_by_their_names(tmp_path, skeleton):
    rows = [
        {'frame': i, 'score': 0.9, 'joints': walk(i)[: len(OPENPOSE)].tolist()}
        for i in range(COUNT)
    ]
    path = plain(tmp_path, joint_names=OPENPOSE, detections=rows)
    options = LocalizerOptions(weights=str(skeleton))
    found = run(open_localizer(f'joints={path}+skeleton_n', options))[-1].joints[0]
    wanted = walk(COUNT - 1)
    names = list(COCO_JOINTS)
    for column, name in enumerate(OPENPOSE):
        if name != 'neck':
            np.testing.assert_allclose(found[names.index(name)], wanted[column], rtol=1e-6)
    assert found[names.index('left_ankle')].tolist() == [0, 0, 0]
    assert (found[:, 2] > 0).sum() == 5


def test_a_graph_network_takes_joints_of_a_file(tmp_path):
    options = LocalizerOptions(random_weights=True, device='cpu')
    model = f'joints={plain(tmp_path)}+stgcnpp_ntu60_hrnet_j'
    found = run(open_localizer(model, options))
    assert len(found[-1]) == 1
    assert found[-1].actions.shape == (1, 60)
    assert found[-1].actions.sum() > 0


def test_frames_are_known_by_their_time_and_cameras_apart(tmp_path, skeleton):
    options = LocalizerOptions(weights=str(skeleton))
    localizer = open_localizer(f'joints={plain(tmp_path)}+skeleton_n', options)
    for time in (3.0, 3.1, 3.2, 3.5):  # two frames were dropped
        [found] = localizer.step([Frame('', nanoseconds(time), IMAGE)])
    np.testing.assert_allclose(found.joints[0], walk(5), rtol=1e-6)
    [other] = localizer.step([Frame('hall', nanoseconds(9), IMAGE)])
    assert len(other) == 0
    [late] = localizer.step([Frame('', nanoseconds(300), IMAGE)])
    assert len(late) == 0


def test_run_reads_joints_beside_a_video(tmp_path, skeleton, capsys):
    with VideoWriter(tmp_path / 'a.mp4', rate=RATE) as video:
        for index in range(COUNT):
            video.write(index * 100_000_000, IMAGE)
    params = tmp_path / 'params.yaml'
    params.write_text(f'/**:\n  ros__parameters:\n    joints.rate: {float(RATE)}\n')
    model = ['--model', f'joints={coco(tmp_path)}+skeleton_n', '--weights', str(skeleton)]
    source = str(tmp_path / 'a.mp4')
    bag = str(tmp_path / 'bag')
    assert main(['run', source, *model, '--params', str(params), '--out', bag]) == 0
    assert read_joint_names(bag) == COCO_JOINTS
    found = [each for message in read_detections(bag) for each in message.detections]
    found = [each for each in found if len(each.joints_x)]
    assert len(found) >= COUNT - 2
    np.testing.assert_allclose(found[-1].joints_x, walk(COUNT - 1)[:, 0], rtol=1e-5)
    assert main(['run', source, *model]) == 2
    assert 'set the parameter joints.rate' in capsys.readouterr().err


def test_a_box_of_the_file_counts(tmp_path, skeleton):
    options = LocalizerOptions(weights=str(skeleton), extra={'joints.rate': float(RATE)})
    path = coco(tmp_path, bbox=[10, 20, 70, 200])
    found = run(open_localizer(f'joints={path}+skeleton_n', options))[-1]
    assert found.boxes.tolist() == [[10, 20, 80, 120]]  # within the image


NAN = float('nan')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'version': 2}, 'expected .actloc-joints., version 1'),
        ({'joint_names': ['tail']}, 'some of them of COCO'),
        (
            {'joint_names': COCO_JOINTS[:16]},
            r'detection 0: joints of shape \(17, 3\); expected \(16',
        ),
        ({'detections': [{'frame': 0, 'score': 1, 'joints': [[NAN] * 3] * 17}]}, 'not finite'),
        (
            {'detections': [{'frame': 0, 'score': NAN, 'joints': [[1] * 3] * 17}]},
            'no finite number',
        ),
        ({'detections': [{'frame': -1, 'score': 1, 'joints': [[1] * 3] * 17}]}, 'the frame is -1'),
        ({'detections': [{'frame': 0, 'joints': [[1] * 3] * 17}]}, "KeyError: 'score'"),
        ({'detections': [{'video': 'a'}, {'video': 'b'}]}, 'the joints of 2 videos'),
        ({'rate': 0}, 'set the parameter joints.rate'),
    ],
)
def test_broken_files_are_refused(tmp_path, skeleton, change, message):
    path = plain(tmp_path, **change)
    with pytest.raises(ModelError, match=message):
        open_localizer(f'joints={path}+skeleton_n', LocalizerOptions(weights=str(skeleton)))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'keypoints': [1] * 50}, r'result 3: keypoints of shape \(50,\); expected 51 numbers'),
        ({'keypoints': [NAN] * 51}, 'result 3: a joint is not finite'),
        ({'image_id': 'x'}, "the frame is 'x'"),
        ({'bbox': [1, 2, 3]}, 'wrong kind'),
        ({'score': None}, 'wrong kind'),
    ],
)
def test_broken_results_of_coco_are_refused(tmp_path, skeleton, change, message):
    options = LocalizerOptions(weights=str(skeleton), extra={'joints.rate': 10.0})
    with pytest.raises(ModelError, match=message):
        open_localizer(f'joints={coco(tmp_path, change)}+skeleton_n', options)


def test_what_is_no_file_or_no_node_is_said(tmp_path):
    (tmp_path / 'broken.json').write_text('[')
    for model, message in (
        (f'joints={tmp_path}/none.json+skeleton_n', 'none.json'),
        (f'joints={tmp_path}/broken.json+skeleton_n', 'not JSON'),
        ('topic+skeleton_n', 'need the node; give joints=PATH offline'),
        ('topic+stgcnpp_ntu60_hrnet_j', 'need the node; give joints=PATH offline'),
    ):
        with pytest.raises(ModelError, match=message):
            open_localizer(model, LocalizerOptions(random_weights=True))
    assert side_inputs('topic+skeleton_n') == side_inputs('topic+ctrgcn_ntu60_j') == {'joints'}
    assert side_inputs('topic+mc3_18') == {'boxes'}


def test_unknown_joints_have_no_place():
    joints = np.array([[[5.0, 6.0, 0.0], [7.0, 8.0, 0.5], [1.0, 2.0, 1.0]]])
    found = in_coco_order(['nose', 'left_eye', 'tail'], joints)
    assert found.shape == (1, 17, 3)
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[0, 1].tolist() == [7, 8, 0.5]
    assert found.sum() == 15.5
    assert boxes_around(found).tolist() == [[0, 0, 0, 0]]  # of one joint there is none

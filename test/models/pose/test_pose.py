"""Localize actions by joints: confirmation, scores, cameras, and that no PyTorch is needed."""

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from actloc_ros.cli.main import main
from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.joints_n.export import export_onnx as export_joints
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people.open import PeopleNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.network import NetworkConfig
from actloc_ros.models.people_n.network import PeopleNetwork as Network
from actloc_ros.models.pose.localizer import PoseLocalizer, rescale
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.models.storage import onnx_places
from actloc_ros.pipeline import Pipeline

LABELS, THRESHOLDS = ('standing', 'walking', 'falling'), (0.5, 0.3, 0.7)
IMAGE = np.zeros((120, 160, 3), np.uint8)


@pytest.fixture(scope='module')
def skeleton():
    torch.manual_seed(0)
    return to_onnx(SkeletonNet(3, width=16, layers=1).eval(), LABELS, THRESHOLDS)


class People:
    """Reports one person, who stands still, where it is asked to."""

    def __init__(self):
        self.here, self.score, self.joints = True, 0.9, 0.8

    def find(self, image, least):
        """Report the person."""
        count = int(self.here and self.score >= least)
        joints = np.tile(np.array([50, 60, self.joints], np.float32), (count, 17, 1))
        box = np.array([[20, 10, 60, 110]] * count, np.float32).reshape(-1, 4)
        return FoundPeople(box, np.full(count, self.score, np.float32), joints)


@pytest.fixture
def people():
    return People()


@pytest.fixture
def localizer(people, skeleton):
    network = PeopleNetwork('people', people.find, 0.5, has_joints=True)
    return PoseLocalizer('pose_n', network, SkeletonSession(skeleton))


def step(localizer, time, camera=''):
    return localizer.step([Frame(camera, nanoseconds(time), IMAGE)])[0]


@pytest.mark.parametrize(('rate', 'frames'), [(30, 3), (10, 3), (5, 2), (2, 2)])
def test_a_track_is_reported_once_it_is_confirmed(localizer, rate, frames):
    counts = [len(step(localizer, 1 + i / rate)) for i in range(4)]
    assert counts == [int(i + 1 >= frames) for i in range(4)]


def test_who_is_found_once_is_never_reported(localizer, people):
    assert not len(step(localizer, 1.0))
    people.here = False
    assert not len(step(localizer, 1.1))


def test_weak_boxes_continue_a_track_and_start_none(localizer, people):
    people.score = 0.3
    assert not any(len(step(localizer, 1 + i / 10)) for i in range(5))
    people.score = 0.9
    for i in range(3):
        step(localizer, 2 + i / 10)
    people.score = 0.3
    found = step(localizer, 2.3)
    assert found.scores.tolist() == [np.float32(0.3)]


def test_detections_carry_joints_tracks_and_scores(localizer):
    for i in range(4):
        found = step(localizer, 1 + i / 10)
    assert found.track_ids.tolist() == [1]
    assert found.joints.shape == (1, 17, 3)
    assert found.joints.dtype == np.float32
    assert localizer.joint_names[0] == 'nose'
    assert len(localizer.joint_names) == 17
    assert found.actions.shape == (1, 3)
    assert localizer.labels == LABELS
    assert ((found.actions >= 0) & (found.actions <= 1)).all()


def test_features_are_what_motion_left_in_the_memory(localizer):
    found = [localizer.step([Frame('', nanoseconds(t / 10), IMAGE)])[0] for t in range(6)]
    assert found[0].features.shape == (0, 16)
    assert found[-1].features.shape == (1, 16)
    assert not np.array_equal(found[-1].features, found[-2].features)


def test_appearance_is_of_the_confirmed_people_where_joints_come_with_it(people, skeleton):
    def refine(image, found):
        looks = np.full((len(found.boxes), 5), image.mean(), np.float32)
        return replace(found, appearance=looks)

    network = PeopleNetwork('people', people.find, 0.5, True, refine)
    localizer = PoseLocalizer('pose_n', network, SkeletonSession(skeleton))
    found = [
        localizer.step([Frame('', nanoseconds(1 + i / 10), np.full_like(IMAGE, i))])[0]
        for i in range(4)
    ]
    assert [each.appearance.shape for each in found] == [(0, 5), (0, 5), (1, 5), (1, 5)]
    assert found[3].appearance[0].tolist() == [3.0] * 5
    assert found[3].features.shape == (1, 16)


def test_without_the_looks_of_people_there_is_no_appearance(localizer):
    assert [step(localizer, 1 + i / 10).appearance for i in range(3)] == [None] * 3


def test_the_files_of_all_weights_are_known():
    opened = open_localizer('pose_n', LocalizerOptions())
    names = [path.name for path in opened.weight_files]
    assert names == ['people_n.onnx', 'joints_n.onnx', 'skeleton_n.onnx']


def test_a_detector_without_joints_reports_none(people, skeleton):
    people.joints = 0
    network = PeopleNetwork('boxes', people.find, 0.5, has_joints=False)
    localizer = PoseLocalizer('boxes+skeleton_n', network, SkeletonSession(skeleton))
    for i in range(3):
        found = step(localizer, 1 + i / 10)
    assert len(found) == 1
    assert found.joints is None
    assert localizer.joint_names == ()
    assert np.isfinite(found.actions).all()


def test_joints_are_refined_of_those_on_tracks_alone(people, skeleton):
    asked = []

    def refine(_, found):
        asked.append(len(found.boxes))
        return replace(found, joints=found.joints + np.float32(0.1))

    network = PeopleNetwork('people', people.find, 0.5, True, refine)
    localizer = PoseLocalizer('pose_n', network, SkeletonSession(skeleton))
    people.score = 0.3
    step(localizer, 1.0)
    people.score = 0.9
    for i in range(3):
        found = step(localizer, 2 + i / 10)
    assert asked == [0, 1, 1, 1]
    np.testing.assert_allclose(found.joints[0, 0], [50.1, 60.1, 0.9], rtol=1e-6)
    assert network.find(IMAGE, 0.5).joints[0, 0, 2] == pytest.approx(0.9)


def test_scores_are_rescaled_to_one_threshold():
    scores = np.array([[0.0, 0.3, 0.7], [0.5, 0.65, 0.35], [1.0, 1.0, 1.0]], np.float32)
    given = np.array([[0, 0.5, 0.5], [0.5, 0.75, 0.25], [1, 1, 1]])
    np.testing.assert_allclose(rescale(scores, np.array(THRESHOLDS)), given, atol=1e-6)


def test_cameras_do_not_share_a_past(localizer, people):
    for i in range(3):
        alone = step(localizer, 1 + i / 10, 'a')
    localizer.reset()
    for i in range(3):
        frames = [Frame(camera, nanoseconds(1 + i / 10), IMAGE) for camera in 'ab']
        both = localizer.step(frames)
    for found in both:
        np.testing.assert_array_equal(found.actions, alone.actions)
    localizer.reset('b')
    frames = [Frame(camera, nanoseconds(1.3), IMAGE) for camera in 'ab']
    assert [len(found) for found in localizer.step(frames)] == [1, 0]


def test_a_pipeline_takes_it_over_a_restart(localizer):
    pipeline = Pipeline(localizer)
    for time in (1.0, 1.1, 1.2, 0.5, 0.6, 0.7):
        result = pipeline.step([Frame('', nanoseconds(time), IMAGE)])
    assert result[0].stamp == nanoseconds(0.7)
    assert pipeline.restarts == {'': 1}


@pytest.fixture
def home(tmp_path, monkeypatch, skeleton):
    """Return a home with small networks of random weights, as a user's own."""
    torch.manual_seed(0)
    folder = tmp_path / '.cache/actloc_ros'
    folder.mkdir(parents=True)
    network = Network(NetworkConfig(4)).eval()
    export_onnx(network, folder / 'people_n.onnx', 0.4)
    export_joints(JointsNetwork().eval(), folder / 'joints_n.onnx')
    (folder / 'skeleton_n.onnx').write_bytes(skeleton)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setattr('actloc_ros.models.storage.SHIPPED', tmp_path)
    return tmp_path


def test_its_weights_ship():
    assert onnx_places('people_n')[0].stat().st_size <= 8_000_000
    assert onnx_places('joints_n')[0].stat().st_size <= 6_000_000
    assert onnx_places('skeleton_n')[0].stat().st_size <= 2_000_000
    localizer = open_localizer('pose_n', LocalizerOptions(device='cpu'))
    assert {'standing', 'walking', 'falling'} <= set(localizer.labels)
    assert not any(len(step(localizer, 1 + i / 10)) for i in range(4))


@pytest.mark.usefixtures('home')
def test_it_opens_by_both_names():
    options = LocalizerOptions(device='cpu', threads=1)
    for model in ('pose_n', 'people_n+skeleton_n'):
        localizer = open_localizer(model, options)
        assert localizer.name == 'pose_n'
        assert len(localizer.step([Frame('', 1, IMAGE)])) == 1


def test_missing_weights_say_where_they_would_be(home):
    folder = home / '.cache/actloc_ros'
    options = LocalizerOptions(device='cpu')
    with pytest.raises(ModelError, match='is no skeleton_n'):
        open_localizer('pose_n', LocalizerOptions(weights=str(folder / 'people_n.onnx')))
    (folder / 'skeleton_n.onnx').unlink()
    with pytest.raises(ModelError, match=r'weights of skeleton_n are not here \(no file'):
        open_localizer('pose_n', options)
    (folder / 'joints_n.onnx').write_bytes(b'nothing')
    with pytest.raises(ModelError, match=r'joints_n.onnx" is no joints_n'):
        open_localizer('pose_n', options)
    (folder / 'joints_n.onnx').unlink()
    with pytest.raises(ModelError, match=r'weights of joints_n are not here \(no file'):
        open_localizer('pose_n', options)
    (folder / 'people_n.onnx').write_bytes(b'nothing')
    with pytest.raises(ModelError, match=r'people_n.onnx" is no people_n'):
        open_localizer('pose_n', options)
    (folder / 'people_n.onnx').unlink()
    with pytest.raises(ModelError, match=r'weights of people_n are not here \(no file'):
        open_localizer('pose_n', options)
    with pytest.raises(ModelError, match='no people network "hog"'):
        open_localizer('hog+skeleton_n', options)


def test_it_is_listed(capsys):
    assert main(['models']) == 0
    printed = capsys.readouterr().out
    assert 'pose_n' in printed
    assert 'PEOPLE+skeleton_n' in printed


WITHOUT_PYTORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('torch', 'torchvision'):
            raise ImportError(f'{name} is imported')

sys.meta_path.insert(0, Refuse())
from actloc_ros.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_recording_is_run_without_pytorch(home):
    images = home / 'images'
    images.mkdir()
    for index in range(5):
        cv2.imwrite(str(images / f'{index:03d}.png'), IMAGE)
    command = [sys.executable, '-c', WITHOUT_PYTORCH, 'run', str(images), '--model', 'pose_n']
    done = subprocess.run([*command, '--out', str(home / 'out')], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

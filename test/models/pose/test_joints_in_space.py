"""Take the joints of a depth camera, in m, for networks that learned from NTU RGB+D."""

import json
from dataclasses import replace

import numpy as np
import pytest

from actloc_ros.frames import Frame, nanoseconds
from actloc_ros.joints import NTU_JOINTS
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.graphs.actions import GraphActions
from actloc_ros.models.loading import open_network
from actloc_ros.models.open import open_localizer
from actloc_ros.models.pose.external_joints import ExternalJoints
from actloc_ros.models.pose.joint_files import read_joint_file
from actloc_ros.models.pose.localizer import PoseLocalizer

IMAGE = np.zeros((1080, 1920, 3), np.uint8)
RATE, COUNT = 30, 90
CLIP = 'stgcnpp_ntu60_3dkp_j'
RANDOM = LocalizerOptions(random_weights=True, device='cpu')
BOX = (480.0, 270.0, 960.0, 810.0)


def body(index):
    """Return the joints (25, 3) of somebody in a frame, in m in the camera's optical frame."""
    random = np.random.default_rng(3)
    rest = random.uniform((-0.5, -0.9, 2.5), (0.5, 0.9, 3.0), (25, 3))
    return (rest + [0.02, 0, 0.01] * np.array(index) + 0.01 * np.sin(index + rest)).round(4)


def plain(tmp_path, **changes):
    """Write our own format, with the joints in another order than NTU RGB+D's."""
    rows = [
        {'frame': i, 'score': 0.9, 'joints': body(i)[::-1].tolist(), 'box': BOX}
        for i in range(COUNT)
    ]
    data = {'format': 'actloc-joints', 'version': 1, 'rate': RATE, 'unit': 'm'}
    data |= {'joint_names': NTU_JOINTS[::-1], 'detections': rows}
    path = tmp_path / 'joints.json'
    path.write_text(json.dumps(data | changes))
    return path


def ntu(tmp_path, change=lambda lines: lines):
    """Write the format of NTU RGB+D."""
    lines = [str(COUNT)]
    for index in range(COUNT):
        lines += ['1', ' '.join(['7'] + ['0'] * 9), '25']
        for number, (x, y, z) in enumerate(body(index)):
            u, v = (BOX[:2], BOX[2:])[number % 2]  # in two corners of the box, without its margin
            lines.append(f'{-x} {-y} {z} 0 0 {u} {v} 0 0 0 1 2')
    path = tmp_path / 'S001C001P001R001A001.skeleton'
    path.write_text('\n'.join(change(lines)))
    return path


def run(localizer, count):
    frames = [Frame('', nanoseconds(5 + i / RATE), IMAGE) for i in range(count)]
    return [localizer.step([frame])[0] for frame in frames]


@pytest.mark.parametrize('write', [plain, ntu])
def test_a_file_in_metres_reaches_a_network_of_ntu(tmp_path, write):
    found = run(open_localizer(f'joints={write(tmp_path)}+{CLIP}', RANDOM), 5)[-1]
    assert found.joints is None  # none is known in the image
    assert found.actions.shape == (1, 60)
    assert found.actions.sum() == pytest.approx(1, abs=1e-5)
    margin = 0 if write is plain else 54
    corners = np.array([-margin, -margin, margin, margin]) + BOX
    np.testing.assert_allclose(found.boxes, [corners], atol=1e-3)


def localizer(tmp_path, name, frames=None):
    """Return a localizer and the network behind it."""
    opened = open_network(name, random_weights=True)
    if frames:
        opened = replace(opened, entry=replace(opened.entry, frames=frames))
        opened.network.set_frames(frames)
    actions = GraphActions([opened], 'cpu', 30.0)
    find = read_joint_file(ntu(tmp_path), 0.0).find
    return PoseLocalizer('test', ExternalJoints('file', find, in_space=True), actions), actions


@pytest.mark.parametrize(
    ('name', 'frames', 'count'),
    [(CLIP, None, 20), ('ctrgcn_ntu60_b', None, 20), ('costgcn_mod_ntu60_j', 84, 84)],
)
def test_a_network_takes_the_axes_of_kinect(tmp_path, name, frames, count):
    """The same as on the file's own numbers, also frame by frame, relative to the first frame."""
    found_by, actions = localizer(tmp_path, name, frames)
    found = run(found_by, count)[-1]
    kinect = np.stack([body(i) for i in range(count)]) * [-1, -1, 1]
    wanted = actions.classify([kinect.astype(np.float32)], (1920, 1080))
    np.testing.assert_allclose(found.actions, wanted, atol=2e-4)
    assert wanted.std() > 1e-5


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'unit': 'cm'}, "unit is 'cm'; expected 'px' or 'm'"),
        ({'joint_names': NTU_JOINTS[:24]}, 'all of NTU RGB.D are expected, each once: spine_base'),
        (
            {'detections': [{'frame': 0, 'score': 1, 'joints': [[1] * 3] * 25}]},
            'detection 0 has no box',
        ),
        (
            {'detections': [{'frame': 0, 'score': 1, 'joints': [[900] * 3] * 25, 'box': BOX}]},
            'each nearer than 100 m',
        ),
        (
            {'detections': [{'frame': 0, 'score': 1, 'joints': [[1] * 3] * 25, 'box': [1]}]},
            'box has 1 numbers',
        ),
    ],
)
def test_broken_files_in_metres_are_refused(tmp_path, change, message):
    with pytest.raises(ModelError, match=message):
        open_localizer(f'joints={plain(tmp_path, **change)}+{CLIP}', RANDOM)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda lines: ['x', *lines[1:]], 'line 1: what stands there is no number'),
        (lambda lines: ['-3', *lines[1:]], 'line 1: -3 stands where a count is expected'),
        (lambda lines: lines[:40], 'line 41: 0 numbers; expected 12'),
        (lambda lines: [*lines[:3], '24', *lines[4:]], 'line 4: a body of 24 joints; expected 25'),
        (lambda lines: [*lines[:4], 'nan ' + '1 ' * 11, *lines[5:]], 'is not finite'),
        (lambda lines: [*lines[:4], '1 2 3', *lines[5:]], 'line 5: 3 numbers; expected 12'),
    ],
)
def test_broken_files_of_ntu_are_refused(tmp_path, change, message):
    with pytest.raises(ModelError, match=message):
        open_localizer(f'joints={ntu(tmp_path, change)}+{CLIP}', RANDOM)


def test_pixels_and_metres_are_not_mixed_up(tmp_path):
    takes = "RGB.D's 25 joints in m, and the network behind it takes COCO's"
    for model, message in (
        (f'joints={ntu(tmp_path)}+stgcnpp_ntu60_hrnet_j', takes),
        (f'people_n+{CLIP}', 'or joints of a depth camera'),
    ):
        with pytest.raises(ModelError, match=message):
            open_localizer(model, RANDOM)

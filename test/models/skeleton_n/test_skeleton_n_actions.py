"""The run-time half: scores by ONNX Runtime, with the memory of each track, without PyTorch."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from actloc_ros.models.skeleton_n.actions import FORGET, SkeletonActions, SkeletonSession
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.features import JOINTS, PeopleFrame, TrackHistory
from actloc_ros.models.skeleton_n.network import SkeletonNet

LABELS = ('standing', 'walking', 'falling')
SIZE = (640, 480)
STEP = 100_000_000


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return SkeletonNet(3, width=16, layers=2).eval()


@pytest.fixture(scope='module')
def session(net):
    return SkeletonSession(to_onnx(net, LABELS, (0.5, 0.6, 0.7)))


def people(count, seed=0):
    """Return boxes (N, 4) and joints (N, 17, 3)."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(50, 250, (count, 2))
    boxes = np.concatenate([corners, corners + np.array([80, 200])], axis=1)
    xy = corners[:, None] + rng.uniform(0, 1, (count, JOINTS, 2)) * [80, 200]
    return boxes, np.concatenate([xy, rng.uniform(0, 1, (count, JOINTS, 1))], axis=-1)


def test_spec_comes_from_the_file(session):
    actions = SkeletonActions(session)
    assert actions.labels == LABELS
    np.testing.assert_allclose(actions.thresholds, [0.5, 0.6, 0.7])


def test_scores_equal_pytorchs(net, session):
    actions = SkeletonActions(session)
    history, state = TrackHistory(1, 2), net.initial_state(2)
    for index in range(8):
        boxes, joints = people(2, index)
        scores = actions.update(STEP * (index + 1), SIZE, np.array([7, 3]), boxes, joints)
        frame = PeopleFrame(
            np.array([STEP * (index + 1)]), np.array([SIZE], float), boxes[None], joints[None],
            np.ones((1, 2), bool),
        )  # fmt: skip
        features, elapsed = history.update(frame)
        with torch.no_grad():
            logits, state = net.step(
                torch.from_numpy(features[0]), torch.from_numpy(elapsed[0]), state
            )
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, torch.sigmoid(logits).numpy(), atol=1e-5)


def test_order_of_tracks_does_not_matter(session):
    boxes, joints = people(3)
    one, other = SkeletonActions(session), SkeletonActions(session)
    for index in range(4):
        ids = np.array([1, 2, 3])
        first = one.update(STEP * (index + 1), SIZE, ids, boxes, joints)
        order = np.roll([0, 1, 2], index)
        second = other.update(STEP * (index + 1), SIZE, ids[order], boxes[order], joints[order])
        np.testing.assert_allclose(second, first[order], atol=1e-6)


def test_more_tracks_than_slots(session):
    actions = SkeletonActions(session)
    boxes, joints = people(11)
    few = actions.update(STEP, SIZE, np.arange(2), boxes[:2], joints[:2])
    many = actions.update(2 * STEP, SIZE, np.arange(11), boxes, joints)
    assert few.shape == (2, 3)
    assert many.shape == (11, 3)


def test_no_people_give_no_scores(session):
    scores = SkeletonActions(session).update(STEP, SIZE, *no_people())
    assert scores.shape == (0, 3)


def no_people():
    return np.zeros(0, int), np.zeros((0, 4)), np.zeros((0, JOINTS, 3))


def test_reset_and_forgetting_begin_again(session):
    boxes, joints = people(1)
    actions = SkeletonActions(session)
    ids = np.array([5])
    fresh = actions.update(STEP, SIZE, ids, boxes, joints)
    moved = joints + np.array([30, 0, 0])
    actions.update(2 * STEP, SIZE, ids, boxes + 30, moved)
    actions.update(3 * STEP, SIZE, ids, boxes, joints)
    after_gap = actions.update(3 * STEP + FORGET + 1, SIZE, ids, boxes, joints)
    np.testing.assert_array_equal(after_gap, fresh)
    actions.reset()
    np.testing.assert_array_equal(actions.update(STEP, SIZE, ids, boxes, joints), fresh)


def test_new_track_does_not_inherit_a_slot(session):
    boxes, joints = people(1)
    used, unused = SkeletonActions(session), SkeletonActions(session)
    for index in range(5):
        used.update(STEP * (index + 1), SIZE, np.array([1]), boxes + 9 * index, joints)
    late = 6 * STEP + FORGET
    expected = unused.update(late, SIZE, np.array([2]), boxes, joints)
    np.testing.assert_array_equal(used.update(late, SIZE, np.array([2]), boxes, joints), expected)


@pytest.mark.parametrize(
    ('ids', 'shape', 'match'),
    [([1, 1], (2, JOINTS, 3), 'stands twice'), ([1, 2], (2, JOINTS, 2), 'expected')],
)
def test_bad_input_is_refused(session, ids, shape, match):
    with pytest.raises(ValueError, match=match):
        SkeletonActions(session).update(
            STEP, SIZE, np.array(ids), np.zeros((2, 4)), np.zeros(shape)
        )


def test_stamp_must_rise(session):
    boxes, joints = people(1)
    actions = SkeletonActions(session)
    actions.update(STEP, SIZE, np.array([1]), boxes, joints)
    with pytest.raises(ValueError, match='does not rise'):
        actions.update(STEP, SIZE, np.array([1]), boxes, joints)


def test_other_onnx_file_is_refused(tmp_path):
    value = helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node('Identity', ['x'], ['y'])], 'g', [value], [out])
    opset = helper.make_opsetid('', 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), tmp_path / 'x.onnx')
    with pytest.raises(ValueError, match=r'x\.onnx is no skeleton_n'):
        SkeletonSession(tmp_path / 'x.onnx')


def test_run_time_imports_no_pytorch(net, tmp_path):
    path = tmp_path / 'skeleton_n.onnx'
    path.write_bytes(to_onnx(net, LABELS, (0.5, 0.5, 0.5)))
    program = (
        'import sys, pathlib, numpy as np\n'
        'from actloc_ros.models.skeleton_n.actions import SkeletonActions, SkeletonSession\n'
        'actions = SkeletonActions(SkeletonSession(pathlib.Path(sys.argv[1])))\n'
        'actions.update(1, (64, 48), np.array([1]), np.array([[1., 1, 9, 30]]),'
        ' np.ones((1, 17, 3)))\n'
        'assert not {"torch", "onnx", "actloc_ros.training"} & set(sys.modules)\n'
    )
    subprocess.run([sys.executable, '-c', program, path], check=True)

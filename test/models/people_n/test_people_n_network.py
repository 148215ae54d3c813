"""The network of people_n, its ONNX file and its decoding."""

import numpy as np
import pytest
import torch

from actloc_ros.models.people_n.decode import FoundPeople, Reports, decode, refined, suppress
from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.letterbox import fit_letterbox
from actloc_ros.models.people_n.network import (
    NetworkConfig,
    PeopleNetwork,
    both,
)
from actloc_ros.models.people_n.session import PeopleSession


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    network = PeopleNetwork(NetworkConfig(8))
    for name, tensor in network.state_dict().items():
        if name.endswith(('person.weight', 'object.weight', 'joint.weight')):
            tensor.normal_(std=0.1)
    return network.eval()


@pytest.mark.parametrize(('height', 'width'), [(256, 320), (64, 96), (320, 256)])
def test_shapes(network, height, width):
    with torch.inference_mode():
        raw = network(torch.zeros(2, 3, height, width))
    cells = sum(height // s * (width // s) for s in (8, 16, 32))
    assert raw.scores.shape == (2, cells)
    assert raw.boxes.shape == (2, cells, 4)
    assert raw.joints.shape == (2, cells, 17, 2)
    assert raw.presence.shape == (2, cells, 17)
    assert raw.field.shape == (2, 17, 2, height // 8, width // 8)
    assert (raw.boxes[..., 2:] > raw.boxes[..., :2]).all()


def test_the_score_is_the_product_of_two_chances():
    first, second = torch.tensor([0.0, 3, -40, 90]), torch.tensor([1.0, -2, 40, 90])
    logit = both(first, second)
    assert torch.allclose(logit.sigmoid(), first.sigmoid() * second.sigmoid())
    assert logit.isfinite().all()


def test_onnx_reports_what_the_network_reports(network, tmp_path):
    path = tmp_path / 'people.onnx'
    export_onnx(network, path, 0.4)
    people = PeopleSession(path)
    assert people.threshold == 0.4
    session = people._session
    for height, width in ((96, 160), (256, 320)):
        image = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        with torch.inference_mode():
            raw = network(torch.from_numpy(image).permute(2, 0, 1)[None].float())
        wanted = raw.scores.sigmoid(), raw.boxes, raw.joints, raw.presence.sigmoid(), raw.field
        for found, tensor in zip(session.run(None, {'image': image}), wanted, strict=True):
            scale = max(1.0, float(tensor.abs().max()))
            assert np.abs(found - tensor[0].numpy()).max() / scale < 1e-4


def _reports(scores, boxes, joints=None, field=None):
    count = len(scores)
    return Reports(
        np.array(scores, np.float32),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros((count, 17, 2), np.float32) if joints is None else joints,
        np.full((count, 17), 0.5, np.float32),
        np.zeros((17, 2, 32, 40), np.float32) if field is None else field,
    )


def test_decode_keeps_the_best_of_boxes_on_one_person():
    reports = _reports(
        [0.6, 0.9, 0.2, 0.8], [[0, 0, 50, 100], [2, 0, 52, 100], [0] * 4, [100, 0, 150, 90]]
    )
    found = decode(reports, fit_letterbox(256, 320, 81920), 0.3)
    assert isinstance(found, FoundPeople)
    assert found.scores == pytest.approx([0.9, 0.8])
    assert found.boxes[0] == pytest.approx([2, 0, 52, 100])
    assert found.joints.shape == (2, 17, 3)


def test_decode_reports_nobody():
    found = decode(_reports([0.1], [[0, 0, 9, 9]]), fit_letterbox(480, 640, 81920), 0.5)
    assert found.boxes.shape == (0, 4)
    assert found.joints.shape == (0, 17, 3)
    assert suppress(np.zeros((0, 4), np.float32), 0.5).shape == (0,)


def test_boxes_end_at_the_edges_of_the_image():
    found = decode(_reports([0.9], [[-20, -9, 400, 300]]), fit_letterbox(480, 640, 81920), 0.5)
    assert found.boxes[0] == pytest.approx([0, 0, 640, 480])


def test_joints_go_where_the_field_points_unless_that_is_far():
    # The field points from every cell to (101, 83).
    ys, xs = np.meshgrid(np.arange(32) * 8 + 4, np.arange(40) * 8 + 4, indexing='ij')
    field = np.stack([101 - xs, 83 - ys])[None].repeat(17, 0).astype(np.float32)
    joints = np.full((2, 17, 2), [105.0, 80.0], np.float32)
    joints[1] = 300, 250
    reports = _reports([0.9, 0.8], [[60, 40, 140, 160], [250, 200, 330, 256]], joints, field)
    places = refined(reports, np.array([0, 1]))
    assert places[0] == pytest.approx(np.full((17, 2), [101.0, 83.0]))
    assert places[1] == pytest.approx(joints[1])

"""The network of joints_n: crops, reading of maps, its ONNX file and which people it takes."""

import numpy as np
import pytest
import torch

from actloc_ros.models.joints_n import session as session_module
from actloc_ros.models.joints_n.crops import PAD, SIDE, cut, read_maps, squares
from actloc_ros.models.joints_n.export import export_onnx
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people_n.decode import FoundPeople


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return JointsNetwork().eval()


@pytest.fixture(scope='module')
def session(network, tmp_path_factory):
    path = tmp_path_factory.mktemp('joints') / 'joints_n.onnx'
    export_onnx(network, path)
    return JointsSession(path)


def test_a_crop_has_the_box_in_its_middle_and_is_padded():
    image = np.full((100, 80, 3), 7, np.uint8)
    image[20:60, 30:50] = 200
    square = squares(np.array([[30, 20, 50, 60]], float))[0]
    assert square.tolist() == [18, 18, 44]
    crop = cut(image, square, 88)
    assert (crop[6:82, 26:62] == 200).all()
    assert (crop[:2] == 7).all()
    beside = cut(image, squares(np.array([[60, 80, 80, 120]], float))[0], 64)
    assert (beside[-16:] == PAD).all()
    assert (beside[:16, :16] == 7).all()
    outside = cut(image, squares(np.array([[300, 300, 320, 340]], float))[0], 64)
    assert (outside == PAD).all()


def test_maps_are_read_between_cells():
    maps = np.full((1, 2, 32, 32), -30, np.float32)
    maps[0, 0, 10, 20] = maps[0, 0, 10, 21] = 3
    maps[0, 1, 0, 31] = 1
    places, mass = read_maps(maps)
    np.testing.assert_allclose(places[0] * 32, [[21, 10.5], [31.5, 0.5]], atol=1e-3)
    np.testing.assert_allclose(mass, 1, atol=1e-3)
    maps[0, 1, 20, 5] = 0.99
    assert read_maps(maps)[1][0, 1] == pytest.approx(0.5, abs=0.01)


def test_onnx_reports_what_the_network_reports(network, session):
    crops = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    maps, presence = session._session.run(None, {'crops': crops})
    with torch.inference_mode():
        raw = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    assert maps.shape == (3, 17, SIDE // 4, SIDE // 4)
    np.testing.assert_allclose(maps, raw.maps, atol=1e-3)
    np.testing.assert_allclose(presence, raw.presence.sigmoid(), atol=1e-3)


def test_the_start_of_the_trunk_may_be_computed_apart(network):
    crops = torch.rand(2, 3, 64, 96) * 255
    with torch.inference_mode():
        whole = network(crops)
        start = network.trunk.start(crops)
        parts = network.from_start(start)
    assert start.shape == (2, 128, 8, 12)
    assert whole.maps.shape == (2, 17, 16, 24)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


def test_larger_weights_take_two_bytes(network, tmp_path):
    export_onnx(network, tmp_path / 'joints_n.onnx')
    count = sum(parameter.numel() for parameter in network.parameters())
    assert (tmp_path / 'joints_n.onnx').stat().st_size < 2.5 * count


def test_joints_lie_in_the_crop_and_do_not_depend_on_others(session):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    boxes = np.array([[10, 10, 50, 110], [80, 20, 150, 60]], np.float32)
    both = session.joints(image, boxes)
    np.testing.assert_allclose(both[1:], session.joints(image, boxes[1:]), atol=1e-3)
    parts = squares(boxes)
    inside = (both[..., :2] >= parts[:, None, :2]) & (
        both[..., :2] <= (parts[:, :2] + parts[:, 2:])[:, None]
    )
    assert inside.all()
    assert ((both[..., 2] >= 0) & (both[..., 2] <= 1)).all()
    assert session.joints(image, boxes[:0]).shape == (0, 17, 3)


def test_the_surest_people_get_new_joints(session, monkeypatch):
    monkeypatch.setattr(session_module, 'MOST', 2)
    image = np.zeros((120, 160, 3), np.uint8)
    boxes = np.tile(np.array([20, 10, 60, 110], np.float32), (3, 1))
    found = FoundPeople(boxes, np.array([0.9, 0.2, 0.5], np.float32), np.zeros((3, 17, 3), 'f4'))
    refined = session.refine(image, found)
    assert refined.joints.any((1, 2)).tolist() == [True, False, True]
    assert not found.joints.any()
    assert len(session.refine(image, found[:0]).boxes) == 0

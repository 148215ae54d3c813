"""The network of joints_n: crops, reading of maps, its ONNX file and which people it takes."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from actloc_ros.models.joints_n import session as session_module
from actloc_ros.models.joints_n.crops import PAD, SIDE, cut, read_maps, squares
from actloc_ros.models.joints_n.export import HALF, add_appearance, export_onnx
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.ops.onnx_weights import restore
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.storage import find_onnx


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return JointsNetwork().eval()


@pytest.fixture(scope='module')
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp('joints') / 'joints_n.onnx'
    export_onnx(network, path)
    return path


@pytest.fixture(scope='module')
def session(file):
    return JointsSession(file)


def without_appearance(path):
    """Return the model in a file as it is written without `appearance`."""
    model = onnx.load(str(path))
    for part in (model.graph.node, model.graph.output):
        part.remove(next(each for each in part if each.name == 'appearance'))
    return model


def widened(path):
    """Return the content of a file with its weights in 32 bits, as they are when it is opened."""
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        if tensor.name.endswith(HALF):
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name.removesuffix(HALF)))
    return model.SerializeToString()


def pooled(network, crops):
    """Return the mean of the trunk's coarse level over each of uint8 crops (N, SIDE, SIDE, 3)."""
    with torch.inference_mode():
        given = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
        return network.trunk.rest(*network.trunk.fine(given)).coarse.mean((2, 3)).numpy()


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
    maps, presence, appearance = session._session.run(None, {'crops': crops})
    with torch.inference_mode():
        raw = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    assert maps.shape == (3, 17, SIDE // 4, SIDE // 4)
    np.testing.assert_allclose(maps, raw.maps, atol=1e-3)
    np.testing.assert_allclose(presence, raw.presence.sigmoid(), atol=1e-3)
    assert appearance.shape == (3, 320)


def test_appearance_is_the_mean_over_the_coarse_level(tmp_path):
    torch.manual_seed(0)
    network = JointsNetwork().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)  # so that crops still differ at its end
            module.weight.data = module.weight.data.half().float()
    export_onnx(network, tmp_path / 'joints_n.onnx')
    crops = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    crops[1] //= 4
    session = JointsSession(tmp_path / 'joints_n.onnx')
    appearance = session._session.run(['appearance'], {'crops': crops})[0]
    expected = pooled(network, crops)
    assert np.abs(expected[0] - expected[1]).max() > 0.1 * expected.std()
    np.testing.assert_allclose(appearance, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_the_shipped_file_gives_the_pooled_coarse_level_and_the_same_joints_as_without():
    path = find_onnx('joints_n')
    network = JointsNetwork()
    restore(network, widened(path), (torch.zeros(1, 3, SIDE, SIDE),))
    crops = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    crops[1] //= 4
    maps, presence, appearance = JointsSession(path)._session.run(None, {'crops': crops})
    np.testing.assert_allclose(appearance, pooled(network, crops), atol=1e-4, rtol=1e-4)
    before = JointsSession(without_appearance(path).SerializeToString())
    joints = before._session.run(None, {'crops': crops})
    np.testing.assert_array_equal(maps, joints[0])
    np.testing.assert_array_equal(presence, joints[1])


def test_a_file_without_appearance_gives_joints_alone_and_can_be_given_them(file, tmp_path):
    model = without_appearance(file)
    image = np.random.default_rng(2).integers(0, 256, (120, 160, 3), np.uint8)
    boxes = np.array([[20, 10, 60, 110]], np.float32)
    found = FoundPeople(boxes, np.ones(1, np.float32), np.zeros((1, 17, 3), np.float32))
    before = JointsSession(model.SerializeToString()).refine(image, found)
    assert before.appearance is None
    add_appearance(model)
    after = JointsSession(model.SerializeToString()).refine(image, found)
    expected = JointsSession(file).refine(image, found)
    np.testing.assert_array_equal(after.appearance, expected.appearance)
    np.testing.assert_allclose(before.joints, expected.joints, atol=1e-4)
    with pytest.raises(ValueError, match='already'):
        add_appearance(model)
    with pytest.raises(ValueError, match='no convolution with the weights'):
        add_appearance(onnx.load(str(find_onnx('people_n'))))


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
    assert np.isfinite(refined.appearance).all(1).tolist() == [True, False, True]
    assert np.isnan(refined[1:].appearance[0]).all()
    assert len(session.refine(image, found[:0]).boxes) == 0

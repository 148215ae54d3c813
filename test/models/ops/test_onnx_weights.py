"""Check that networks in ONNX files come back as PyTorch networks that do the same."""

import numpy as np
import pytest
import torch

from actloc_ros.models import onnx_runtime
from actloc_ros.models.ops.onnx_weights import RestoreError, restore
from actloc_ros.models.people_n.decode import Reports
from actloc_ros.models.people_n.export import export_onnx
from actloc_ros.models.people_n.network import PeopleNetwork
from actloc_ros.models.people_n.restore import restore_people
from actloc_ros.models.people_n.session import PeopleSession
from actloc_ros.models.people_n.torch_session import TorchPeopleSession
from actloc_ros.models.skeleton_n.actions import SkeletonSession
from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.models.skeleton_n.restore import restore_skeleton
from actloc_ros.models.storage import find_onnx

NEAR = {'rtol': 1e-4, 'atol': 1e-4}


@torch.no_grad()
def test_the_people_that_ship_come_back_and_can_be_written_again(tmp_path):
    shipped = find_onnx('people_n')
    restored = restore_people(shipped)
    session = PeopleSession(shipped)
    assert restored.threshold == session.threshold
    image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    given = Reports(*session._session.run(None, {'image': image}))
    raw = restored.network(torch.from_numpy(image).permute(2, 0, 1)[None].float())
    assert np.allclose(raw.scores[0].sigmoid(), given.scores, **NEAR)
    assert np.allclose(raw.boxes[0], given.boxes, rtol=1e-4, atol=1e-2)  # pixels
    assert np.allclose(raw.joints[0], given.joints, rtol=1e-4, atol=1e-2)
    assert np.allclose(raw.presence[0].sigmoid(), given.presence, **NEAR)
    export_onnx(restored.network, tmp_path / 'again.onnx', restored.threshold)
    again = PeopleSession(tmp_path / 'again.onnx')._session.run(None, {'image': image})
    assert np.allclose(again[0], given.scores, **NEAR)


@torch.no_grad()
@pytest.mark.parametrize('shipped', [True, False])
def test_a_skeleton_network_comes_back(shipped):
    if shipped:
        content = find_onnx('skeleton_n').read_bytes()
    else:
        content = to_onnx(SkeletonNet(3, 16, 2), ['a', 'b', 'c'], [0.5, 0.6, 0.7])
    session = SkeletonSession(content)
    network, spec = restore_skeleton(content)
    assert spec == session.spec
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, FEATURES, generator=generator)
    elapsed = torch.tensor([0.0, 0.05, 0.1, 0.5, 2.0])
    state = torch.randn(spec.layers, 5, spec.width, generator=generator)
    scores, following = session.step(features.numpy(), elapsed.numpy(), state.numpy())
    logits, next_state = network.step(features, elapsed, state)
    assert np.allclose(logits.sigmoid(), scores, **NEAR)
    assert np.allclose(next_state, following, **NEAR)


def test_another_network_is_refused():
    content = to_onnx(SkeletonNet(3, 16, 2), ['a', 'b', 'c'], [0.5] * 3)
    with pytest.raises(ValueError, match='no people_n'):
        restore_people(content)
    with pytest.raises(RestoreError, match='it lacks 2'):
        restore(PeopleNetwork(), content, (torch.zeros(1, 3, 64, 64),))


def test_pytorch_finds_the_people_that_onnx_runtime_finds():
    shipped = find_onnx('people_n')
    image = np.random.default_rng(1).integers(0, 256, (90, 200, 3), np.uint8)
    theirs = PeopleSession(shipped).find(image, 0.001)
    ours = TorchPeopleSession(shipped, 'cpu').find(image, 0.001)
    assert len(theirs.scores) > 0
    for mine, given in ((ours.scores, theirs.scores), (ours.boxes, theirs.boxes)):
        assert np.allclose(mine, given, rtol=1e-4, atol=1e-2)


def test_pytorch_is_asked_only_where_there_is_a_gpu(monkeypatch):
    cuda = onnx_runtime.CUDA
    monkeypatch.setattr(onnx_runtime.onnxruntime, 'get_available_providers', lambda: ['CPU'])
    monkeypatch.setattr(onnx_runtime, 'DRIVERS', ('/dev/none',))
    assert onnx_runtime.torch_device('auto') == ''
    monkeypatch.setattr(onnx_runtime, 'DRIVERS', ('/dev/null',))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert onnx_runtime.torch_device('auto') == 'cuda:0'
    assert onnx_runtime.torch_device('cuda:1') == 'cuda:1'
    assert onnx_runtime.torch_device('cpu') == onnx_runtime.torch_device('tensorrt') == ''
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert onnx_runtime.torch_device('cuda') == ''
    monkeypatch.setattr(onnx_runtime.onnxruntime, 'get_available_providers', lambda: [cuda])
    assert onnx_runtime.torch_device('cuda') == ''

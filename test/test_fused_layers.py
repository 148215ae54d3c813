"""Check that a network with fused layers is the same function as before."""

import copy

import pytest
import torch
from torch import nn
from torch.backends import mkldnn

from actloc_ros.models.fused_layers import Pointwise, fold_batch_norms, multiply_matrices
from actloc_ros.models.stream import StreamNet

pytestmark = pytest.mark.skipif(not mkldnn.is_available(), reason='PyTorch has no oneDNN here')


def lively(network):
    """Give norms statistics as if they had learnt, so that folding them matters."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize('activation', [nn.ReLU, nn.SiLU, nn.Hardswish, None])
def test_a_product_does_what_the_layers_did(activation):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(6, 5, 1), nn.BatchNorm2d(5), nn.Conv2d(5, 4, 1))
    if activation:
        layers.append(activation())
    layers = lively(layers)
    x = torch.randn(2, 6, 3, 7).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = layers(x)
        fold_batch_norms(layers)
        multiply_matrices(layers)
        torch.testing.assert_close(layers(x), wanted, atol=1e-6, rtol=1e-5)
    names = [type(layer).__name__ for layer in layers if not isinstance(layer, nn.Identity)]
    fused = activation in (nn.ReLU, nn.SiLU, None)
    assert names == ['Pointwise', 'Pointwise'] + ([] if fused else [activation.__name__])


def test_convolutions_that_are_no_products_stay():
    layers = nn.Sequential(
        nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1, stride=2), nn.Conv2d(4, 4, 1, groups=2)
    )
    before = list(layers)
    multiply_matrices(layers)
    assert list(layers) == before


def test_a_fused_streaming_network_is_the_same_function():
    torch.manual_seed(1)
    network = lively(StreamNet('n', 3))
    fused = copy.deepcopy(network)
    fold_batch_norms(fused)
    multiply_matrices(fused)
    assert sum(isinstance(layer, Pointwise) for layer in fused.modules()) > 50
    assert not any(isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1) for m in fused.modules())
    states = [each.initial_state(2, 64, 96) for each in (network, fused)]
    with torch.inference_mode():
        for _ in range(4):
            frames = torch.randn(2, 3, 64, 96)
            plain, quick = (
                each.step(frames, state, torch.arange(2))
                for each, state in zip((network, fused), states, strict=True)
            )
            for one, other in zip(plain, quick, strict=True):
                torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)

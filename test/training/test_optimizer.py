"""Tests that the optimizer steps matrices in all directions alike, and the rest as AdamW."""

import pytest
import torch

from actloc_ros.training.optimizer import ADAM_SIZE, make_optimizer, orthogonalised


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(8, 16, 1),
        torch.nn.BatchNorm2d(16),
        torch.nn.Conv2d(16, 16, 3, groups=16),
    )


def learn(net, optimizer, steps, first=0):
    for step in range(first, first + steps):
        x = torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize('shape', [(16, 64), (64, 16), (32, 32)])
def test_a_matrix_becomes_nearly_orthogonal_whatever_its_size(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 1e-4
    stretch = torch.linalg.svdvals(orthogonalised(matrix))
    # The iteration is known to leave singular values between about 0.7 and 1.2; a square random
    # matrix has some so small that five rounds leave them lower.
    assert stretch.max() < 1.3
    assert stretch.median() > 0.65
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(
        orthogonalised(matrix).flatten(), (u @ vh).flatten(), dim=0
    ) > (0.97 if shape[0] != shape[1] else 0.9)


def test_no_gradient_is_no_direction():
    assert (orthogonalised(torch.zeros(4, 6)) == 0).all()


def test_channels_that_mix_are_stepped_alike_in_all_directions_and_others_as_by_adamw():
    net, other = network(), network()
    optimizer = make_optimizer(net, 1e-2, 0.0, orthogonal=True)
    reference = torch.optim.AdamW(other.parameters(), 1e-2, weight_decay=0.0)
    before = net[0].weight.detach().clone()
    learn(net, optimizer, 1)
    learn(other, reference, 1)
    step = (net[0].weight - before).detach()
    size = step.square().mean().sqrt()
    assert ADAM_SIZE * 1e-2 * 0.6 < size < ADAM_SIZE * 1e-2 * 1.2
    stretch = torch.linalg.svdvals(step.flatten(1))
    assert stretch.min() > 0.3 * stretch.max()
    torch.testing.assert_close(net[2].weight, other[2].weight)
    torch.testing.assert_close(net[1].weight, other[1].weight)
    assert not torch.allclose(net[0].weight, other[0].weight)


def test_a_detector_that_does_not_want_orthogonal_steps_gets_none():
    net, other = network(), network()
    learn(net, make_optimizer(net, 1e-2, 0.0, orthogonal=False), 3)
    learn(other, torch.optim.AdamW(other.parameters(), 1e-2, weight_decay=0.0), 3)
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_weights_decay_but_not_norms_and_biases():
    net = network()
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = make_optimizer(net, 0.1, 0.5, orthogonal=True)
    for weight in net.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for weight, old in zip(net.parameters(), before, strict=True):
        factor = 1 - 0.1 * 0.5 if weight.dim() > 1 else 1.0
        torch.testing.assert_close(weight.detach(), old * factor)


def test_a_stop_changes_nothing():
    whole, stopped, resumed = network(), network(), network()
    learn(whole, make_optimizer(whole, 1e-2, 0.05, orthogonal=True), 6)
    first = make_optimizer(stopped, 1e-2, 0.05, orthogonal=True)
    learn(stopped, first, 3)
    second = make_optimizer(resumed, 1e-2, 0.05, orthogonal=True)
    resumed.load_state_dict(stopped.state_dict())
    second.load_state_dict(first.state_dict())
    learn(resumed, second, 3, first=3)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)

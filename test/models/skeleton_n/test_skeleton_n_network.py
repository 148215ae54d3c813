"""The recurrent network: clips and steps give the same, and memory fades by time."""

import pytest
import torch

from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet, TimedCell, recur


def clip(tracks=3, moments=20, seed=0):
    """Return features, uneven elapsed seconds and presence."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(tracks, moments, FEATURES, generator=generator)
    elapsed = 0.02 + 0.4 * torch.rand(tracks, moments, generator=generator)
    present = torch.rand(tracks, moments, generator=generator) > 0.3
    return features, elapsed, present


def network(graph=0):
    torch.manual_seed(1)
    return SkeletonNet(5, width=16, layers=2, graph=graph).eval()


@pytest.mark.parametrize('graph', [0, 4])
def test_clip_equals_steps(graph):
    net = network(graph)
    features, elapsed, present = clip()
    with torch.no_grad():
        logits, last = net(features, elapsed, present, net.initial_state(3))
        state = net.initial_state(3)
        for moment in range(features.shape[1]):
            here = present[:, moment]
            stepped, following = net.step(features[:, moment], elapsed[:, moment], state)
            state = torch.where(here[None, :, None], following, state)
            torch.testing.assert_close(stepped[here], logits[here, moment], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-5)


def test_clip_in_two_parts_equals_whole():
    net = network()
    features, elapsed, present = clip()
    with torch.no_grad():
        whole, _ = net(features, elapsed, present, net.initial_state(3))
        first, state = net(features[:, :9], elapsed[:, :9], present[:, :9], net.initial_state(3))
        rest, _ = net(features[:, 9:], elapsed[:, 9:], present[:, 9:], state)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole, atol=1e-5, rtol=1e-5)


def test_future_does_not_change_the_past():
    net = network()
    features, elapsed, present = clip()
    changed = features.clone()
    changed[:, 10:] += 1
    with torch.no_grad():
        before, _ = net(features, elapsed, present, net.initial_state(3))
        after, _ = net(changed, elapsed, present, net.initial_state(3))
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert not torch.equal(before[:, 10:], after[:, 10:])


def test_twice_the_time_keeps_the_square():
    torch.manual_seed(0)
    cell = TimedCell(8)
    current = torch.randn(4, 8)
    once, _ = cell.gates(current, torch.full((4,), 0.1))
    twice, _ = cell.gates(current, torch.full((4,), 0.2))
    torch.testing.assert_close(once**2, twice)


def test_recurrence_has_the_right_gradients():
    torch.manual_seed(0)
    keep = torch.rand(2, 4, 3, dtype=torch.float64, requires_grad=True)
    fresh = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(recur, (keep, fresh, state))

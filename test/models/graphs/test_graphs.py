"""Test that graph networks agree with published code, and step by step with themselves."""

from pathlib import Path

import numpy as np
import parity
import pytest
import torch

from actloc_ros.models import registry
from actloc_ros.models.architecture import build_network
from actloc_ros.models.count_costs import count_gmac
from actloc_ros.models.graphs.costgcn import CoSTGCN
from actloc_ros.models.graphs.layouts import NTU25, OPENPOSE18, by_direction, by_distance
from actloc_ros.models.graphs.streams import make_stream, middle_resized, sample_frames
from actloc_ros.models.ops.runtime import fixed_random

# `make parity` runs all of them.
REFERENCES = (
    'streams_coco17',
    'streams_ntu25',
    'stgcn_ntu_xsub',
    'stgcn_pyskl_ntu60_3dkp_j',
    'stgcnpp_ntu120_hrnet_jm_one_person',
    'ctrgcn_ntu60_j',
    'ctrgcn_pyskl_ntu120_3dkp_bm',
    'cost_gcn_mod_ntu60_j',
)
KEPT_BACK = (
    'stgcn_kinetics',
    'stgcn_pyskl_ntu60_hrnet_bm',
    'stgcnpp_ntu60_3dkp_b',
    'ctrgcn_pyskl_ntu60_hrnet_j',
    'ctrgcn_ntu120_bm',
    'cost_gcn_mod_kinetics_j',
    'cost_gcn_ntu60_j',
)


@pytest.mark.parametrize('name', REFERENCES)
def test_agrees_with_published_code(shared: Path, name: str) -> None:
    parity.check_file(shared / f'parity2/{name}.json')


@pytest.mark.parametrize('name', KEPT_BACK)
def test_has_the_published_layout(shared: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / f'{name}.json'
    copy.write_text((shared / 'parity2' / copy.name).read_text())
    result = parity.check(copy, parity.load_fill(tmp_path))
    assert not result.faults
    assert result.parameters > 1_000_000


def continual(mod: bool, frames: int) -> CoSTGCN:
    with fixed_random():
        network = CoSTGCN(5, OPENPOSE18, mod).double().eval()
        for module in network.modules():
            if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 2)
    network.set_frames(frames)
    return network


@torch.inference_mode()
@pytest.mark.parametrize(('mod', 'frames', 'stride'), [(True, 82, 1), (False, 84, 4)])
def test_steps_of_several_recordings_equal_their_clips(mod: bool, frames: int, stride: int) -> None:
    network = continual(mod, frames)
    # The second recording begins a frame later, in a place of the state that was in use before.
    length = frames + stride + 1
    clips = torch.randn(2, 3, length + 1, 18, 2, dtype=torch.float64)
    state = network.initial_state(1)
    network.forward_step(clips[:1, :, 9], state, torch.tensor([0]))
    state.grow(3)
    state.reset(0)
    late, answers = 1, {0: {}, 1: {}}
    for index in range(length):
        both = index >= late
        rows = torch.tensor([2, 0] if both else [2])
        given = [clips[0, :, index]] + ([clips[1, :, index - late]] if both else [])
        logits, gave = network.forward_step(torch.stack(given), state, rows)
        for place in range(len(rows)):
            if gave[place]:
                answers[place][index - late * place + 1] = logits[place]
    assert min(answers[0]) in range(frames - stride + 1, frames + 1)
    assert len(answers[1]) >= 1
    for place, found in answers.items():
        for seen, logits in found.items():
            wanted = network(clips[place : place + 1, :, :seen])[0]
            torch.testing.assert_close(logits, wanted, rtol=1e-9, atol=1e-12)


def test_a_step_costs_one_frame() -> None:
    network = continual(True, 300)
    frame, rows = torch.randn(1, 3, 18, 2).double(), torch.tensor([0])
    state = network.initial_state(1)
    state.received += 100  # as after so many frames
    step = count_gmac(lambda: network.forward_step(frame, state, rows))
    assert step == pytest.approx(0.1136, rel=0.03)  # the published one, batch norms left out
    clip = count_gmac(lambda: network(torch.randn(1, 3, 300, 18, 2).double()))
    assert clip > 200 * step


def test_the_pool_is_as_long_as_the_entry_says() -> None:
    entry = registry.entries()['costgcn_mod_ntu60_j']
    network = build_network(registry.architectures()[entry.architecture], entry)
    assert (network.pool, network.ready, network.stride) == (220, 220, 1)
    entry = registry.entries()['costgcn_ntu60_j']
    network = build_network(registry.architectures()[entry.architecture], entry)
    assert (network.pool, network.ready, network.stride) == (75, 56, 4)


@pytest.mark.parametrize('make', [by_direction, by_distance])
def test_columns_of_a_graph_sum_to_one(make) -> None:
    for layout in (NTU25, OPENPOSE18):
        graph = make(layout)
        assert graph.shape == (3, len(layout.joints), len(layout.joints))
        sums = graph.sum(1)
        whole = np.isclose(sums, 1) | (sums == 0)
        assert whole.all() if make is by_direction else np.allclose(graph.sum((0, 1)), 1)


def test_frames_are_in_order_and_short_recordings_are_repeated() -> None:
    for total in (100, 150, 450):
        frames = sample_frames(total, 100)[0]
        assert (np.diff(frames) > 0).all()
        assert frames[-1] < total
    assert sample_frames(40, 100, 2)[1].tolist() == [(20 + i) % 40 for i in range(100)]


def test_resizing_in_time_keeps_a_straight_motion() -> None:
    joints = np.zeros((1, 100, 25, 3))
    joints[..., 0] = np.arange(100)[:, None]
    found = middle_resized(joints, 64)[0, :, 3, 0]
    assert found[0] >= 2
    assert found[-1] <= 97
    np.testing.assert_allclose(np.diff(found), np.diff(found)[0], atol=1e-9)


def test_an_unknown_stream_is_refused() -> None:
    with pytest.raises(ValueError, match='no stream "m"; there are j, b, jm, bm'):
        make_stream(np.zeros((1, 2, 25, 3)), NTU25, 'm')

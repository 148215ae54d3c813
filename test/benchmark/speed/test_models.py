"""Check the benchmark of models: its arguments, and its timing of several cameras at once."""

import copy
import sys

import pytest
import torch

from actloc_ros.models.stream.network import StreamNet
from benchmark.speed import models
from benchmark.speed.cameras import as_graph, make_step, measure_cameras, table

SIDE = 64


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return StreamNet('n', 3).eval()


def test_times_each_number_of_cameras_in_each_precision(net):
    before = copy.deepcopy(net.state_dict())
    rows = measure_cameras(net, SIDE, SIDE, torch.device('cpu'), cameras=(1, 2), steps=3)
    assert [(r.cameras, r.precision, r.graph) for r in rows] == [
        (1, 'float32', False),
        (2, 'float32', False),
        (1, 'float16', False),
        (2, 'float16', False),
    ]
    assert all(0 < r.p50_ms <= r.p99_ms for r in rows)
    assert [line.split()[:5] for line in table('stream_n', rows[:2]).splitlines()] == [
        ['stream_n', '1', 'camera', 'float32', 'eager'],
        ['stream_n', '2', 'cameras', 'float32', 'eager'],
    ]
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


@torch.inference_mode()
def test_a_timed_step_moves_every_camera_on(net):
    step, state = make_step(net, 2, SIDE, SIDE)
    step()
    step()
    assert state.clock.tolist() == [2, 2]
    assert all(ring.any() for ring in state.rings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no GPU')
@torch.inference_mode()
def test_a_cuda_graph_does_what_a_step_does(net):
    net = copy.deepcopy(net).cuda()
    torch.manual_seed(1)
    step, state = make_step(net, 2, SIDE, SIDE)
    torch.manual_seed(1)
    eager, eager_state = make_step(net, 2, SIDE, SIDE)
    replay = as_graph(step)
    for camera in range(2):
        state.reset(camera)
    for _ in range(5):
        replay()
        eager()
    assert state.clock.tolist() == eager_state.clock.tolist() == [5, 5]
    for got, want in zip(state.rings, eager_state.rings, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


def test_an_unknown_name_is_refused_before_anything_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['models.py', '--models', 'stream_n', 'yowo'])
    with pytest.raises(SystemExit):
        models.main()
    printed = capsys.readouterr()
    assert "invalid choice: 'yowo'" in printed.err
    assert not printed.out

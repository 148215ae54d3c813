"""Check that a session is the same function as the streaming network, on any number of threads."""

import sys
import threading

import numpy as np
import pytest
import torch

from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.errors import ModelError
from actloc_ros.models.loading import open_network
from actloc_ros.models.open import open_localizer
from actloc_ros.models.ops.runtime import one_thread
from actloc_ros.models.stream.localizer import StreamLocalizer
from actloc_ros.models.stream.network import StreamNet
from actloc_ros.models.stream.onnx_session import StreamSession
from actloc_ros.synth import render

PERIOD = 80_000_000  # ns
TOLERANCE = 1e-5  # of the largest value


@pytest.fixture(scope='module')
def frames():
    """Return noise as the network's input: (T, 3, 96, 128)."""
    torch.manual_seed(0)
    return torch.randn(StreamNet.receptive_field + 5, 3, 96, 128)


@pytest.fixture(scope='module')
def network():
    return open_network('stream_n').network.eval()


def assert_equal(got, want):
    for one, other in zip(got, want, strict=True):
        assert one.shape == other.shape
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE * scale)


def test_a_session_says_what_the_network_says(network, frames):
    session = StreamSession(network, 96, 128, threads=1)
    states = [each.initial_state(3, 96, 128) for each in (network, session)]
    assert states[0].nbytes == states[1].nbytes
    cameras = torch.tensor([2, 0])
    with torch.inference_mode():
        for t in range(len(frames)):
            keep = torch.tensor([True, t % 3 != 1])
            batch = torch.stack([frames[t], frames[-t]])
            if t == 7:
                for state in states:
                    state.reset(2)
                    state.add_camera()
            wanted, got = (
                each.forward_step(batch, state, cameras, keep)
                for each, state in zip((network, session), states, strict=True)
            )
            assert_equal(got, wanted)
    assert states[1].clock.tolist() == states[0].clock.tolist()
    assert states[1].clock[2] == len(frames) - 7
    assert states[1].clock[1] == states[1].clock[3] == 0


def test_sizes_of_other_trunks_run_in_sessions(frames):
    for name in ('stream_s', 'stream_m'):
        network = open_network(name, random_weights=True).network.eval()
        session = StreamSession(network, 96, 128, threads=1)
        states = [each.initial_state(1, 96, 128) for each in (network, session)]
        with torch.inference_mode():
            for frame in frames[:3]:
                both = [
                    each.forward_step(frame[None], state, torch.tensor([0]), torch.tensor([True]))
                    for each, state in zip((network, session), states, strict=True)
                ]
        assert_equal(both[1], both[0])


def test_numbers_do_not_depend_on_the_number_of_threads():
    scene = list(render(9_900_001, 3.0, (320, 240), 12.5))
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            localizer = open_localizer('stream_n', LocalizerOptions(device='cpu'))
            found.append([localizer.step([Frame('', f.stamp, f.image)])[0] for f in scene])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert sum(len(each) for each in found[0]) > 50
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            for name in ('boxes', 'scores', 'actions'):
                np.testing.assert_array_equal(getattr(one, name), getattr(same, name))


def test_steps_in_several_threads_leave_the_number_of_threads_as_it_was():
    both_inside, first_outside = threading.Barrier(2), threading.Event()
    threads = torch.get_num_threads()

    def step(is_first):
        with one_thread:
            both_inside.wait(10)
            counted.append(torch.get_num_threads())
            if not is_first:
                first_outside.wait(10)
        counted.append(torch.get_num_threads())
        first_outside.set()

    counted = []
    try:
        torch.set_num_threads(3)
        steps = [threading.Thread(target=step, args=(first,)) for first in (True, False)]
        for each in steps:
            each.start()
        for each in steps:
            each.join(20)
        assert sorted(counted) == [1, 1, 3, 3]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize('missing', ['onnx', 'onnxruntime'])
def test_what_is_not_installed_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=f'needs ONNX and ONNX Runtime.*{missing}.*pip install'):
        open_localizer('stream_n', LocalizerOptions(device='cpu'))


def test_half_precision_runs_without_a_session():
    opened = open_network('stream_n')
    image = np.zeros((96, 128, 3), np.uint8)
    localizer = StreamLocalizer(opened, LocalizerOptions(device='cpu', precision='bfloat16'))
    for t in range(3):
        [result] = localizer.step([Frame('', t * PERIOD, image)])
    assert result.clip.frames == StreamNet.receptive_field

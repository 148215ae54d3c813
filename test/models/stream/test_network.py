"""Check the streaming network: clip mode and step mode are one function of the same weights."""

import copy

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.ops.runtime import fold_in_sequences
from actloc_ros.models.stream.heads import StreamOutput
from actloc_ros.models.stream.network import STRIDES, StreamNet
from actloc_ros.models.stream.trunk import SIZES

CLASSES = 5
PAST = StreamNet.receptive_field - 1
FRAMES = PAST + 4
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.fixture(scope='module')
def net():
    """Return a network whose every part affects its output, as in a trained one."""
    torch.manual_seed(0)
    net = StreamNet('n', CLASSES)
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(layer.weight)
                layer.weight *= 0.9
        for fuse, head in zip(net.fusion, net.heads, strict=True):
            fuse.gamma.fill_(0.7)
            head.what[-1].layers[-1].weight.fill_(0.7)
    return net.eval()


def assert_equal(got, want):
    for name in ('boxes', 'actor', 'actions'):
        expected = want(name)
        scale = float(expected.abs().max())
        torch.testing.assert_close(
            getattr(got, name), expected, rtol=0, atol=TOLERANCE[expected.dtype] * scale
        )


def run_steps(net, clip, state):
    cameras = torch.arange(clip.shape[0])
    return [net.forward_step(clip[:, t], state, cameras) for t in range(clip.shape[1])]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('batch', [1, 4])
@pytest.mark.parametrize('size', [(96, 96), (64, 128)])
def test_step_by_step_equals_the_whole_clip_from_the_cold_start_on(net, batch, size, dtype):
    torch.manual_seed(batch)
    clip = torch.randn(batch, FRAMES, 3, *size, dtype=dtype)
    net = copy.deepcopy(net).to(dtype)
    with torch.inference_mode():
        whole = net(clip.transpose(1, 2))
        steps = run_steps(net, clip, net.initial_state(batch, *size))
    places = sum(size[0] // s * (size[1] // s) for s in STRIDES)
    assert whole.boxes.shape == (batch, FRAMES, places, 4)
    assert whole.actions.shape == (batch, FRAMES, places, CLASSES)
    for t, step in enumerate(steps):
        assert_equal(step, lambda name, t=t: getattr(whole, name)[:, t])


def test_a_step_needs_no_number_from_a_gpu_before_it_can_go_on():
    with FakeTensorMode():  # has shapes alone, and raises where a shape depends on numbers
        net = StreamNet('n', CLASSES).eval()
        state = net.initial_state(2, 64, 64)
        keep = torch.tensor([True, False])
        with torch.no_grad():
            output = net.forward_step(torch.zeros(2, 3, 64, 64), state, torch.arange(2), keep)
        assert output.boxes.shape == (2, 84, 4)


def test_one_camera_of_a_batch_is_reset_alone(net):
    torch.manual_seed(3)
    clip = torch.randn(3, FRAMES, 3, 128, 128)
    state = net.initial_state(3, 128, 128)
    with torch.inference_mode():
        whole = net(clip.transpose(1, 2))
        run_steps(net, clip[:, :7], state)
        state.reset(1)
        fresh = net(clip[1:2, 7:].transpose(1, 2))
        for t in range(7, FRAMES):
            step = net.forward_step(clip[:, t], state, torch.arange(3))
            for camera in (0, 2):
                assert_equal(index(step, camera), lambda n, c=camera, t=t: getattr(whole, n)[c, t])
            assert_equal(index(step, 1), lambda n, t=t: getattr(fresh, n)[0, t - 7])


def test_cameras_of_different_rates_share_a_state(net):
    torch.manual_seed(4)
    clip = torch.randn(2, 12, 3, 128, 128)
    state = net.initial_state(2, 128, 128)
    with torch.inference_mode():
        slow = net(clip[1:, ::3].transpose(1, 2))
        for t in range(12):
            cameras = torch.tensor([1, 0] if t % 3 == 0 else [0])
            step = net.forward_step(clip[cameras, t], state, cameras)
            if t % 3 == 0:
                assert_equal(index(step, 0), lambda n, t=t: getattr(slow, n)[0, t // 3])


def test_a_frame_that_is_not_kept_sees_the_past_and_leaves_no_trace(net):
    torch.manual_seed(6)
    clip = torch.randn(2, 8, 3, 128, 128)
    state = net.initial_state(1, 128, 128)
    camera, keep = torch.zeros(1, dtype=torch.int64), torch.tensor([True])
    with torch.inference_mode():
        whole = net(clip[:1].transpose(1, 2))
        for t in range(8):
            peeked = net.forward_step(clip[1:, t], state, camera, ~keep)
            both = net(torch.cat([clip[:1, :t], clip[1:, t : t + 1]], dim=1).transpose(1, 2))
            assert_equal(peeked, lambda n, both=both: getattr(both, n)[:, -1])
            step = net.forward_step(clip[:1, t], state, camera, keep)
            assert_equal(step, lambda n, t=t: getattr(whole, n)[:, t])


def test_localizer_runs_cameras_of_any_rate():
    localizer = open_localizer('stream_n', LocalizerOptions(random_weights=True, device='cpu'))
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (120, 160, 3), np.uint8)
    for t in range(6):
        frames = [Frame('fast', t * 33_333_333, image)]
        if t % 3 == 0:
            frames.append(Frame('slow', t * 33_333_333, image[:, ::2].copy()))
        results = localizer.step(frames)
        assert [r.clip.end for r in results] == [f.stamp for f in frames]
    # At 30 Hz two frames of five enter the past of a network that was trained at 12.5 Hz.
    assert results[0].clip.frames - 1 - results[0].clip.missing == 2
    before = localizer.state_bytes
    localizer.reset('fast')
    [again] = localizer.step([Frame('fast', 0, image)])
    assert again.clip.missing == PAST
    assert localizer.state_bytes == before
    localizer.close()


@pytest.mark.parametrize('rate', [13.0, 15.0, 24.0, 60.0])
def test_the_past_goes_back_as_far_whatever_the_camera_s_rate(rate):
    localizer = open_localizer('stream_n', LocalizerOptions(random_weights=True, device='cpu'))
    rng = np.random.default_rng(0)
    image = np.zeros((32, 32, 3), np.uint8)
    for t in range(round(2 * rate)):
        stamp = round((t / rate + rng.uniform(-0.004, 0.004)) * 1e9) + 1_000_000_000
        [result] = localizer.step([Frame('', stamp, image)])
    assert result.clip.missing == 0
    span = (result.clip.end - result.clip.start) / 1e9
    assert span == pytest.approx(PAST / 12.5, abs=1 / 12.5)
    localizer.close()


def test_all_frames_of_a_slow_or_unsteady_camera_enter_the_past():
    localizer = open_localizer('stream_n', LocalizerOptions(random_weights=True, device='cpu'))
    rng = np.random.default_rng(0)
    for camera, period, jitter in (('slow', 0.1, 0.0), ('unsteady', 0.08, 0.009)):
        stamps = [
            round((t * period + rng.uniform(-1, 1) * jitter) * 1e9) + 10**9 for t in range(15)
        ]
        for stamp in stamps:
            [result] = localizer.step([Frame(camera, stamp, np.zeros((32, 32, 3), np.uint8))])
        assert result.clip.missing == PAST - 14
    localizer.close()


def test_folding_batch_norms_changes_nothing(net):
    folded = copy.deepcopy(net)
    fold_in_sequences(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    clip = torch.randn(1, 3, 3, 128, 128)
    with torch.inference_mode():
        want = net(clip)
        assert_equal(folded(clip), lambda n: getattr(want, n))


def test_nothing_looks_ahead_and_the_past_counts_as_far_as_said(net):
    torch.manual_seed(5)
    clip = torch.randn(1, PAST + 2, 3, 128, 128)
    other = clip.clone()
    other[:, 0] += 1
    with torch.inference_mode():
        a, b = (net(x.transpose(1, 2)).actor[0] for x in (clip, other))
    assert a.std() > 0.1
    assert not torch.equal(a[PAST], b[PAST])
    torch.testing.assert_close(a[PAST + 1], b[PAST + 1], rtol=1e-4, atol=1e-4)
    other = clip.clone()
    other[:, -1] += 1
    with torch.inference_mode():
        torch.testing.assert_close(
            net(other.transpose(1, 2)).actor[0, :-1], a[:-1], rtol=1e-4, atol=1e-4
        )


def test_state_is_fixed_in_size_and_outside_the_checkpoint(net):
    keys = set(net.state_dict())
    state = net.initial_state(2, 64, 64)
    before = state.nbytes
    with torch.inference_mode():
        run_steps(net, torch.randn(2, 4, 3, 64, 64), state)
    assert state.nbytes == before == 2 * (8 + 4 * 64 * PAST * (64 + 16 + 4))
    assert set(net.state_dict()) == keys


def test_all_sizes_run_and_train():
    for size in SIZES:
        net = StreamNet(size, 2)
        output = net(torch.randn(1, 3, 2, 64, 64))
        sum(x.sum() for x in output).backward()
        untaught = {name for name, p in net.named_parameters() if p.grad is None}
        assert not untaught, size


def test_what_is_done_depends_on_where_in_the_view_and_who_is_seen_does_not(net):
    head = copy.deepcopy(net.heads[1])
    alike = torch.ones(1, net.width, 12, 16)
    inner = torch.zeros(12, 16, dtype=torch.bool)
    inner[4:-4, 4:-4] = True  # cells that the padding does not reach
    with torch.inference_mode():
        placed = head(alike)
        head.place.weight.zero_()
        anywhere = head(alike)
    assert placed.actions[0, inner.flatten()].std(dim=0).min() > 0.01
    assert anywhere.actions[0, inner.flatten()].std(dim=0).max() < 1e-5
    assert torch.equal(placed.actor, anywhere.actor)


def test_places_are_counted_from_the_middle_of_a_view_of_any_size(net):
    head = net.heads[0]
    small, large = (head.offsets(torch.zeros(1, 4, h, w)) for h, w in ((4, 6), (8, 10)))
    assert small.shape == (1, 2, 4, 6)
    torch.testing.assert_close(large[..., 2:-2, 2:-2], small)
    torch.testing.assert_close(small.flip(2, 3), -small)
    assert small[0, 0, 0, -1] > 0  # x grows to the right
    assert small[0, 1, -1, 0] > 0  # y grows downwards


@pytest.mark.parametrize('shape', [(1, 2, 3, 60, 64), (1, 3, 64, 64)])
def test_wrong_input_is_named(net, shape):
    with pytest.raises(ValueError, match='multiples of 32'):
        net(torch.zeros(shape))


def index(output, i):
    return StreamOutput(*(x[i] for x in output))

"""Check that clip networks run as localizers: clips, batches, boxes, memory."""

import gc
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

import actloc_ros.models.clip_localizer as module
from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.entry import Colour, Preprocessing, Resize
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.open import open_localizer
from actloc_ros.models.ops.preprocessing import normalize, preprocess, upload
from actloc_ros.models.ops.runtime import choose_device, choose_precision
from actloc_ros.models.registry import entries

CPU = torch.device('cpu')
STEP = 40_000_000


@pytest.fixture(scope='module')
def localizer():
    options = LocalizerOptions(random_weights=True, device='cpu')
    opened = open_localizer('yowov2_nano', options)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def fresh(localizer):
    localizer.reset()


def frame(i, camera='', height=120, width=160):
    image = np.random.default_rng(i).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Frame(camera, 10**18 + i * STEP, image)


def inputs(localizer, monkeypatch):
    """Return a list that the network's inputs are added to."""
    given = []
    forward = localizer._network.forward
    monkeypatch.setattr(localizer._network, 'forward', lambda x: given.append(x) or forward(x))
    return given


def test_a_step_returns_actors_in_the_original_image(localizer):
    (found,) = localizer.step([frame(0, height=480, width=640)])
    assert found.boxes.dtype == found.scores.dtype == found.actions.dtype == np.float32
    assert found.boxes.shape == (len(found), 4)
    assert found.actions.shape == (len(found), 24)
    assert len(found) > 0
    assert (found.boxes[:, :2] < found.boxes[:, 2:]).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [640, 480, 640, 480]).all()
    assert (found.clip.frames, found.clip.missing) == (16, 15)
    assert localizer.preprocess_time > 0


def test_clips_are_batched_by_camera_and_each_frame_is_preprocessed_once(localizer, monkeypatch):
    given, calls = inputs(localizer, monkeypatch), []
    original = module.preprocess
    monkeypatch.setattr(module, 'preprocess', lambda *a: calls.append(1) or original(*a))
    for i in range(3):
        results = localizer.step([frame(i, 'left'), frame(100 + i, 'right')])
    assert len(calls) == 6
    assert given[-1].shape == (2, 3, 16, 224, 224)
    assert [r.clip.missing for r in results] == [13, 13]
    how = entries()['yowov2_nano_ucf24'].preprocessing
    wanted = preprocess(upload(frame(2).image, CPU), how, torch.float32)
    assert torch.equal(given[-1][0, :, -1], wanted)  # the key frame is the last
    first = preprocess(upload(frame(0).image, CPU), how, torch.float32)
    assert all(torch.equal(given[-1][0, :, k], first) for k in range(14))  # and the first fills


def test_cameras_in_a_batch_do_not_touch_each_other(localizer):
    together = localizer.step([frame(0, 'left'), frame(1, 'right')])
    localizer.reset()
    for camera, i, batched in (('left', 0, together[0]), ('right', 1, together[1])):
        (alone,) = localizer.step([frame(i, camera)])
        assert len(alone) == len(batched)
        np.testing.assert_allclose(alone.scores, batched.scores, atol=1e-5)


def test_reset_forgets_one_camera_alone(localizer):
    localizer.step([frame(0, 'left'), frame(0, 'right')])
    localizer.reset('left')
    left, right = localizer.step([frame(1, 'left'), frame(1, 'right')])
    assert (left.clip.missing, right.clip.missing) == (15, 14)
    localizer.reset('never used')


def test_resolution_may_change(localizer):
    localizer.step([frame(0, height=120, width=160)])
    (found,) = localizer.step([frame(1, height=480, width=640)])
    assert found.clip.missing == 14
    assert found.boxes[:, 2].max() > 160


def test_strided_rows_are_understood(localizer):
    wide = np.random.default_rng(0).integers(0, 255, (120, 200, 3), dtype=np.uint8)
    (strided,) = localizer.step([Frame('a', 1, wide[:, 20:180])])
    (plain,) = localizer.step([Frame('b', 1, wide[:, 20:180].copy())])
    np.testing.assert_array_equal(strided.boxes, plain.boxes)


def test_boxes_are_scaled_clipped_and_dropped_outside():
    entry = entries()['yowov2_nano_ucf24']
    actors = ActorPredictions(
        boxes=torch.tensor([[-10.0, 56, 112, 300], [230, 0, 260, 50], [20, 20, 20, 90]]),
        scores=torch.tensor([0.9, 0.8, 0.7]),
        actions=torch.rand(3, 24),
    )
    found = module.to_detections(actors, frame(0, height=448, width=112), entry, None)
    assert found.boxes.tolist() == [[0, 112, 56, 448]]
    assert found.scores.tolist() == pytest.approx([0.9])


def test_close_frees_the_network_and_all_clips():
    opened = open_localizer('yowov2_nano', LocalizerOptions(random_weights=True, device='cpu'))
    opened.step([frame(0)])
    kept = [weakref.ref(p) for p in opened._network.parameters()]
    assert kept
    opened.close()
    gc.collect()
    assert not any(ref() is not None for ref in kept)


def test_bfloat16_sees_much_the_same(localizer):
    options = LocalizerOptions(random_weights=True, device='cpu', precision='bfloat16')
    half = open_localizer('yowov2_nano', options)
    (a,), (b,) = localizer.step([frame(0)]), half.step([frame(0)])
    half.close()
    assert b.scores.dtype == np.float32
    assert a.scores[:10] == pytest.approx(b.scores[:10], abs=0.05)


@pytest.mark.parametrize('how', ['BICUBIC_ANTIALIASED', 'BILINEAR_ANTIALIASED'])
def test_resizing_is_that_of_pillow(how):
    image = frame(0, height=480, width=640).image
    filters = {'BICUBIC_ANTIALIASED': Image.BICUBIC, 'BILINEAR_ANTIALIASED': Image.BILINEAR}
    wanted = np.asarray(Image.fromarray(image).resize((160, 96), filters[how]))
    entry = Preprocessing(96, 160, Resize[how], maximum=255.0)
    got = preprocess(upload(image, CPU), entry, torch.float32).permute(1, 2, 0).numpy()
    assert np.abs(got - wanted).max() <= 1


def test_colours_and_range_are_as_the_entry_says():
    image = torch.tensor([255, 0, 51], dtype=torch.uint8)[:, None, None]
    how = Preprocessing(1, 1, colour=Colour.BGR, mean=(0.2, 0.0, 0.5), std=(0.5, 1.0, 2.0))
    got = normalize(image, how, torch.float32).flatten().tolist()
    assert got == pytest.approx([0.0, 0.0, 0.25], abs=1e-6)


@pytest.mark.parametrize(
    ('device', 'text'),
    [('gpu', 'none of auto, cpu, cuda'), ('cuda:99', 'finds . CUDA'), ('meta', 'none of')],
)
def test_devices_that_are_not_here_are_named(device, text):
    with pytest.raises(WeightsError, match=text):
        choose_device(device)


def test_precision_is_half_on_a_gpu_alone():
    assert choose_precision('auto', CPU) is torch.float32
    assert choose_precision('auto', torch.device('cuda')) is torch.float16
    with pytest.raises(WeightsError, match='precision "int8"'):
        choose_precision('int8', CPU)

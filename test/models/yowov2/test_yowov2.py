"""Check YOWOv2 against its references, and its decoding against plain arithmetic."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from actloc_ros.models import registry
from actloc_ros.models.costs import COSTS
from actloc_ros.models.count_costs import cost
from actloc_ros.models.loading import open_network
from actloc_ros.models.ops.attention import attend_channels
from actloc_ros.models.ops.runtime import fold_batch_norms
from actloc_ros.models.yowov2.decode import (
    LabelledBoxes,
    actors_of,
    decode,
    decode_multi_label,
    decode_single_label,
    published,
)

UCF = registry.entries()['yowov2_nano_ucf24']
AVA = registry.entries()['yowov2_nano_ava']
# Papers' figures, which design and model table show: parameters in 10^6 and GMAC at 16 x 224^2.
PUBLISHED = {
    'nano': (3.5, 1.3),
    'tiny': (10.9, 2.9),
    'medium': (52.0, 12.0),
    'large': (109.7, 53.6),
}


def run_parity(folder):
    script = Path(__file__).resolve().parents[2] / 'parity.py'
    return subprocess.run(
        [sys.executable, script, folder], capture_output=True, text=True, timeout=110
    )


@pytest.fixture
def references(shared, tmp_path):
    """Return a folder with two of the references."""
    for name in (
        'yowov2_nano_ucf24.json',
        'yowov2_nano_ucf24.npz',
        'yowov2_medium_ava.json',
        'fill.py',
    ):
        shutil.copy(shared / 'parity' / name, tmp_path)
        (tmp_path / name).chmod(0o644)
    return tmp_path


def test_parity_script_agrees_with_references(references):
    result = run_parity(references)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ['yowov2_medium_ava', '52,047,253', 'parameters']
    name, parameters, _, error, verdict = lines[1].split()
    assert (name, parameters, verdict) == ('yowov2_nano_ucf24', '3,521,393', 'ok')
    assert float(error) < 1e-6


def test_parity_script_fails_where_numbers_or_keys_differ(references):
    with np.load(references / 'yowov2_nano_ucf24.npz') as arrays:
        changed = dict(arrays)
    changed['cls1'] = changed['cls1'] * (1 + 2e-5)
    np.savez(references / 'yowov2_nano_ucf24.npz', **changed)
    medium = references / 'yowov2_medium_ava.json'
    medium.write_text(medium.read_text().replace('conf_preds.1.bias', 'conf_preds.1.shift'))
    result = run_parity(references)
    assert result.returncode == 1
    assert 'DISAGREES: no architecture fits' in result.stdout
    assert 'DISAGREES: cls1 off by 2.0e-05' in result.stdout


@pytest.mark.parametrize('size', PUBLISHED)
def test_parameters_and_multiplications_are_the_published_ones(size):
    entry = registry.entries()[f'yowov2_{size}_ucf24']
    found = cost(registry.architectures()[entry.architecture], entry)
    parameters, gmac = PUBLISHED[size]
    assert round(found.parameters / 1e6, 1) == parameters
    assert found.gmac == pytest.approx(gmac, rel=0.02)
    assert COSTS[entry.name] == (found.parameters, round(found.gmac, 3))


def test_every_entry_has_its_cost_in_the_table():
    assert set(COSTS) == set(registry.entries())


@pytest.mark.parametrize('clip', [(1, 3, 8, 96, 160), (2, 3, 16, 64, 64)])
def test_folding_batch_norms_changes_nothing(clip):
    network = open_network(UCF.name, random_weights=True).network
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    x = torch.rand(clip) * 255
    with torch.inference_mode():
        plain = network(x)
        folded = fold_batch_norms(network)(x)
    assert len(plain) == 9
    assert plain[0].shape == (clip[0], 1, clip[3] // 8, clip[4] // 8)
    for a, b in zip(plain, folded, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(a.abs().max()))


def test_channel_attention_holds_in_half_precision():
    x = 60 * torch.rand(1, 8, 28, 28)  # products reach 2.8 million; half precision ends at 65504
    half = attend_channels(x.half()).float()
    assert half.isfinite().all()
    torch.testing.assert_close(half, attend_channels(x), rtol=0, atol=0.05)


def maps(classes, batch=1, size=2, fill=-9.0):
    """Return maps that detect nothing, of an image of 32 x 32 times `size`."""
    outputs = []
    for side in (4 * size, 2 * size, size):
        outputs += [torch.full((batch, c, side, side), fill) for c in (1, classes, 4)]
        outputs[-1].zero_()
    return outputs


def test_a_cell_is_decoded_as_published():
    outputs = maps(24)
    outputs[3][0, 0, 1, 2] = 1.0  # stride 16, row 1, column 2
    outputs[4][0, 7, 1, 2] = 2.0
    outputs[5][0, :, 1, 2] = torch.tensor([0.25, -0.5, 0.1, 0.2])
    found = decode_single_label(outputs, UCF)[0]
    assert found.labels.tolist() == [7]
    score = (torch.tensor(1.0).sigmoid() * torch.tensor(2.0).sigmoid()).sqrt()
    assert found.scores[0] == pytest.approx(float(score))
    x, y, w, h = (2.5 + 0.25) * 16, (1.5 - 0.5) * 16, np.exp(0.1) * 16, np.exp(0.2) * 16
    expected = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    assert found.boxes[0].tolist() == pytest.approx(expected, rel=1e-6)


def random_maps(classes, seed, batch=1):
    generator = torch.Generator().manual_seed(seed)
    outputs = maps(classes, batch)
    return [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in outputs]


@pytest.mark.parametrize('seed', range(5))
def test_single_label_suppression_is_within_classes_and_forty_a_level(seed):
    entry = replace(UCF, min_score=0.2)
    found = decode_single_label(random_maps(24, seed), entry)[0]
    assert len(found.scores) <= 3 * 40
    assert (found.scores > 0.2).all()
    overlap = box_iou(found.boxes, found.boxes).fill_diagonal_(0)
    same = found.labels[:, None] == found.labels
    assert overlap[same].max() <= 0.5
    assert overlap[~same].max() > 0.5  # other classes are left alone


@pytest.mark.parametrize('seed', range(3))
def test_multi_label_suppression_is_across_classes_on_confidence(seed):
    found = decode_multi_label(random_maps(80, seed), AVA)[0]
    assert found.actions.shape[1] == 80
    assert (found.scores.diff() <= 0).all()
    assert box_iou(found.boxes, found.boxes).fill_diagonal_(0).max() <= 0.5
    scored = decode(random_maps(80, seed), AVA)[0]
    weighed = (found.scores[:, None] * found.actions).sqrt()
    torch.testing.assert_close(scored.actions, weighed)


def test_clips_of_a_batch_are_decoded_each_for_itself():
    outputs = random_maps(24, 1, batch=3)
    together = decode(outputs, UCF)
    for i in range(3):
        alone = decode([x[i : i + 1] for x in outputs], UCF)[0]
        torch.testing.assert_close(together[i].boxes, alone.boxes)
        torch.testing.assert_close(together[i].actions, alone.actions)


def test_boxes_of_several_classes_on_one_actor_become_one():
    found = LabelledBoxes(
        boxes=torch.tensor([[0.0, 0, 10, 20], [1, 0, 11, 20], [50, 0, 60, 20], [0, 1, 10, 21]]),
        scores=torch.tensor([0.6, 0.9, 0.5, 0.3]),
        labels=torch.tensor([3, 5, 3, 5]),
        confidences=torch.tensor([0.7, 0.8, 0.4, 0.2]),
    )
    actors = actors_of(found, UCF)
    assert actors.boxes.tolist() == [[1, 0, 11, 20], [50, 0, 60, 20]]
    assert actors.scores.tolist() == pytest.approx([0.8, 0.4])
    expected = torch.zeros(2, 24)
    expected[0, 3], expected[0, 5], expected[1, 3] = 0.6, 0.9, 0.5
    torch.testing.assert_close(actors.actions, expected)


@pytest.mark.parametrize(('entry', 'classes'), [(UCF, 24), (AVA, 80)])
def test_nothing_seen_gives_empty_results_of_the_right_shape(entry, classes):
    actors = decode(maps(classes, fill=-30.0), entry)[0]
    assert actors.boxes.shape == (0, 4)
    assert actors.actions.shape == (0, classes)


def test_published_detections_of_the_multi_label_model():
    found = published(random_maps(80, 2), AVA)['detections']
    assert found.shape[1] == 5 + 80
    assert found[:, :4].min() >= 0
    assert found[:, :4].max() <= 1

"""Test that YOWO agrees with its source in every layout, size and head, and that it decodes."""

import math
from dataclasses import replace
from pathlib import Path

import parity
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import box_iou

from actloc_ros.models import registry
from actloc_ros.models.architecture import build_network
from actloc_ros.models.entry import Activation
from actloc_ros.models.ops.runtime import prepare
from actloc_ros.models.yowo import ENTRIES
from actloc_ros.models.yowo.decode import decode, decode_cells
from actloc_ros.models.yowo.network import BACKBONES_3D, Yowo


def references() -> list[str]:
    """Return the names of the shared references of YOWO."""
    backbones = ('resnext101', 'resnet18', 'resnet50', 'mobilenet_2x', 'mobilenetv2_1x')
    shuffled = ('shufflenet_2x', 'shufflenetv2_2x')
    return [f'yowo_{name}_ucf24' for name in (*backbones, *shuffled)] + ['yowo_resnext101_jhmdb']


@pytest.mark.parametrize('name', references())
def test_agrees_with_its_source(shared: Path, name: str) -> None:
    folder = shared / 'parity'
    result = parity.check(folder / f'{name}.json', parity.load_fill(folder))
    assert not result.faults
    assert (result.error is not None) == (folder / f'{name}.npz').exists()


def test_has_the_published_size() -> None:
    with torch.device('meta'):
        network = Yowo('resnext101', 24).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, 16, 224, 224))
    assert sum(p.numel() for p in network.parameters()) == 121_095_050
    assert counter.get_total_flops() / 2e9 == pytest.approx(43.5, rel=0.02)


@pytest.mark.parametrize('backbone', BACKBONES_3D)
def test_takes_other_clips(backbone: str) -> None:
    with torch.device('meta'):
        network = Yowo(backbone, 80).eval()
        frames = (16, 32) if backbone == 'shufflenet_2x' else (8, 16, 32)
        for count in frames:
            assert network(torch.empty(2, 3, count, 320, 224)).shape == (2, 425, 10, 7)


@pytest.mark.parametrize('backbone', ['mobilenetv2_1x', 'shufflenet_2x'])
def test_clips_of_a_batch_do_not_mix_in_the_folded_network(backbone: str) -> None:
    torch.manual_seed(0)
    network = Yowo(backbone, 2).eval().requires_grad_(False)
    torch.nn.init.constant_(network.cfam.sc.gamma, 0.5)
    clips = torch.rand(2, 3, 16, 64, 64)
    with torch.inference_mode():
        alone = torch.cat([network(clip[None]) for clip in clips])
        folded = prepare(network, torch.device('cpu'), torch.float32)
        torch.testing.assert_close(folded(clips), alone, rtol=1e-4, atol=1e-5)


def test_only_the_key_frame_is_looked_at_in_2d() -> None:
    network = Yowo('mobilenetv2_1x', 2).eval()
    given = []
    network.backbone_2d.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    clip = torch.rand(1, 3, 16, 32, 32)
    with torch.inference_mode():
        network(clip)
    assert torch.equal(given[0], clip[:, :, -1])


def test_names_its_backbones() -> None:
    with pytest.raises(ValueError, match=r"'resnet34'.*resnet18"):
        Yowo('resnet34', 24)


@pytest.mark.parametrize('entry', ENTRIES[::8], ids=lambda entry: entry.name)
def test_a_checkpoint_states_its_head(entry) -> None:
    with torch.device('meta'):
        state = build_network(registry.architectures()[entry.architecture], entry).state_dict()
    found = registry.identify(state)
    assert found is not None
    assert found[0].name == entry.architecture
    assert (found[1].labels, found[1].activation) == (entry.labels, entry.activation)


def test_decodes_as_the_paper_says() -> None:
    entry = registry.find_entry('yowo_resnext101_ucf24')
    torch.manual_seed(1)
    raw = torch.randn(2, 5 * 29, 2, 3, dtype=torch.float64)
    boxes, confidences, classes = decode_cells(raw, entry)
    assert boxes.shape == (2, 30, 4)
    anchor, row, column = 3, 1, 2
    tx, ty, tw, th, to, *logits = raw[1].view(5, 29, 2, 3)[anchor, :, row, column].tolist()
    x, y = (column + sigmoid(tx)) * 32, (row + sigmoid(ty)) * 32
    width, height = 2.30548 * math.exp(tw) * 32, 4.9418 * math.exp(th) * 32
    index = (row * 3 + column) * 5 + anchor
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert boxes[1, index].tolist() == pytest.approx(expected)
    assert confidences[1, index].item() == pytest.approx(sigmoid(to))
    total = sum(math.exp(logit) for logit in logits)
    assert classes[1, index].tolist() == pytest.approx([math.exp(v) / total for v in logits])


def test_ava_has_one_pose_and_any_interactions() -> None:
    entry = registry.find_entry('yowo_resnext101_ava')
    assert entry.activation is Activation.POSE_SOFTMAX
    torch.manual_seed(2)
    raw = torch.randn(1, 5 * 85, 1, 1, dtype=torch.float64)
    _, _, classes = decode_cells(raw, entry)
    torch.testing.assert_close(classes[..., :14].sum(-1), torch.ones(1, 5).double())
    logits = raw.view(5, 85)[:, 5:]
    torch.testing.assert_close(classes[0, :, 14:], logits[:, 14:].sigmoid())


def test_keeps_the_best_of_overlapping_boxes() -> None:
    entry = replace(registry.find_entry('yowo_resnext101_ucf24'), min_score=0.3)
    torch.manual_seed(3)
    raw = torch.randn(2, 5 * 29, 7, 7)
    boxes, confidences, classes = decode_cells(raw, entry)
    for clip, actors in enumerate(decode([raw], entry)):
        assert len(actors.scores) > 1
        assert (actors.scores > 0.3).all()
        assert (actors.scores.diff() <= 0).all()
        overlaps = box_iou(actors.boxes, actors.boxes).fill_diagonal_(0)
        assert overlaps.max() <= entry.nms_iou
        best = confidences[clip].argmax()
        torch.testing.assert_close(actors.boxes[0], boxes[clip, best])
        torch.testing.assert_close(actors.actions[0], classes[clip, best] * actors.scores[0])


def sigmoid(value: float) -> float:
    """Return the logistic function of a number."""
    return 1 / (1 + math.exp(-value))

"""Test that published networks find the same people by PyTorch and from their exported files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from actloc_ros.cli.main import main
from actloc_ros.models import registry
from actloc_ros.models.entry import Task
from actloc_ros.models.loading import open_network
from actloc_ros.models.onnx_runtime import CPU
from actloc_ros.models.people.description import read_description
from actloc_ros.models.people.exported import describe_exported
from actloc_ros.models.people.open import open_people
from actloc_ros.models.people.top_down import TopDownNetwork
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.published_people.run import PublishedJoints

IMAGE = np.random.default_rng(0).integers(0, 255, (50, 80, 3), np.uint8)
IMAGE = IMAGE.repeat(10, 0).repeat(10, 1)  # larger than each input


@dataclass(frozen=True)
class MadeUp:
    """A network that finds some people, surely and less surely, of some sizes.

    Attributes:
        name: Of its entry.
        heads: Names of the layers of scores and of boxes, without the level; NanoDet-Plus has one
            for both.
        levels: How many there are.
        spread: Of the weights of scores.
        chance: Logit of a person, in the mean.
        reach: Of boxes, in what the network takes for it.
        objects: Name of the layers that tell whether anything is there, without the level.
    """

    name: str
    heads: tuple[str, ...]
    levels: int
    spread: float
    chance: float
    reach: float
    objects: str = ''

    @torch.no_grad()
    def make(self) -> nn.Module:
        """Return it."""
        opened, random = open_network(self.name, random_weights=True), torch.Generator()
        random.manual_seed(0)
        network, how = opened.network, opened.entry.preprocessing
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # what it is given once is what it takes for usual
        network.train()(255 * torch.rand(1, 3, how.height, how.width, generator=random))
        network.eval()
        for level in range(self.levels):
            scores, *boxes = (network.get_submodule(f'{head}.{level}') for head in self.heads)
            scores.weight.normal_(0, self.spread, generator=random)
            scores.bias.fill_(self.chance)
            for layer in boxes:
                layer.weight.mul_(0.1)
                layer.bias.fill_(0.0)
                layer.bias[-2:] = self.reach
            if self.objects:
                network.get_submodule(f'{self.objects}.{level}').bias.fill_(self.chance)
        if opened.architecture.task is Task.POSES:
            for layer in ('x_fc', 'y_fc'):  # else so sure of places that rounding moves them
                network.get_submodule(f'head.dcc.{layer}').weight.mul_(0.05)
        return network


RTMDET = 'bbox_head.rtm_cls', 'bbox_head.rtm_reg'
RTMO = 'head.head_module.out_cls', 'head.head_module.out_bbox'
YOLOX = 'head.cls_preds', 'head.reg_preds'
NANODET = ('head.gfl_cls',)


@pytest.mark.parametrize(
    'made_up',
    [
        MadeUp('rtmdet_nano_person', RTMDET, 3, 0.012, -4.0, 3.0),
        MadeUp('rtmo_t', RTMO, 2, 0.06, -2.0, 2.5),
        MadeUp('yolox_nano', YOLOX, 3, 0.04, -2.5, 2.5, 'head.obj_preds'),
        MadeUp('nanodet_plus_m', NANODET, 4, 0.05, -4.0, 0.0),
    ],
    ids=lambda made_up: made_up.name,
)
def test_the_same_people_are_found_by_pytorch_and_from_the_file(
    tmp_path: Path, made_up: MadeUp
) -> None:
    weights, out = tmp_path / 'mine.pth', tmp_path / 'mine.onnx'
    torch.save({'state_dict': made_up.make().state_dict()}, weights)
    assert main(['export', made_up.name, '--weights', str(weights), '--out', str(out)]) == 0
    ours = open_people(f'{made_up.name}={weights}', 'cpu', 1)
    theirs = open_people(str(tmp_path / 'mine.yaml'), 'cpu', 1)
    assert (theirs.threshold, theirs.has_joints) == (ours.threshold, ours.has_joints)
    for least in (0.1, 0.2):
        wanted, found = ours.detect(IMAGE, least), theirs.detect(IMAGE, least)
        assert 0 < len(wanted.boxes) < 100
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
        np.testing.assert_allclose(found.boxes / 800, wanted.boxes / 800, atol=1e-4)
        np.testing.assert_allclose(found.joints / 800, wanted.joints / 800, atol=1e-4)


def test_a_nanodet_of_other_classes_finds_its_people_from_the_file(tmp_path: Path) -> None:
    network = MadeUp('nanodet_plus_m', NANODET, 4, 0.05, -4.0, 0.0).make()
    state = network.state_dict()
    for level in range(4):  # two classes, and the distances
        for part in ('weight', 'bias'):
            key = f'head.gfl_cls.{level}.{part}'
            state[key] = torch.cat([state[key][:2], state[key][80:]])
    weights, mine, out = (tmp_path / f'mine.{suffix}' for suffix in ('pth', 'safetensors', 'onnx'))
    torch.save({'state_dict': state}, weights)
    (tmp_path / 'labels.txt').write_text('robot\nperson\n')
    labels = ['--labels', str(tmp_path / 'labels.txt'), '--out', str(mine)]
    assert main(['convert', str(weights), '--model', 'nanodet_plus_m', *labels]) == 0
    assert main(['export', 'nanodet_plus_m', '--weights', str(mine), '--out', str(out)]) == 0
    ours = open_people(f'nanodet_plus_m={mine}', 'cpu', 1).detect(IMAGE, 0.1)
    theirs = open_people(str(tmp_path / 'mine.yaml'), 'cpu', 1).detect(IMAGE, 0.1)
    assert len(ours.boxes) > 0
    np.testing.assert_allclose(theirs.scores, ours.scores, atol=1e-4)
    np.testing.assert_allclose(theirs.boxes / 800, ours.boxes / 800, atol=1e-4)


def test_joints_in_boxes_are_the_same_by_pytorch_and_from_the_file(tmp_path: Path) -> None:
    opened = open_network('rtmpose_t', random_weights=True)
    weights, out = tmp_path / 'mine.pth', tmp_path / 'mine.onnx'
    torch.save({'state_dict': opened.network.state_dict()}, weights)
    assert main(['export', 'rtmpose_t', '--weights', str(weights), '--out', str(out)]) == 0
    boxes = np.array([[20, 10, 60, 110], [90, 0, 130, 119], [5, 5, 95, 60]], np.float32)
    given = FoundPeople(boxes, np.ones(3, np.float32), np.zeros((3, 17, 3), np.float32))
    wanted = PublishedJoints(opened).refine(IMAGE, given).joints
    how = read_description(tmp_path / 'mine.yaml')
    assert how.boxes == 'people_n'
    theirs = TopDownNetwork(how, lambda image, least: given, (CPU,), 1).find(IMAGE, 0.5).joints
    np.testing.assert_allclose(theirs[..., 2], wanted[..., 2], atol=1e-4)
    sure = wanted[..., 2] > 0
    assert sure.any(1).all()
    np.testing.assert_allclose(theirs[sure], wanted[sure], atol=1e-3)
    assert open_people(str(tmp_path / 'mine.yaml'), 'cpu', 1).has_joints


@pytest.mark.parametrize(
    ('name', 'layout', 'resize', 'strides', 'offset'),
    [
        ('yolox_tiny', 'yolox', 'letterbox', (8, 16, 32), 0.5),
        ('nanodet_plus_m', 'nanodet', 'stretch', (8, 16, 32, 64), 0.0),
        ('rtmdet_s_coco', 'rtmdet', 'letterbox', (8, 16, 32), 0.5),
        ('rtmo_s', 'rtmo', 'letterbox', (8, 16, 32), 0.5),
    ],
)
def test_exports_are_described(
    name: str, layout: str, resize: str, strides: tuple[int, ...], offset: float
) -> None:
    entry = registry.find_entry(name)
    architecture = registry.architectures()[entry.architecture]
    described = describe_exported(architecture, entry, Path('folder/mine.onnx'))
    assert described is not None
    assert (described.people, described.filter) == ('mine.onnx', 'linear')
    assert (described.layout, described.resize, described.person) == (layout, resize, 0)
    assert (described.strides, described.point_offset) == (strides, offset)
    assert described.mean == entry.preprocessing.mean


def test_what_finds_no_people_is_not_described() -> None:
    entry = registry.find_entry('yowov2_nano')
    architecture = registry.architectures()[entry.architecture]
    assert describe_exported(architecture, entry, Path('mine.onnx')) is None


def test_a_detector_of_other_things_is_not_described() -> None:
    architecture = registry.architectures()['yolox_nano']
    entry = registry.entry_for(architecture, 3)
    assert describe_exported(architecture, entry, Path('mine.onnx')) is None

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
from actloc_ros.models.people.exported import describe_exported
from actloc_ros.models.people.open import open_people

IMAGE = np.random.default_rng(0).integers(0, 255, (50, 80, 3), np.uint8)
IMAGE = IMAGE.repeat(10, 0).repeat(10, 1)  # larger than each input


@dataclass(frozen=True)
class MadeUp:
    """A network that finds some people, surely and less surely, of some sizes.

    Attributes:
        name: Of its entry.
        heads: Names of the layers of scores and of boxes, without the level.
        levels: How many there are.
        spread: Of the weights of scores.
        chance: Logit of a person, in the mean.
        reach: Of boxes, in what the network takes for it.
    """

    name: str
    heads: tuple[str, str]
    levels: int
    spread: float
    chance: float
    reach: float

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
            scores, boxes = (network.get_submodule(f'{head}.{level}') for head in self.heads)
            scores.weight.normal_(0, self.spread, generator=random)
            scores.bias.fill_(self.chance)
            boxes.weight.mul_(0.1)
            boxes.bias.fill_(0.0)
            boxes.bias[-2:] = self.reach
        if opened.architecture.task is Task.POSES:
            for layer in ('x_fc', 'y_fc'):  # else so sure of places that rounding moves them
                network.get_submodule(f'head.dcc.{layer}').weight.mul_(0.05)
        return network


RTMDET = 'bbox_head.rtm_cls', 'bbox_head.rtm_reg'
RTMO = 'head.head_module.out_cls', 'head.head_module.out_bbox'


@pytest.mark.parametrize(
    'made_up',
    [
        MadeUp('rtmdet_nano_person', RTMDET, 3, 0.012, -4.0, 3.0),
        MadeUp('rtmo_t', RTMO, 2, 0.06, -2.0, 2.5),
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


@pytest.mark.parametrize('name', ['rtmpose_t', 'yowov2_nano'])
def test_what_finds_no_people_alone_is_not_described(name: str) -> None:
    entry = registry.find_entry(name)
    architecture = registry.architectures()[entry.architecture]
    assert describe_exported(architecture, entry, Path('mine.onnx')) is None


def test_a_detector_of_other_things_is_not_described() -> None:
    architecture = registry.architectures()['yolox_nano']
    entry = registry.entry_for(architecture, 3)
    assert describe_exported(architecture, entry, Path('mine.onnx')) is None

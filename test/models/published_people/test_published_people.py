"""Test published networks that find people: agreement with published code, and how they are run."""

import dataclasses
from pathlib import Path

import numpy as np
import parity
import pytest
import torch
from torch import nn

from actloc_ros.frames import Frame
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.entry import Task
from actloc_ros.models.errors import ModelError
from actloc_ros.models.export import export
from actloc_ros.models.loading import open_network
from actloc_ros.models.onnx_runtime import choose_providers
from actloc_ros.models.open import open_localizer
from actloc_ros.models.people.description import read_description
from actloc_ros.models.people.exported import describe_exported
from actloc_ros.models.people.file_network import PeopleFileNetwork
from actloc_ros.models.people.open import open_people
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.published_people.rtmpose import read_bins
from actloc_ros.models.published_people.run import PublishedPeople

# `make parity` runs the dear ones too.
REFERENCES = (
    *('yolox_nano', 'nanodet_plus_m_320', 'rtmdet_nano_person'),
    'rtmpose_t_coco',
)
LAYOUTS_ONLY = (
    *('yolox_s', 'yolox_m', 'yolox_l', 'yolox_x', 'nanodet_plus_m_1.5x_416'),
    *('rtmdet_tiny_coco', 'rtmdet_s_coco', 'rtmdet_m_person'),
    *('rtmpose_s_coco', 'rtmpose_m_coco', 'rtmo_m_coco', 'rtmo_l_coco'),
)
IMAGE = np.random.default_rng(0).integers(0, 255, (120, 200, 3), np.uint8)


@pytest.mark.parametrize('name', REFERENCES)
def test_agrees_with_published_code(shared: Path, name: str) -> None:
    parity.check_file(shared / f'parity2/{name}.json')


@pytest.mark.parametrize('name', LAYOUTS_ONLY)
def test_has_the_published_layout(shared: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / f'{name}.json'
    copy.write_text((shared / 'parity2' / copy.name).read_text())
    result = parity.check(copy, parity.load_fill(tmp_path))
    assert not result.faults
    assert result.parameters > 1_000_000


def published(folder: Path, name: str) -> tuple[nn.Module, Path]:
    """Return a network with random weights, and a file of these."""
    opened = open_network(name, random_weights=True)
    path = folder / f'{name}.pth'
    torch.save({'state_dict': opened.network.state_dict()}, path)
    return opened.network, path


def test_training_files_of_nanodet_give_their_averaged_weights(tmp_path: Path) -> None:
    network, _ = published(tmp_path, 'nanodet_plus_m')
    average = network.state_dict()
    last = {key: value + 1 for key, value in average.items()}
    state = {f'model.{key}': value for key, value in last.items()}
    state |= {f'avg_model.{key}': value for key, value in average.items()}
    state['model.aux_head.conv.weight'] = torch.zeros(1)
    path = tmp_path / 'training.ckpt'
    torch.save({'state_dict': state}, path)
    read = read_checkpoint(path).state
    key = 'head.gfl_cls.0.bias'
    torch.testing.assert_close(read[key], average[key])
    assert open_people(f'nanodet_plus_m={path}', 'cpu', 1).files == (path,)


def detecting(network: nn.Module, cells: float = 4.0) -> None:
    """Make a YOLOX see a person in each cell, so many cells large; coarse ones more surely."""
    with torch.no_grad():
        for level in range(3):
            for kind, value in (('obj', 4.0), ('cls', -4.0), ('reg', 0.0)):
                layer = network.get_submodule(f'head.{kind}_preds.{level}')
                layer.weight.zero_()
                layer.bias.fill_(value)
            network.get_submodule(f'head.cls_preds.{level}').bias[0] = 1.0 + level
            network.get_submodule(f'head.reg_preds.{level}').bias[2:] = np.log(cells)


def test_boxes_come_back_to_the_image(tmp_path: Path) -> None:
    network, path = published(tmp_path, 'yolox_nano')
    detecting(network)
    torch.save({'model': network.state_dict()}, path)
    people = open_people(f'yolox_nano={path}', 'cpu', 1)
    found = people.detect(IMAGE, 0.3)
    assert not people.has_joints
    assert len(found.boxes) > 10
    assert found.boxes.dtype == np.float32
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [200, 120, 200, 120]).all()
    # 416 pixels of the input are the 200 of the image; cells of stride 32 give the widest boxes.
    widths = found.boxes[:, 2] - found.boxes[:, 0]
    assert widths.max() == pytest.approx(4 * 32 * 200 / 416, abs=0.5)
    assert (people.detect(IMAGE, 0.99).scores >= 0.99).all()


def test_is_the_first_stage_of_two(tmp_path: Path) -> None:
    network, path = published(tmp_path, 'yolox_nano')
    detecting(network, cells=1000)  # nearly all overlap
    torch.save({'model': network.state_dict()}, path)
    options = LocalizerOptions(random_weights=True, device='cpu')
    localizer = open_localizer(f'yolox_nano={path}+mc3_18', options)
    found = localizer.step([Frame('', 1, IMAGE)])[0]
    assert 0 < len(found) < 10
    assert found.actions.shape == (len(found), 400)


def test_joints_of_rtmo_reach_a_skeleton_network(tmp_path: Path) -> None:
    network, path = published(tmp_path, 'rtmo_t')
    with torch.no_grad():  # it sees people in all coarse cells
        network.get_submodule('head.head_module.out_cls.0').bias.fill_(-6.0)
        network.get_submodule('head.head_module.out_cls.1').bias.fill_(4.0)
        network.get_submodule('head.head_module.out_bbox.1').bias[2:] = 5.0  # nearly all overlap
    torch.save({'state_dict': network.state_dict()}, path)
    options = LocalizerOptions(random_weights=True, device='cpu')
    localizer = open_localizer(f'rtmo_t={path}+stgcnpp_ntu60_hrnet_j', options)
    assert localizer.name == 'rtmo_t_body7+stgcnpp_ntu60_hrnet_j'
    for index in range(2):
        found = localizer.step([Frame('', index * 2 * 10**8 + 1, IMAGE)])[0]
    assert 0 < len(found) < 10
    assert found.joints is not None
    assert found.joints.shape == (len(found), 17, 3)
    assert np.isfinite(found.joints).all()
    np.testing.assert_allclose(found.actions.sum(1), 1, atol=1e-4)


def test_joints_in_crops_come_back_to_the_image(tmp_path: Path) -> None:
    _, path = published(tmp_path, 'rtmpose_t')
    people = open_people(f'people_n+rtmpose_t={path}', 'cpu', 1)
    boxes = np.array([[20, 10, 60, 110], [90, 0, 130, 119]], np.float32)
    given = FoundPeople(boxes, np.ones(2, np.float32), np.zeros((2, 17, 3), np.float32))
    found = people.refine(IMAGE, given)
    known = found.joints[..., 2] > 0
    centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    reach = 1.25 * (boxes[:, 3] - boxes[:, 1]).max() / 2
    assert (np.abs(found.joints[..., :2] - centres)[known] <= reach + 1).all()
    assert ((found.joints[..., 2] >= 0) & (found.joints[..., 2] <= 1)).all()


def test_bins_give_places_and_nothing_where_they_are_not_sure() -> None:
    columns, rows = torch.zeros(1, 2, 384), torch.zeros(1, 2, 512)
    columns[0, 0, 101], rows[0, 0, 40] = 0.9, 0.6
    columns[0, 1] = -1
    places, scores = read_bins(columns, rows)
    assert places[0].tolist() == [[50.5, 20.0], [-1.0, -1.0]]
    assert scores[0].tolist() == pytest.approx([0.6, -1.0])


def test_an_exported_file_is_a_people_network(tmp_path: Path) -> None:
    opened = open_network('yolox_nano', random_weights=True)
    detecting(opened.network)
    wanted = PublishedPeople(opened).find(IMAGE, 0.4)
    path = tmp_path / 'yolox_nano.onnx'
    assert export(opened, 'onnx', path) < 1e-5
    described = describe_exported(opened.architecture, opened.entry, path)
    assert described is not None
    described.write(tmp_path / 'mine.yaml')
    read = read_description(tmp_path / 'mine.yaml')
    assert read == dataclasses.replace(described, people=str(path))
    found = PeopleFileNetwork(read, choose_providers('cpu'), 1).find(IMAGE, 0.4)
    assert len(found.boxes) >= len(wanted.boxes)
    widest = [(f.boxes[:, 2] - f.boxes[:, 0]).max() for f in (found, wanted)]
    assert widest[0] == pytest.approx(widest[1], abs=0.5)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('yolox_huge', 'there is no model "yolox_huge"'),
        ('yolox_nano', 'the weights of yolox_nano_coco are not here'),
        ('yolox_nano=nowhere.pth', 'there is no checkpoint "nowhere.pth"'),
        ('people_n+rtmpose_x', 'there is no model "rtmpose_x"'),
    ],
)
def test_what_is_not_there_is_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_people(name, 'cpu', 1)


def test_a_detector_of_other_things_is_refused(tmp_path: Path) -> None:
    opened = open_network('yolox_nano', random_weights=True)
    entry = registry.entry_for(opened.architecture, 3)
    with pytest.raises(ModelError, match='has no class "person"'):
        PublishedPeople(type(opened)(opened.architecture, entry, opened.network))
    assert opened.architecture.task is Task.DETECTION

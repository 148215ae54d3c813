"""Recipes, resuming and measuring of people_n."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.models.people_n.export import write_onnx
from actloc_ros.models.people_n.network import PeopleNetwork, fold_norms
from actloc_ros.models.published_people.yolox import YOLOX
from actloc_ros.training.config import ConfigError
from actloc_ros.training.people_n import fit
from actloc_ros.training.people_n.augment import Augmentation
from actloc_ros.training.people_n.batches import Batches
from actloc_ros.training.people_n.evaluate import joint_precision, torso_accuracy
from actloc_ros.training.people_n.fit import Training, read_recipe
from actloc_ros.training.people_n.loop import rate
from actloc_ros.training.people_n.measure import joint_similarities, tally_boxes
from actloc_ros.training.people_n.pictures import (
    Picture,
    add_joints,
    parse_people,
    read_collected,
    read_photographs,
)
from actloc_ros.training.people_n.start import load_published

RECIPE = Path(__file__).parents[3] / 'recipes' / 'people_n.yaml'


@pytest.fixture
def shared(tmp_path):
    """A folder with published weights, which are random, and two photographs."""
    models = tmp_path / 'shared/teacher/models'
    models.mkdir(parents=True)
    torch.manual_seed(0)
    write_published(models / 'yolox_nano.onnx')
    photos = tmp_path / 'shared/real/photos'
    photos.mkdir(parents=True)
    write_photographs(photos)
    return tmp_path / 'shared'


def write_published(path):
    """Write a YOLOX-nano of random weights as it is published: with its norms folded."""
    network = YOLOX(80, 'nano').eval()
    fold_norms(network)
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.normal_(part.bias, std=0.1)
    axes = {'images': {2: 'h', 3: 'w'}, 'rows': {1: 'cells'}}
    write_onnx(network, torch.zeros(1, 3, 64, 64), path, 'images', ['rows'], axes)
    return network


def write_photographs(folder):
    rows = [
        ('voc_a.jpg', [{'box': [10, 10, 50, 90], 'ignore': False, 'joints': None}]),
        ('voc_b.jpg', []),
    ]
    facts, labels = [], []
    with tarfile.open(folder / 'teach.tar', 'w') as archive:
        for name, people in rows:
            path = folder / name
            cv2.imwrite(str(path), np.full((96, 96, 3), 70, np.uint8))
            archive.add(path, f'teach/{name}')
            fact = {'file': name, 'complete': True, 'stretched': name == 'voc_b.jpg'}
            facts.append(json.dumps(fact))
            labels.append(json.dumps({'file': name, 'set': 'voc', 'people': people}))
    (folder / 'teach.jsonl').write_text('\n'.join(facts))
    (folder / 'teach_labels.jsonl').write_text('\n'.join(labels))


@torch.no_grad()
def test_it_starts_as_the_published_network_in_other_colours(tmp_path):
    published = write_published(tmp_path / 'yolox.onnx')
    network = PeopleNetwork().eval()
    load_published(network, tmp_path / 'yolox.onnx')
    image = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))
    rows = published(image.flip(1).float())[0]
    boxes, scores = published.read(rows, (64, 96))
    raw = network(image.float())
    assert torch.allclose(raw.boxes[0], boxes, rtol=1e-4, atol=1e-2)  # pixels
    assert torch.allclose(raw.scores[0].sigmoid(), scores[:, 0], atol=1e-5)


def test_another_file_is_no_start(tmp_path):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))
    axes = {'images': {2: 'h'}}
    path = tmp_path / 'other.onnx'
    write_onnx(network, torch.zeros(1, 3, 64, 64), path, 'images', ['rows'], axes)
    with pytest.raises(ValueError, match='other convolutions than YOLOX-nano'):
        load_published(PeopleNetwork(), path)


def test_photographs_are_read_with_their_labels(shared):
    first, second = read_photographs(shared / 'real/photos')
    assert first.people.boxes.tolist() == [[10, 10, 50, 90]]
    assert not first.people.posed.any()
    assert (first.empty, second.empty, second.stretched) == (False, True, True)
    assert first.image().shape == (96, 96, 3)


def test_collected_photographs_take_what_teachers_wrote(tmp_path):
    (tmp_path / 'pictures/doors').mkdir(parents=True)
    rows = []
    for name, people in (('a', None), ('b', None), ('c', []), ('d', None)):
        file = f'doors/{name}.jpg'
        cv2.imwrite(str(tmp_path / 'pictures' / file), np.zeros((8, 8, 3), np.uint8))
        row = {'file': file, 'set': 'doors', 'source': f'owner/name@1:{name}', 'people': people}
        rows.append(json.dumps(row | {'complete': people is not None}))
    (tmp_path / 'more.jsonl').write_text('\n'.join(rows))
    sure = {'box': [1, 1, 7, 7], 'status': 'keep', 'joints': None}
    taught = [{'file': 'doors/a.jpg', 'people': [sure]}, {'file': 'doors/b.jpg', 'people': []}]
    (tmp_path / 'labels_doors.jsonl').write_text('\n'.join(json.dumps(row) for row in taught))
    a, b, c = read_collected(tmp_path, ())
    assert (a.name, len(a.people), a.complete) == ('doors/a', 1, False)
    assert b.empty
    assert c.empty
    assert [p.name for p in read_collected(tmp_path, ('doors',))] == ['doors/a', 'doors/c']


def test_labelled_people_take_the_joints_that_teachers_found_in_their_place():
    joints = np.ones((17, 4)).tolist()
    people = parse_people([{'box': [0, 0, 10, 20]}, {'box': [50, 0, 60, 20]}])
    add_joints(people, parse_people([{'box': [1, 0, 11, 20], 'joints': joints}]))
    assert people.posed.tolist() == [True, False]
    assert people.joints[0].min() == 1


def test_the_shipped_recipe_is_read():
    recipe = read_recipe(RECIPE)
    assert recipe.model == 'people_n'
    assert recipe.data.nobody == pytest.approx(0.3)
    assert all(name.startswith(('../../data/people',)) for name in recipe.data.banned_clips)


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path):
    values = yaml.safe_load(RECIPE.read_text())
    (tmp_path / 'r.yaml').write_text(yaml.safe_dump(values | {'model': 'stream_n'}))
    with pytest.raises(ConfigError, match='people_n only'):
        read_recipe(tmp_path / 'r.yaml')
    (tmp_path / 'r.yaml').write_text(yaml.safe_dump(values | {'speed': 3}))
    with pytest.raises(ConfigError, match='unknown key'):
        read_recipe(tmp_path / 'r.yaml')


def test_the_rate_rises_stays_and_falls():
    schedule = read_recipe(RECIPE).schedule
    assert rate(schedule, 0) == pytest.approx(1 / schedule.warmup)
    assert rate(schedule, schedule.warmup) == 1
    assert rate(schedule, schedule.steps - schedule.decay // 2) == pytest.approx(0.5)
    assert rate(schedule, schedule.steps) == 0


def test_a_resumed_training_is_the_same_training(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, 'read_pictures', lambda _, s, __: read_photographs(s / 'real/photos'))
    recipe = read_recipe(RECIPE)
    pictures = read_photographs(shared / 'real/photos')
    batches = Batches(pictures, {'voc': 1}, 0.3, 3, [(64, 96)], Augmentation(), 9, 0)

    def train(out, steps):
        out.mkdir(exist_ok=True)
        training = Training(recipe, shared, None, out)
        for step in range(training.step, steps):
            training.take_step(*batches[step])
        training.save()
        return training

    whole = train(tmp_path / 'whole', 4)
    train(tmp_path / 'parts', 2)
    parts = train(tmp_path / 'parts', 4)
    assert parts.step == 4
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, parts.average.state_dict()[name]), name
    faster = replace(recipe, schedule=replace(recipe.schedule, learning_rate=0.5))
    again = Training(faster, shared, None, tmp_path / 'parts')
    assert again.optimizer.param_groups[2]['full_rate'] == pytest.approx(0.5)
    frozen = list(whole.network.trunk.start_parameters())
    assert not any(p.requires_grad for p in frozen)


def found(boxes, scores, joints=None):
    count = len(boxes)
    joints = np.zeros((count, 17, 3), np.float32) if joints is None else joints
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return FoundPeople(boxes, np.array(scores, np.float32), joints)


def test_boxes_are_counted_as_the_tests_say():
    people = parse_people(
        [
            {'box': [0, 0, 40, 80]},
            {'box': [100, 0, 140, 80]},
            {'box': [0, 100, 20, 120]},
            {'box': [200, 0, 300, 100], 'ignore': True},
        ]
    )
    report = found(
        [[0, 0, 40, 80], [0, 0, 42, 80], [0, 100, 20, 120], [210, 10, 260, 60], [0, 200, 60, 280]],
        [0.9, 0.8, 0.7, 0.6, 0.5],
    )
    nobody = parse_people([])
    tally = tally_boxes([(people, report), (nobody, found([[0, 0, 90, 90]], [0.4]))])
    assert tally.right.tolist() == [True, False, False, False]
    assert tally.found == pytest.approx([0.9, 0])
    assert tally.at(0.85) == (0.5, 1.0, 0.0)
    assert tally.at(0.3) == (0.5, 0.25, 1.0)
    assert tally.average_precision() == pytest.approx(0.5)
    assert tally.recall_at(0.9)[0] == pytest.approx(0.5)


def person_with_joints():
    joints = np.random.default_rng(0).uniform(20, 90, (17, 3)).astype(np.float32)
    joints[:, 2] = 1
    joints[[5, 6]] = [[30, 30, 1], [60, 30, 1]]
    joints[[11, 12]] = [[35, 80, 1], [55, 80, 1]]
    row = {'box': [10, 10, 100, 100], 'joints': joints.tolist()}
    return Picture('x', 'x', b'', parse_people([row]), True), joints


def test_true_joints_are_right_and_mirrored_ones_only_with_swaps():
    picture, joints = person_with_joints()
    right = [(picture, found([[10, 10, 100, 100]], [0.9], joints[None]))]
    assert joint_precision(right)['AP'] == pytest.approx(1)
    assert joint_similarities([(picture.people, right[0][1])]) == pytest.approx([1])
    assert torso_accuracy(right, swapped=False) == (1, 1)
    mirror = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    left = [(picture, found([[10, 10, 100, 100]], [0.9], joints[None][:, mirror]))]
    assert torso_accuracy(left, swapped=False)[0] < 0.5
    assert torso_accuracy(left, swapped=True) == (1, 1)
    assert joint_precision(left)['AP'] == 0


def test_people_not_found_count_against_joints():
    picture, _ = person_with_joints()
    nothing = [(picture, found([], []))]
    assert joint_precision(nothing)['AP'] == 0
    assert joint_similarities([(picture.people, nothing[0][1])]).tolist() == [0]
    assert torso_accuracy(nothing, swapped=True) == (0, 0)

"""Training of joints_n: kept crops, their variation, losses, figures and resuming."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actloc_ros.models.joints_n.network import JointsNetwork, RawJoints
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.config import ConfigError
from actloc_ros.training.joints_n import fit
from actloc_ros.training.joints_n.batches import ABSENT, Batches, Targets
from actloc_ros.training.joints_n.bodies import LYING, SITTING, keep_bodies, rarity
from actloc_ros.training.joints_n.fit import Training, read_recipe
from actloc_ros.training.joints_n.losses import joint_losses
from actloc_ros.training.joints_n.measure import figures, found_bodies, true_bodies, turned
from actloc_ros.training.people_n.pictures import Picture, encode, parse_people

RECIPE = Path(__file__).parents[3] / 'recipes' / 'joints_n.yaml'
PLAIN = dict.fromkeys(
    ('free', 'tilt', 'shift', 'aspect', 'aspect_stretched', 'truncated', 'edge', 'cover', 'blur',
     'dark', 'colour', 'grey', 'jpeg'), 0.0,
)  # fmt: skip


def body(turn=0.0):
    """Return joints (17, 3) of somebody who stands, turned about the middle of the body."""
    x = [0, 2, -2, 4, -4, 10, -10, 12, -12, 13, -13, 7, -7, 7, -7, 7, -7]
    y = [-42, -44, -44, -42, -42, -30, -30, -15, -15, 0, 0, 0, 0, 22, 22, 44, 44]
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    xy = np.stack([x, y], -1) @ np.array([[c, s], [-s, c]])
    return np.column_stack([xy + np.array([80, 70]), np.ones(17)]).astype(np.float32)


def picture(name='coco_train_a', turn=0.0):
    joints = body(turn)
    image = np.zeros((140, 160, 3), np.uint8)
    for x, y, _ in joints.astype(int).tolist():
        cv2.circle(image, (x, y), 3, (255, 255, 255), -1)
    low, high = joints[:, :2].min(0) - 4, joints[:, :2].max(0) + 4
    row = {'box': [*low.tolist(), *high.tolist()], 'joints': joints.tolist()}
    ignored = {'box': [0, 0, 60, 60], 'ignore': True, 'joints': joints.tolist()}
    return Picture(name, name.rpartition('_')[0], encode(image), parse_people([row, ignored]), True)


def variation(**values):
    recipe = read_recipe(RECIPE)
    return replace(recipe.variation, **{**PLAIN, 'scale': (1.0, 1.0), **values})


def test_crops_are_kept_of_those_whose_joints_are_known(tmp_path):
    bodies = keep_bodies([picture()], tmp_path / 'b.npy')
    assert bodies.groups.tolist() == ['coco_train']
    image = bodies.images()[0]
    for x, y, _ in bodies.joints[0]:
        assert image[int(y), int(x)].min() > 150
    assert bodies.boxes[0].max() == pytest.approx(208 / 1.9, rel=0.03)


def test_lying_and_sitting_people_are_drawn_more_often():
    sitting = body()
    sitting[[13, 14], :2] += [18, -20]
    unknown = body(90)
    unknown[[5, 11], 2] = 0
    drawn = rarity(np.stack([body(), body(90), sitting, unknown]))
    assert drawn.tolist() == [1, LYING, SITTING, 1]


@pytest.mark.parametrize('values', [{}, {'tilt': 30.0, 'free': 0.5}, {'shift': 0.1, 'aspect': 0.3}])
def test_joints_move_with_the_image(tmp_path, values):
    bodies = keep_bodies([picture()], tmp_path / 'b.npy')
    images, targets = Batches(bodies, {'coco_train': 1}, 8, variation(**values), 0)[3]
    assert images.shape == (8, 3, 128, 128)
    for image, places, weights in zip(images, targets.places, targets.weights, strict=True):
        known = places[weights > 0].long()
        assert len(known) >= 12
        assert image[0, known[:, 1], known[:, 0]].min() > 90


def test_mirrored_bodies_swap_left_and_right(tmp_path):
    bodies = keep_bodies([picture()], tmp_path / 'b.npy')
    _, targets = Batches(bodies, {'coco_train': 1}, 16, variation(), 0)[0]
    # The left shoulder is on the right in the image of somebody who faces the camera.
    assert (targets.places[:, 5, 0] > targets.places[:, 6, 0]).all()


def test_what_is_beyond_the_edge_is_absent(tmp_path):
    bodies = keep_bodies([picture()], tmp_path / 'b.npy')
    batches = Batches(bodies, {'coco_train': 1}, 16, variation(edge=1.0, truncated=1.0), 0)
    images, targets = batches[0]
    absent = targets.presence == ABSENT
    assert absent.any(1).float().mean() > 0.5
    assert (targets.weights[absent] == 0).all()
    shown = ~absent
    rows = torch.arange(16)[:, None].expand(-1, 17)[shown]
    x, y = targets.places[shown].long().unbind(-1)
    assert images[rows, 0, y, x].min() > 90
    assert torch.equal(batches[5][0], batches[5][0])
    with pytest.raises(ValueError, match='nobody is in a set'):
        Batches(bodies, {'voc': 1}, 1, variation(), 0)


def test_the_loss_is_least_at_the_truth():
    places = torch.full((1, 17, 2), 64.0)
    targets = Targets(places, torch.ones(1, 17), torch.ones(1, 17, dtype=torch.int64))
    middles = torch.arange(32) * 4 + 2.0
    away = (middles - 64).square()

    def maps(shift):
        return -((away[:, None] + (middles - 64 - shift).square()) / 32).expand(1, 17, 32, 32)

    sure = torch.full((1, 17), 9.0)
    right, wrong = (joint_losses(RawJoints(maps(s), sure), targets) for s in (0.0, 12.0))
    assert right['place'] < 0.3 < wrong['place']
    assert right['presence'] < 1e-3 < joint_losses(RawJoints(maps(0), -sure), targets)['presence']
    ignored = targets._replace(weights=torch.zeros(1, 17))
    assert joint_losses(RawJoints(maps(12.0), sure), ignored)['place'] == 0


def test_figures_know_right_joints_also_of_turned_pictures():
    (one,) = true_bodies([picture('coco_val_a')])
    side = turned(one)
    for each in (one, side):
        assert figures([each], [each.joints]) == pytest.approx({'OKS': 1, 'OKS>0.5': 1, 'PCK': 1})
        for x, y, _ in each.joints:
            assert each.image[int(y), int(x)].min() > 150
    swapped = one.joints.copy()
    swapped[:, 0] += 20
    assert figures([one], [swapped])['OKS'] < 0.5
    report = FoundPeople(one.box[None], np.ones(1, np.float32), swapped[None])
    ((found, joints),) = found_bodies([one], lambda _: report)
    assert found.given.tolist() == one.box.tolist()
    assert joints is not None


def test_the_recipe_sets_apart_what_people_n_does():
    people = (RECIPE.parent / 'people_n.yaml').read_text()
    data = read_recipe(RECIPE).data
    for name in (*data.validation, *data.withheld, *data.banned_clips):
        assert name in people


def test_a_recipe_of_another_model_is_refused(tmp_path):
    text = RECIPE.read_text().replace('model: joints_n', 'model: people_n')
    (tmp_path / 'r.yaml').write_text(text)
    with pytest.raises(ConfigError, match='joints_n only'):
        read_recipe(tmp_path / 'r.yaml')


def test_a_training_resumes_measures_and_keeps_the_best(tmp_path, monkeypatch):
    pictures = [picture(), picture('coco_val_a')]
    monkeypatch.setattr(fit, 'read_pictures', lambda *_: pictures)
    models = tmp_path / 'shared/teacher/models'
    models.mkdir(parents=True)
    recipe = read_recipe(RECIPE)
    torch.manual_seed(0)
    trunk = JointsNetwork(recipe.network).trunk.state_dict()
    arrays = {name: value.numpy() for name, value in trunk.items() if value.dim()}
    np.savez(models / 'trunk_efficientnet_lite0_b12.npz', **arrays)

    def train(out, steps):
        out.mkdir(exist_ok=True)
        training = Training(recipe, tmp_path / 'shared', None, out)
        small = Batches(training.bodies, {'coco_train': 1}, 2, recipe.variation, 0)
        for step in range(training.step, steps):
            training.take_step(*small[step])
        training.save()
        return training

    whole = train(tmp_path / 'whole', 3)
    train(tmp_path / 'parts', 2)
    parts = train(tmp_path / 'parts', 3)
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, parts.average.state_dict()[name]), name
    parts.validate()
    joints = JointsSession(tmp_path / 'parts/joints_n.onnx')
    assert joints.joints(pictures[0].image(), np.array([[60, 20, 100, 120]])).shape == (1, 17, 3)

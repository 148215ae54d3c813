"""Training of joints_n: kept crops, their variation, losses, figures and resuming."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actloc_ros.models.joints_n.crops import SIDE as CROP
from actloc_ros.models.joints_n.network import JointsNetwork, RawJoints
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.config import ConfigError
from actloc_ros.training.joints_n import fit
from actloc_ros.training.joints_n.batches import ABSENT, Batches, Targets
from actloc_ros.training.joints_n.bodies import LYING, MARGIN, SIDE, SITTING, keep_bodies, rarity
from actloc_ros.training.joints_n.fit import Training, read_recipe
from actloc_ros.training.joints_n.losses import joint_losses
from actloc_ros.training.joints_n.measure import figures, found_bodies, true_bodies, turned
from actloc_ros.training.joints_n.start import FILE, load_start, sources
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
    assert bodies.boxes[0].max() == pytest.approx(SIDE / MARGIN, rel=0.03)


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
    assert images.shape == (8, 3, CROP, CROP)
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
    places = torch.full((1, 17, 2), CROP / 2)
    targets = Targets(places, torch.ones(1, 17), torch.ones(1, 17, dtype=torch.int64))
    cells = CROP // 4
    away = torch.arange(cells) * 4 + 2.0 - CROP / 2

    def maps(shift):
        squared = away.square()[:, None] + (away - shift).square()
        return -(squared / 32).expand(1, 17, cells, cells)

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


def publish(network, folder):
    """Write a network's weights as TensorFlow.js files, in 16 bits."""
    folder.mkdir(parents=True)
    state, entries, data = network.state_dict(), [], b''
    for own, published in sources().items():
        axes = (2, 3, 0, 1) if own.endswith('depthwise.weight') else (2, 3, 1, 0)
        values = state[own].permute(axes) if state[own].dim() == 4 else state[own]
        kinds = {'dtype': 'float32', 'quantization': {'dtype': 'float16'}}
        entries.append({'name': published, 'shape': list(values.shape)} | kinds)
        data += values.numpy().astype('f2').tobytes()
    (folder / 'weights.bin').write_bytes(data)
    manifest = {'weightsManifest': [{'paths': ['weights.bin'], 'weights': entries}]}
    (folder / FILE).write_text(json.dumps(manifest))


def test_it_starts_from_published_weights(tmp_path):
    torch.manual_seed(0)
    first, second = JointsNetwork(), JointsNetwork()
    publish(first, tmp_path / 'movenet')
    load_start(second, tmp_path / 'movenet')
    for name, value in second.state_dict().items():
        if not name.startswith(('wide', 'pooled', 'local')):
            torch.testing.assert_close(value, first.state_dict()[name], atol=1e-4, rtol=1e-3)
    path = tmp_path / 'movenet' / FILE
    path.write_text(path.read_text().replace('Conv_1', 'Conv_2'))
    with pytest.raises(ValueError, match=r'lacks the weights .*Conv_1'):
        load_start(second, tmp_path / 'movenet')


def test_a_training_resumes_measures_and_keeps_the_best(tmp_path, monkeypatch):
    pictures = [picture(), picture('coco_val_a')]
    monkeypatch.setattr(fit, 'read_pictures', lambda *_: pictures)
    recipe = replace(read_recipe(RECIPE), start='movenet')
    torch.manual_seed(0)
    publish(JointsNetwork(), tmp_path / 'shared/movenet')

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

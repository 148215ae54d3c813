"""Training of the second look: candidates, their labels, how it weighs, and the file it writes."""

import json
from pathlib import Path

import numpy as np
import pytest

from actloc_ros.models.joints_n.person_head import FEATURES
from actloc_ros.models.joints_n.session import JointsSession
from actloc_ros.models.people_n.decode import FoundPeople
from actloc_ros.training.config import ConfigError
from actloc_ros.training.people_n.pictures import Picture, encode, parse_people
from actloc_ros.training.second_look import fit
from actloc_ros.training.second_look.candidates import (
    GIVEN,
    Candidates,
    hold,
    judged,
    part_of,
    teach,
)
from actloc_ros.training.second_look.fit import (
    answers,
    fit_look,
    found_share,
    odds,
    read_recipe,
    train,
)

RECIPE = Path(__file__).parents[3] / 'recipes' / 'second_look.yaml'
PERSON, THING = [20.0, 20.0, 50.0, 90.0], [80.0, 30.0, 120.0, 70.0]


class Finder:
    """Finds a person and a thing, in whatever it is shown."""

    threshold = 0.5

    def __init__(self, _=None):
        pass

    def find(self, image, least):
        """Report both."""
        boxes = np.clip(np.array([PERSON, THING], np.float32), 0, np.array(image.shape[1::-1] * 2))
        return FoundPeople(
            boxes.astype('f4'), np.array([0.8, 0.4], np.float32), np.zeros((2, 17, 3), 'f4')
        )


def picture(name='voc_a', complete=True, ignored=False):
    """Return a picture with a white person and a grey thing."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[20:90, 20:50], image[30:70, 80:120] = 255, 90
    row = {'box': PERSON, 'ignore': ignored, 'joints': None}
    return Picture(name, name.rpartition('_')[0], encode(image), parse_people([row]), complete)


def brightness(image, boxes):
    """Return how bright the middles of boxes are, and zeros."""
    x, y = (((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int) - 1).clip(0).T
    features = np.zeros((len(boxes), FEATURES), np.float32)
    features[:, 0] = image[y, x, 0]
    return features


def made(count=2000, seed=0):
    """Return candidates whose first feature tells more than the score."""
    random = np.random.default_rng(seed)
    persons = random.uniform(size=count) < 0.2
    scores = np.clip(0.35 + 0.15 * persons + random.normal(0, 0.15, count), 0.01, 0.99)
    features = np.zeros((count, FEATURES), np.float16)
    features[:, 0] = 4 * persons - 2 + random.normal(0, 1.4, count)
    groups = np.where(np.arange(count) % 5, 'voc', 'doors')
    zeros = np.zeros(count, np.float32)
    return Candidates(features, persons, scores.astype('f4'), zeros, zeros + 60, groups)


def test_who_is_a_person_is_known_where_labels_say_so():
    boxes = np.array([PERSON, THING], np.float32)
    people = picture().people
    persons, overlaps, known = judged(boxes, people, complete=True)
    assert (persons.tolist(), known.tolist()) == ([True, False], [True, True])
    assert overlaps.tolist() == [1, 0]
    assert judged(boxes, people, complete=False)[2].tolist() == [True, False]
    persons, _, known = judged(boxes, picture(ignored=True).people, complete=True)
    assert (persons.any(), known.tolist()) == (False, [False, True])
    assert judged(boxes, parse_people([]), complete=True)[2].all()


def test_found_and_labelled_boxes_are_learned_from():
    found = teach([picture()], Finder(), brightness, 0)
    assert found.persons[:3].tolist() == [True, True, False]
    assert found.scores[:3].tolist() == [np.float32(0.8), GIVEN, np.float32(0.4)]
    assert (abs(found.features[:3, 0] - [255, 255, 90]) < 25).all()
    assert set(found.groups.tolist()) == {'voc'}
    held = hold([picture(), picture(complete=False)], Finder(), brightness, 0.03)
    assert held.persons.tolist() == [True, False, True]
    assert held.sides.tolist() == [70, 40, 70]


def test_boxes_move_with_the_part_that_is_shown():
    random = np.random.default_rng(3)
    seen = 0
    for _ in range(40):
        image, people = part_of(random, picture())
        for box, ignored in zip(people.boxes, people.ignored, strict=True):
            if not ignored:
                x, y = ((box[:2] + box[2:]) / 2).astype(int)
                assert image[y, x].min() > 100
                seen += 1
    assert seen > 10


def test_hard_ones_are_drawn_more_often():
    candidates = made()
    drawn = odds(candidates)
    things = ~candidates.persons & (candidates.groups == 'voc')
    hard = candidates.scores > fit.LIKELY
    assert drawn.sum() == pytest.approx(1)
    assert drawn[things & hard].mean() == pytest.approx(3 * drawn[things & ~hard].mean())
    assert drawn[candidates.groups == 'doors'].mean() > drawn[candidates.groups == 'voc'].mean()


def test_it_learns_and_weighs_as_much_as_it_knows(monkeypatch):
    recipe = read_recipe(RECIPE)
    object.__setattr__(recipe.schedule, 'steps', 150)
    held = made(seed=1)
    person = answers(train(recipe, made()), held)
    look = fit_look(held, 0.5, person, recipe)
    new = look.scores(held.scores, 0.5, person)
    assert held.persons[new >= 0.5].mean() >= fit.PRECISION - 0.005
    assert found_share(new, held) > found_share(held.scores, held) + 0.3
    noise = np.random.default_rng(0).normal(size=len(person)).astype(np.float32)
    assert abs(fit_look(held, 0.5, noise, recipe).crop) < 0.15 < look.crop


def test_a_recipe_of_another_model_is_refused(tmp_path):
    text = RECIPE.read_text().replace('model: second_look', 'model: people_n')
    (tmp_path / 'r.yaml').write_text(text)
    with pytest.raises(ConfigError, match='second_look only'):
        read_recipe(tmp_path / 'r.yaml')


def test_the_recipe_sets_apart_what_people_n_does():
    people = (RECIPE.parent / 'people_n.yaml').read_text()
    data = read_recipe(RECIPE).data
    for name in (*data.validation, *data.withheld, *data.banned_clips):
        assert name in people


def test_the_command_writes_a_file_that_looks_twice(tmp_path, monkeypatch, capsys):
    pictures = [picture(f'voc_{number}') for number in range(6)] + [picture('coco_val_a')] * 2
    monkeypatch.setattr(fit, 'read_pictures', lambda *_: pictures)
    monkeypatch.setattr(fit, 'PeopleSession', Finder)
    text = RECIPE.read_text().replace('steps: 6000', 'steps: 5')
    recipe = tmp_path / 'recipe.yaml'
    recipe.write_text(text)
    given = [str(recipe), '--shared', str(tmp_path), '--out', str(tmp_path / 'out')]
    fit.main(given)
    first = json.loads(capsys.readouterr().out)
    assert first['held'] == 4
    look = JointsSession(tmp_path / 'out/joints_n.onnx').second_look
    assert look.crop == first['crop']
    monkeypatch.setattr(fit, 'read_pictures', None)  # what was found is kept
    fit.main(given)
    assert json.loads(capsys.readouterr().out) == first

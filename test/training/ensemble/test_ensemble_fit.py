"""Check that what is learned of an ensemble's members is right, and the command that learns it."""

import json

import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.models.ensemble.pool import sigmoid
from actloc_ros.training.ensemble.collect import matched
from actloc_ros.training.ensemble.fit import fit_label

ENSEMBLE = 'ensemble(pose_n,stream_n)'
BOTH = np.array([True, True])


def draw(count=4000):
    """Return logits that make a label likely, and whether it is true."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, count)
    return logits, random.random(count) < sigmoid(logits)


def test_scores_that_are_off_are_calibrated():
    logits, right = draw()
    scores = np.stack([sigmoid(logits), sigmoid(0.5 * logits + 2)], 1)
    fit = fit_label(scores, np.ones_like(scores, bool), right, int(right.sum()), BOTH)
    np.testing.assert_allclose(fit.slope, [1, 2], rtol=0.15)
    np.testing.assert_allclose(fit.offset, [0, -4], atol=0.4)


def test_a_member_that_knows_nothing_does_no_harm():
    logits, right = draw()
    noise = np.random.default_rng(1).random(len(right))
    scores = np.stack([noise, sigmoid(logits)], 1)
    fit = fit_label(scores, np.ones_like(scores, bool), right, int(right.sum()), BOTH)
    assert fit.slope[0] == pytest.approx(0, abs=0.06)
    pooled = fit.pooled(scores, np.ones_like(scores, bool), BOTH)
    assert separation(pooled, right) == pytest.approx(separation(logits, right), abs=0.003)
    assert sum(fit.weight) == pytest.approx(1)


def test_a_member_that_does_not_know_the_label_has_no_say():
    logits, right = draw()
    scores = np.stack([np.zeros(len(right)), sigmoid(logits)], 1)
    knows = np.array([False, True])
    fit = fit_label(scores, np.ones_like(scores, bool), right, int(right.sum()), knows)
    assert fit.weight == (0, 1)


def test_two_views_together_rank_better_than_each():
    random = np.random.default_rng(2)
    right = random.random(4000) < 0.3
    views = np.where(right, 1.0, -1.0)[:, None] + random.normal(0, 1.5, (4000, 2))
    scores, detected = sigmoid(views), np.ones((4000, 2), bool)
    fit = fit_label(scores, detected, right, int(right.sum()), BOTH)
    pooled = fit.pooled(scores, detected, BOTH)
    ranks = [separation(values, right) for values in (pooled, *scores.T)]
    assert ranks[0] > max(ranks[1:]) + 0.03
    assert fit.weight[0] == pytest.approx(0.5, abs=0.1)


def test_not_being_seen_by_a_member_counts_as_it_deserves():
    random = np.random.default_rng(3)
    right = random.random(4000) < 0.5
    detected = np.stack([np.ones(4000, bool), right ^ (random.random(4000) < 0.1)], 1)
    scores = np.full((4000, 2), 0.5)
    fit = fit_label(scores, detected, right, int(right.sum()), BOTH)
    assert fit.absent[1] == pytest.approx(np.log(0.1 / 0.9), abs=0.3)
    assert separation(fit.pooled(scores, detected, BOTH), right) > 0.85


def test_one_half_is_where_f1_is_highest():
    logits, right = draw()
    scores = sigmoid(np.stack([logits, logits + 3], 1))
    detected = np.ones_like(scores, bool)
    fit = fit_label(scores, detected, right, int(right.sum()), BOTH)
    pooled = fit.pooled(scores, detected, BOTH)
    best = max(f1(pooled >= at, right) for at in np.quantile(pooled, np.linspace(0, 0.99, 200)))
    assert f1(pooled >= 0.5, right) == pytest.approx(best, abs=0.002)


def f1(said, right):
    return 2 * (said & right).sum() / (said.sum() + right.sum())


def separation(values, right):
    """Return how often a right one has the higher value (area under the ROC curve)."""
    order = values.argsort().argsort()
    positive = right.sum()
    return (order[right].sum() - positive * (positive - 1) / 2) / positive / (~right).sum()


def test_boxes_match_one_to_one():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    row, actor = matched(boxes, np.array([[1.0, 0, 11, 10]]))
    assert (row.tolist(), actor.tolist()) == ([1], [0])


@pytest.fixture(scope='module')
def fitted(tmp_path_factory):
    """Return a folder with two scenes and a fit to them."""
    folder = tmp_path_factory.mktemp('fit')
    clips = folder / 'clips'
    scene = '--count 1 --seconds 4 --size 320x240 --rate 8 --seed 7'
    assert main(['synth', str(clips), *scene.split()]) == 0
    truth, out = str(clips / 'annotations.json'), str(folder / 'fit.json')
    command = ['ensemble-fit', ENSEMBLE, '--ground-truth', truth, '--videos', str(clips)]
    assert main([*command, '--out', out]) == 0
    return folder


def test_the_command_learns_and_run_takes_what_it_learned(fitted, capsys):
    fit = json.loads((fitted / 'fit.json').read_text())
    assert fit['members'] == ['pose_n', 'stream_n']
    assert all(sum(each['weight']) == pytest.approx(1) for each in fit['labels'].values())
    (fitted / 'cascade.yaml').write_text(
        '/**:\n  ros__parameters:\n    ensemble:\n      cascade: true\n      budget: 50.0\n'
    )
    video = next((fitted / 'clips').glob('*.mp4'))
    files = ['--weights', str(fitted / 'fit.json'), '--params', str(fitted / 'cascade.yaml')]
    assert main(['run', str(video), '--model', ENSEMBLE, *files]) == 0
    assert '32 frames' in capsys.readouterr().out


def test_the_command_names_what_is_wrong(fitted, capsys):
    truth, out = fitted / 'clips/annotations.json', fitted / 'other.json'
    rest = ['--ground-truth', str(truth), '--videos', str(fitted / 'clips'), '--out', str(out)]
    for model, message in (
        ('pose_n', '"pose_n" is no ensemble'),
        ('ensemble(motion,motion)', 'a member twice'),
    ):
        assert main(['ensemble-fit', model, *rest]) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()

"""Check the fusion of boxes against reference numbers and by hand."""

import json

import numpy as np
import parity
import pytest

from actloc_ros.models.ensemble.fusion import (
    Confidence,
    LabelledBoxes,
    weighted_boxes_fusion,
)


def one(box, score, label=0):
    return LabelledBoxes(np.array([box], float), np.array([score]), np.array([label]))


def nothing():
    return LabelledBoxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))


def test_all_settings_equal_the_reference(shared):
    path = shared / 'parity2/boxes_fusion_1.json'
    assert len(json.loads(path.read_text())['settings']) == 9
    assert parity.check_file(path) < 1e-6


def test_boxes_move_to_the_mean_that_scores_weigh():
    first, second = one([0.1, 0.1, 0.5, 0.5], 0.9), one([0.2, 0.1, 0.5, 0.5], 0.3)
    (cluster,) = weighted_boxes_fusion([first, second])
    np.testing.assert_allclose(cluster.box, [0.125, 0.1, 0.5, 0.5])
    assert cluster.score == pytest.approx(0.6)
    assert cluster.members.tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize(
    ('confidence', 'weights', 'score'),
    [
        (Confidence.AVERAGE, None, 0.45),
        (Confidence.AVERAGE, (2, 1), 0.6),
        (Confidence.MAXIMUM, None, 0.9),
        (Confidence.ABSENT_AWARE, (2, 1), 0.6),
        (Confidence.BOX_AND_MODEL, (2, 1), 0.6),
    ],
)
def test_a_box_that_one_of_two_models_sees(confidence, weights, score):
    models = [one([0.1, 0.1, 0.5, 0.5], 0.9), nothing()]
    (cluster,) = weighted_boxes_fusion(models, weights, confidence=confidence)
    assert cluster.score == pytest.approx(score)


def test_labels_are_fused_apart():
    box = [0.1, 0.1, 0.5, 0.5]
    found = weighted_boxes_fusion([one(box, 0.9, 0), one(box, 0.8, 1)])
    assert [cluster.label for cluster in found] == [0, 1]


def test_pixels_are_refused():
    with pytest.raises(ValueError, match=r'parts of the image, from 0 to 1, not pixels'):
        weighted_boxes_fusion([one([10, 10, 50, 50], 0.9)])


@pytest.mark.parametrize('weights', [(1.0,), (1.0, 0.0)])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match='one above 0 for each model'):
        weighted_boxes_fusion([nothing(), nothing()], weights)
    assert weighted_boxes_fusion([nothing(), nothing()]) == []

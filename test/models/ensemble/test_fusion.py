"""Check the fusion of boxes against reference numbers and by hand."""

import json

import numpy as np
import pytest

from actloc_ros.models.ensemble.fusion import (
    Confidence,
    LabelledBoxes,
    Suppression,
    non_maximum_weighted,
    suppress,
    weighted_boxes_fusion,
)


def one(box, score, label=0):
    return LabelledBoxes(np.array([box], float), np.array([score]), np.array([label]))


def nothing():
    return LabelledBoxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))


def test_all_settings_equal_the_reference(shared):
    folder = shared / 'parity2'
    settings = json.loads((folder / 'boxes_fusion_1.json').read_text())['settings']
    arrays = np.load(folder / 'boxes_fusion_1.npz')
    models = [
        LabelledBoxes(*(arrays[f'in_{name}{i}'] for name in ('boxes', 'scores', 'labels')))
        for i in range(3)
    ]
    mine = {
        'nms': suppress(models, Suppression.HARD, 0.5),
        'soft': suppress(models, Suppression.GAUSSIAN, 0.5, 0.5, 0.05),
        'nmw': joined(non_maximum_weighted(models, None, 0.5)),
    }
    for name in settings.keys() - mine.keys():
        given = settings[name]
        found = weighted_boxes_fusion(
            models,
            given.get('weights'),
            given['iou_thr'],
            given.get('skip_box_thr', 0.0),
            Confidence(given.get('conf_type', 'avg')),
            given.get('allows_overflow', False),
        )
        mine[f'wbf_{name}'] = joined(found)
    assert len(mine) == 9
    for name, found in mine.items():
        for part in ('boxes', 'scores', 'labels'):
            wanted = arrays[f'{name}_{part}']
            np.testing.assert_allclose(getattr(found, part), wanted, atol=1e-6, err_msg=name)


def joined(clusters):
    return LabelledBoxes(
        np.array([cluster.box for cluster in clusters]),
        np.array([cluster.score for cluster in clusters]),
        np.array([cluster.label for cluster in clusters]),
    )


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

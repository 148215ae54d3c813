"""Check suppression and voting of segments in time against the reference, and by hand."""

import json

import numpy as np

from actloc_ros.models.segments import Segments, SuppressionOptions, suppress_segments


def test_all_settings_equal_the_reference(shared):
    folder = shared / 'parity2'
    settings = json.loads((folder / 'temporal_nms_1.json').read_text())['settings']
    arrays = np.load(folder / 'temporal_nms_1.npz')
    given = Segments(arrays['in_segments'], arrays['in_scores'], arrays['in_labels'])
    for name, each in settings.items():
        options = SuppressionOptions(
            iou=each['iou_threshold'],
            soft=each['use_soft_nms'],
            sigma=each.get('sigma', 0.5),
            min_score=each['min_score'],
            most=each['max_seg_num'],
            by_label=each['multiclass'],
            voting=each.get('voting_thresh', 0.0),
        )
        found = suppress_segments(given, options)
        np.testing.assert_allclose(found.spans, arrays[f'{name}_segments'], rtol=1e-5)
        np.testing.assert_allclose(found.scores, arrays[f'{name}_scores'], rtol=1e-5)
        np.testing.assert_array_equal(found.labels, arrays[f'{name}_labels'])


def test_no_segments_stay_none():
    nothing = Segments(np.zeros((0, 2)), np.zeros(0), np.zeros(0, int))
    for options in (SuppressionOptions(), SuppressionOptions(by_label=False, voting=0.5)):
        assert len(suppress_segments(nothing, options)) == 0


def test_labels_are_suppressed_apart():
    given = Segments(np.array([[0, 10]] * 3), np.array([0.9, 0.8, 0.7]), np.array([0, 0, 1]))
    found = suppress_segments(given, SuppressionOptions(iou=0.5, soft=False))
    assert found.labels.tolist() == [0, 1]
    np.testing.assert_allclose(found.scores, [0.9, 0.7], rtol=1e-6)


def test_a_lesser_segment_is_dropped_or_lowered():
    given = Segments(
        np.array([[0.0, 10.0], [1.0, 10.0], [20.0, 30.0]]), np.array([0.9, 0.8, 0.7]), np.zeros(3)
    )
    hard = suppress_segments(given, SuppressionOptions(iou=0.5, soft=False))
    assert hard.spans.tolist() == [[0, 10], [20, 30]]
    soft = suppress_segments(given, SuppressionOptions(sigma=0.5))
    assert soft.spans.tolist() == [[0, 10], [20, 30], [1, 10]]
    np.testing.assert_allclose(soft.scores[2], 0.8 * np.exp(-(0.9**2) / 0.5), rtol=1e-5)

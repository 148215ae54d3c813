"""Test detection in time against published code: average precision, recall, suppression, votes."""

from pathlib import Path

import numpy as np
import parity
import pytest

from actloc_ros.evaluation.figures import class_result
from actloc_ros.evaluation.temporal.segment_map import match_segments, recall_at
from actloc_ros.models import segments as in_time
from actloc_ros.truth.segments import Segments

REFERENCES = ('temporal_nms_1', 'temporal_eval_activitynet_1', 'temporal_eval_thumos_1')


@pytest.mark.parametrize('name', REFERENCES)
def test_agrees_with_published_code(shared: Path, name: str) -> None:
    parity.check_file(shared / f'parity2/{name}.json')


def segments(*rows: tuple[str, float, float, float]) -> Segments:
    return Segments(
        np.array([row[0] for row in rows], object),
        np.array([row[1:3] for row in rows], float).reshape(-1, 2),
        np.array([row[3] for row in rows], float),
    )


def average_precision(truth: Segments, found: Segments, overlaps: tuple[float, ...]) -> list[float]:
    hits = match_segments(truth, found, overlaps)
    return [class_result(0, '', len(truth), row, 'envelope').average for row in hits]


def test_a_second_prediction_of_a_truth_is_false() -> None:
    truth = segments(('a', 0, 10, 1), ('b', 0, 10, 1))
    found = segments(('a', 0, 10, 0.9), ('a', 0, 9, 0.8), ('b', 0, 6, 0.7))
    assert average_precision(truth, found, (0.5, 0.7)) == pytest.approx([5 / 6, 0.5])
    np.testing.assert_allclose(recall_at(truth, found, (0.5, 0.7), (1,)), [[1.0], [0.5]])


def test_without_predictions_it_is_zero() -> None:
    assert average_precision(segments(('a', 0, 1, 1)), segments(), (0.5,)) == [0.0]


def test_segments_without_length_overlap_nothing() -> None:
    found = segments(('a', 2, 2, 0.9), ('a', 0, 1, 0.8))
    assert average_precision(segments(('a', 0, 1, 1), ('a', 2, 2, 1)), found, (0.5,)) == [0.25]


@pytest.mark.parametrize('soft', [False, True])
def test_labels_are_suppressed_apart(soft: bool) -> None:
    spans, scores = np.array([[0, 10], [1, 10], [0, 10]]), np.array([0.9, 0.8, 0.7])
    found = in_time.Segments(spans, scores, np.array([0, 0, 1]))
    left = in_time.suppress_segments(found, in_time.SuppressionOptions(soft=soft, iou=0.5))
    assert left.scores[0] == pytest.approx(0.9)
    assert left.scores[1] == pytest.approx(0.7)
    assert left.labels[:2].tolist() == [0, 1]
    assert len(left) == (3 if soft else 2)


def test_nothing_gives_nothing() -> None:
    empty = in_time.Segments(np.zeros((0, 2)), np.zeros(0), np.zeros(0, int))
    for by_label in (True, False):
        found = in_time.suppress_segments(empty, in_time.SuppressionOptions(by_label=by_label))
        assert [len(part) for part in (found.spans, found.scores, found.labels)] == [0, 0, 0]

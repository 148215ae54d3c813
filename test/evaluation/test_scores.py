"""Check average precision, overlaps and matching on cases that can be computed by hand."""

import numpy as np
import pytest

from actloc_ros.boxes import paired_iou
from actloc_ros.evaluation.matching import match_boxes, match_pairs
from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.evaluation.precision import AVERAGES, precision_recall
from actloc_ros.truth.boxes import Tube

# Four things to find; right, wrong, right, right, wrong: precision 1, 1/2, 2/3, 3/4, 3/5 at
# recall 1/4, 1/4, 1/2, 3/4, 3/4.
HITS = np.array([True, False, True, True, False])


@pytest.mark.parametrize(
    ('average', 'hits', 'truths', 'expected'),
    [
        ('envelope', HITS, 4, (1 + 3 / 4 + 3 / 4) / 4),
        # recall 0, 0.1, 0.2 have best precision 1; 0.3 … 0.7 have 3/4; 0.8, 0.9, 1 have 0
        ('11-point', HITS, 4, (3 * 1 + 5 * 3 / 4) / 11),
        ('trapezoid', HITS, 4, (1 + (1 / 2 + 2 / 3) / 2 + (2 / 3 + 3 / 4) / 2) / 4),
        # three of ten: recall 0.3 counts, though 3 * 0.1 > 0.3 in floating point
        ('11-point', np.ones(3, bool), 10, 4 / 11),
        ('trapezoid', np.array([False, True]), 1, 1 * (0 + 1 / 2) / 2),
    ],
)
def test_average_precision_by_hand(average, hits, truths, expected):
    assert AVERAGES[average](*precision_recall(hits, truths)) == pytest.approx(expected)


@pytest.mark.parametrize('average', AVERAGES)
def test_average_precision_of_all_none_and_nothing(average):
    assert AVERAGES[average](*precision_recall(np.ones(3, bool), 3)) == pytest.approx(1)
    assert AVERAGES[average](*precision_recall(np.zeros(3, bool), 3)) == 0
    assert AVERAGES[average](*precision_recall(np.zeros(0, bool), 3)) == 0


def test_a_pixel_more_changes_the_overlap():
    first, second = np.array([0.0, 0, 9, 9]), np.array([5.0, 0, 14, 9])
    assert paired_iou(first, second, 0) == pytest.approx(4 * 9 / (81 + 81 - 36))
    assert paired_iou(first, second, 1) == pytest.approx(5 * 10 / (100 + 100 - 50))
    assert paired_iou(first, first + 20, 1) == 0
    assert paired_iou(np.zeros(4), np.zeros(4), 0) == 0


def tube(start, end, shift=0.0, step=1):
    frames = np.arange(start, end, step)
    boxes = np.tile([shift, 0.0, shift + 10, 10], (len(frames), 1))
    return Tube(0, 0, frames, boxes)


def test_tube_overlap_is_mean_spatial_times_temporal():
    assert tube_iou(tube(0, 10), tube(0, 10), 0) == pytest.approx(1)
    assert tube_iou(tube(0, 10), tube(5, 15), 0) == pytest.approx(5 / 15)
    assert tube_iou(tube(0, 10), tube(0, 10, shift=5), 0) == pytest.approx(1 / 3)
    assert tube_iou(tube(0, 10), tube(5, 15, shift=5), 0) == pytest.approx(1 / 3 * 5 / 15)
    assert tube_iou(tube(0, 10), tube(10, 20), 0) == 0
    assert tube_iou(tube(0, 10), tube(0, 10, step=2), 0) == pytest.approx(5 / 10)


# Two detections near both truths: the first takes B; the second overlaps B most, A less.
A, B = [0.0, 0, 10, 10], [2.0, 0, 12, 10]
NEAR_B = [[2.0, 0, 12, 10], [1.5, 0, 11.5, 10]]


@pytest.mark.parametrize(('second_choice', 'expected'), [(False, [1, 0]), (True, [1, 1])])
def test_whether_a_detection_takes_what_is_left(second_choice, expected):
    zero = np.zeros(2, np.int64)
    right = match_boxes(
        zero, np.array(NEAR_B), zero, np.array([A, B]), 0.5, 0.0, second_choice=second_choice
    )
    assert right.astype(int).tolist() == expected


def test_of_equal_overlaps_the_first_truth_is_taken():
    pairs = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.7, 0.7, 0.9])
    assert match_pairs(2, *pairs, truths=2, second_choice=False).tolist() == [True, False]


def test_boxes_of_other_frames_do_not_count():
    box = np.array([A])
    right = match_boxes(np.array([1]), box, np.array([2]), box, 0.5, 0.0, second_choice=True)
    assert right.tolist() == [False]

"""Test arithmetic of boxes on cases that can be computed by hand."""

import numpy as np
import pytest

from actloc_ros.boxes import area, clip, has_area, intersection, paired_iou


def test_a_pixel_more_changes_area_and_intersection():
    first, second = np.array([0.0, 0, 9, 9]), np.array([5.0, 0, 14, 9])
    assert area(first) == 81
    assert area(first, 1) == 100
    assert intersection(first, second) == 4 * 9
    assert intersection(first, second, 1) == 5 * 10
    assert intersection(first, first + 20, 1) == 0


def test_functions_broadcast_to_all_pairs():
    first = np.array([[0.0, 0, 2, 2], [0, 0, 4, 1]])
    second = np.array([[0.0, 0, 2, 2], [1, 1, 3, 3], [9, 9, 9, 9]])
    expected = [[1, 1 / 7, 0], [2 / 6, 0, 0]]
    assert paired_iou(first[:, None], second[None]) == pytest.approx(np.array(expected))


def test_boxes_are_cut_at_the_edge_and_those_outside_have_no_area():
    boxes = np.array([[-3.0, 2, 5, 90], [30, 1, 50, 5], [40, 1, 50, 5]])
    inside = clip(boxes, 40, 20)
    assert inside.tolist() == [[0, 2, 5, 20], [30, 1, 40, 5], [40, 1, 40, 5]]
    assert has_area(inside).tolist() == [True, True, False]

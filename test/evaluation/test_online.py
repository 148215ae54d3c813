"""Compare evaluations of online detection with published code's results, and by hand."""

from pathlib import Path

import numpy as np
import parity
import pytest

from actloc_ros.evaluation.temporal.online_frames import (
    calibrated_average_precision,
    frame_average_precision,
    stage_frames,
)
from actloc_ros.evaluation.temporal.online_starts import (
    match_starts,
    point_average_precision,
    starts_of_frames,
)


@pytest.mark.parametrize('name', ['online_frames_1', 'online_frames_thumos', 'online_starts_1'])
def test_agrees_with_published_code(shared: Path, name: str) -> None:
    parity.check_file(shared / f'parity2/{name}.json')


def test_precision_by_hand() -> None:
    present, scores = np.array([1, 0, 0, 1], bool), np.array([0.9, 0.8, 0.7, 0.6])
    assert frame_average_precision(present, scores) == pytest.approx((1 + 2 / 4) / 2)
    assert calibrated_average_precision(present, scores) == pytest.approx((1 + 2 / 4) / 2)
    once = np.array([1, 0, 0, 0], bool)
    assert frame_average_precision(once, -scores) == pytest.approx(1 / 4)
    assert calibrated_average_precision(once, -scores) == pytest.approx(1 / 2)


def test_frames_of_equal_scores_count_at_once() -> None:
    assert frame_average_precision(np.array([1, 0], bool), np.ones(2)) == 0.5


def test_without_the_action_there_is_no_precision() -> None:
    for measure in (frame_average_precision, calibrated_average_precision):
        assert np.isnan(measure(np.zeros(3, bool), np.ones(3)))
        assert np.isnan(measure(np.zeros(0, bool), np.ones(0)))
    assert calibrated_average_precision(np.ones(3, bool), np.ones(3)) == 1.0


def test_each_stage_has_its_tenth_and_all_other_frames() -> None:
    present = np.zeros(30, bool)
    present[[5, *range(9, 30)]] = True
    kept = np.array(list(stage_frames(present)))
    assert kept.shape == (10, 30)
    assert kept[:, ~present].all()
    assert kept[:, 5].all()
    assert [np.flatnonzero(row[9:]).tolist() for row in kept[[0, 9]]] == [[0, 1], [18, 19]]


def test_an_action_starts_where_it_becomes_the_best() -> None:
    best = [1, 1, 0, 2, 1]
    scores = 0.5 * np.eye(3)[best]
    starts = starts_of_frames(scores)
    assert np.argwhere(starts).tolist() == [[0, 1], [3, 2], [4, 1]]
    assert starts.max() == 0.5


def test_only_the_nearest_start_counts() -> None:
    true, of = np.array([10.0, 14.0, 10.0]), np.array(['a', 'a', 'b'])
    found = np.array([11.0, 11.5, 13.0, 9.0, 10.0])
    videos = np.array(['a', 'a', 'a', 'b', 'c'])
    hits = match_starts(found, videos, true, of, 3.0)
    assert hits.tolist() == [True, False, True, True, False]
    assert match_starts(found, videos, true, of, 0.5).tolist() == [False] * 5
    assert point_average_precision(hits, 3) == pytest.approx((4 + 7 * 3 / 4) / 11)
    assert np.isnan(point_average_precision(hits[:0], 0))

"""Scores that become chances, and figures by label."""

import numpy as np
import pytest
import torch

from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.skeleton_n.calibrate import (
    Calibration,
    calibrate,
    fit_line,
    fold,
    lowest_threshold,
)
from actloc_ros.training.skeleton_n.evaluate import falls
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES
from actloc_ros.training.skeleton_n.measure import (
    Event,
    Scored,
    average_precision,
    events,
    figures,
    posture_figures,
    sigmoid,
)
from actloc_ros.training.skeleton_n.motion_data import Footage


def scored(label, logits, yes):
    """Return frames of which one label is known."""
    targets = np.full((len(yes), len(LABELS)), UNKNOWN, np.uint8)
    targets[:, INDEX[label]] = np.where(yes, YES, NO)
    values = np.full((len(yes), len(LABELS)), -9.0, np.float32)
    values[:, INDEX[label]] = logits
    return Scored(values, targets, np.zeros(len(yes), int))


def overconfident(count=4000):
    """Return logits that are twice as large as they should be, and shifted."""
    rng = np.random.default_rng(0)
    true = rng.normal(-1, 2, count)
    return 1.6 * true + 1, rng.random(count) < sigmoid(true)


def test_line_is_found():
    logits, yes = overconfident()
    slope, shift = fit_line(logits, yes, np.ones(len(yes)))
    chances = sigmoid(slope * logits + shift)
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        rows = (chances >= low) & (chances < high)
        assert yes[rows].mean() == pytest.approx(chances[rows].mean(), abs=0.06)


def test_weak_label_gets_a_higher_threshold():
    chances = np.array([0.9, 0.8, 0.7, 0.6, 0.55])
    yes = np.array([True, True, False, False, False])
    assert lowest_threshold(chances, yes, np.ones(5), 0.5) == pytest.approx(0.6)
    assert lowest_threshold(chances, yes, np.ones(5), 0.95) == pytest.approx(0.75)


def test_labels_without_examples_stay_as_they_are():
    logits, yes = overconfident()
    found = calibrate([(scored('falling', logits, yes), 1.0)], 0.5)
    assert found.slopes[INDEX['falling']] < 0.9
    assert found.slopes[INDEX['waving']] == 1
    assert found.shifts[INDEX['waving']] == 0


def test_folded_network_gives_calibrated_logits():
    torch.manual_seed(0)
    net = SkeletonNet(len(LABELS), width=8, layers=1).eval()
    features, elapsed = torch.randn(3, FEATURES), torch.full((3,), 0.1)
    rng = np.random.default_rng(0)
    line = Calibration(rng.uniform(0.5, 2, len(LABELS)), rng.normal(size=len(LABELS)), np.ones(1))
    with torch.no_grad():
        before, _ = net.step(features, elapsed, net.initial_state(3))
        fold(net, line)
        after, _ = net.step(features, elapsed, net.initial_state(3))
    np.testing.assert_allclose(after, before.numpy() * line.slopes + line.shifts, atol=1e-5)


def test_figures_count_what_is_known():
    part = scored('waving', np.array([3.0, -3, 3, -3]), np.array([True, True, False, False]))
    row = figures(part, np.full(len(LABELS), 0.5))[INDEX['waving']]
    assert (row.frames, row.precision, row.recall) == (2, 0.5, 0.5)
    other = figures(part, np.full(len(LABELS), 0.5))[INDEX['falling']]
    assert other.frames == 0
    assert np.isnan(other.recall)


def test_average_precision():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(scores, np.array([1, 0, 1, 0], bool)) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(average_precision(scores, np.zeros(4, bool)))


def test_posture_is_the_likeliest_of_those_reported():
    part = scored('sitting', np.array([2.0, -3, 2]), np.array([True, True, True]))
    part.logits[2, INDEX['lying']] = 4
    part.targets[2, INDEX['lying']] = NO
    found = posture_figures(part, np.full(len(LABELS), 0.5))
    assert (found.frames, found.said, found.right) == (3, pytest.approx(2 / 3), 0.5)


def test_events_take_two_frames_and_hold_through_gaps():
    times = np.arange(0, 4, 0.1)
    chances = np.zeros(40)
    chances[5] = 0.9  # alone: no event
    chances[10:13] = 0.8
    chances[16:18] = 0.8
    chances[20] = np.nan
    chances[35:37] = 0.7
    found = events(times, chances, 0.5)
    assert found == [
        Event(pytest.approx(1.1), pytest.approx(1.7)),
        Event(pytest.approx(3.6), pytest.approx(3.6)),
    ]


def test_falls_are_counted_once_and_the_rest_are_false_alarms():
    targets = np.full((40, len(LABELS)), UNKNOWN, np.uint8)
    clips = [
        Footage(
            name, 'someone', 'test', (640, 480), np.arange(40) / 10, np.zeros((40, 17, 3)),
            np.zeros((40, 4)), np.ones(40, bool), targets,
        )
        for name in ('fall', 'quiet', 'missed')
    ]  # fmt: skip
    scores = np.zeros((3, 40))
    scores[:2, 20:25] = 0.9
    text = falls(clips, list(scores), {'fall': (1.8, 3.0), 'missed': (1.0, 2.0)}, 0.5)
    assert 'found 1 of 2, onset error 0.30 s' in text
    assert 'false alarms 1 in 12 s = 307.7 an hour' in text

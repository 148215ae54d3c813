"""Noise as pose networks have it."""

import numpy as np

from actloc_ros.models.skeleton_n.features import JOINTS, MIN_CONFIDENCE, Joint
from actloc_ros.training.skeleton_n.noise import degrade

TRACKS, MOMENTS, UNIT = 200, 40, 60.0


def spoiled(strength=1.0, hard=0.0, rate=10.0, visible=True, seed=0):
    """Return exact places and what is reported of people who keep still."""
    xy = np.random.default_rng(1).uniform(100, 400, (TRACKS, 1, JOINTS, 2)).astype(np.float32)
    xy = np.repeat(xy, MOMENTS, axis=1)
    seen = degrade(
        np.random.default_rng(seed),
        xy,
        np.full(TRACKS, UNIT, np.float32),
        np.full((TRACKS, MOMENTS, JOINTS), visible),
        np.full((TRACKS, MOMENTS), hard, np.float32),
        np.full((TRACKS, MOMENTS), 1 / rate),
        strength,
    )
    return xy, seen


def errors(xy, seen):
    """Return errors in trunks (N, T, 17), NaN where joints are missing."""
    away = np.linalg.norm(seen.joints[..., :2] - xy, axis=-1) / UNIT
    return np.where(seen.joints[..., 2] >= MIN_CONFIDENCE, away, np.nan)


def test_errors_are_about_what_was_measured():
    away = errors(*spoiled())
    wrists = away[..., Joint.LEFT_WRIST]
    assert 0.03 < np.nanmedian(wrists) < 0.12
    assert np.nanmedian(away[..., Joint.NOSE]) < np.nanmedian(away[..., Joint.LEFT_ANKLE])
    assert 0.005 < np.nanmean(away > 0.5) < 0.12


def test_hands_and_feet_go_missing_first():
    _, seen = spoiled()
    missing = (seen.joints[..., 2] < MIN_CONFIDENCE).mean(axis=(0, 1))
    assert missing[Joint.LEFT_ANKLE] > missing[Joint.LEFT_SHOULDER]
    assert missing[Joint.LEFT_WRIST] > missing[Joint.LEFT_HIP]
    assert 0.1 < missing[Joint.LEFT_ANKLE] < 0.4


def test_confidence_tells():
    xy, seen = spoiled()
    away, confidence = errors(xy, seen), seen.joints[..., 2]
    high, low = confidence > 0.75, (confidence >= MIN_CONFIDENCE) & (confidence < 0.4)
    assert np.nanmean(away[high] < 0.2) > np.nanmean(away[low] < 0.2) + 0.2


def test_of_those_who_lie_some_are_found_with_hardly_a_joint():
    _, hard = spoiled(hard=1.0)
    known = (hard.joints[..., 2] >= MIN_CONFIDENCE).mean(axis=(1, 2))
    assert np.quantile(known, 0.1) < 0.5
    assert np.quantile(known, 0.9) > 0.75


def test_lying_is_worse():
    easy, hard = spoiled(hard=0.0), spoiled(hard=1.0)
    assert np.nanmedian(errors(*hard)) > 1.3 * np.nanmedian(errors(*easy))
    assert hard[1].found.mean() < easy[1].found.mean() - 0.05


def test_losses_last_as_long_at_any_rate():
    lasting = []
    for rate in (5.0, 25.0):
        _, seen = spoiled(hard=1.0, rate=rate)
        gone = ~seen.found
        changes = (gone[:, 1:] != gone[:, :-1]).mean()
        lasting.append(gone.mean() / changes / rate)
    assert 0.5 < lasting[0] / lasting[1] < 2.0


def test_hidden_joints_are_seldom_reported():
    _, seen = spoiled(visible=False)
    assert 0.05 < (seen.joints[..., 2] >= MIN_CONFIDENCE).mean() < 0.35


def test_no_strength_no_harm():
    xy, seen = spoiled(strength=0.0)
    np.testing.assert_allclose(np.linalg.norm(seen.joints[..., :2] - xy, axis=-1), 0, atol=5)
    assert seen.found.all()

"""Projection of joints into images."""

import math

import numpy as np
import pytest

from actloc_ros.synth.camera import rotation_of
from actloc_ros.training.skeleton_n.cameras import (
    HIGHEST,
    LOWEST,
    OUTLINE_JOINTS,
    View,
    outline,
    random_view,
    rotations_of,
)


def level_view(bulge=0.0):
    """Return a camera at 1 m height that looks along x."""
    return View((640, 480), 500.0, rotations_of(np.zeros((1, 3))), np.array([[0, 0, 1.0]]), bulge)


def project(view, point):
    pixels, depth = view.project(np.array(point, float).reshape(1, 1, 1, 3))
    return pixels[0, 0, 0], depth[0, 0, 0]


def test_point_ahead_is_in_the_middle():
    pixels, depth = project(level_view(), (4, 0, 1))
    np.testing.assert_allclose(pixels, [319.5, 239.5])
    assert depth == pytest.approx(4)


def test_left_is_left_and_up_is_up():
    pixels, _ = project(level_view(), (4, 0.4, 1.2))
    np.testing.assert_allclose(pixels, [319.5 - 500 * 0.1, 239.5 - 500 * 0.05])


def test_what_is_behind_has_no_positive_depth():
    assert project(level_view(), (-2, 0, 1))[1] < 0


def test_barrel_draws_the_borders_in():
    straight, _ = project(level_view(), (2, 1, 1))
    bent, _ = project(level_view(-0.2), (2, 1, 1))
    assert straight[0] < bent[0] < 319.5


def test_rotations_equal_those_of_the_synthetic_camera():
    angles = np.array([[0.3, 0.2, -0.1], [-2.0, 0.9, 0.4]])
    expected = [rotation_of(*row) for row in angles.tolist()]
    np.testing.assert_allclose(rotations_of(angles), expected, atol=1e-12)


def test_random_cameras_have_the_target_in_view_and_keep_their_limits():
    target = np.array([1.0, 2.0, 0.9])
    inside, pitches = [], []
    for seed in range(60):
        view = random_view(np.random.default_rng(seed), target, np.zeros(1))
        (x, y), depth = project(view, target)
        assert depth > 0.5
        assert 0.3 <= view.positions[0, 2] <= 3.2
        pitches.append(math.asin(-view.rotations[0, 2, 2]))
        inside.append(0 <= x < view.size[0] and 0 <= y < view.size[1])
    assert np.mean(inside) > 0.85
    assert min(pitches) > LOWEST - 0.1
    assert max(pitches) < HIGHEST + 0.1


def test_outline_reaches_beyond_the_joints():
    joints = np.zeros((17, 3))
    joints[[3, 4], 2], joints[[5, 6], 2] = 1.6, 1.4
    joints[[13, 14], 2], joints[[15, 16], 2] = 0.5, 0.1
    points = outline(joints)
    assert len(points) == len(OUTLINE_JOINTS)
    assert points[:, 2].max() == pytest.approx(1.73)
    assert points[[19, 21], 2].tolist() == pytest.approx([0.01, 0.01])

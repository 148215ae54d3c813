"""Motions that are made: bodies keep their bones, feet stay on the ground, labels fit."""

import numpy as np
import pytest

from actloc_ros.models.skeleton_n.features import HIPS, SHOULDERS, Joint
from actloc_ros.synth.looks import make_body
from actloc_ros.synth.motions import make_style, stand
from actloc_ros.training.skeleton_n.bodies import heading_of, join_motions, pose_joints, turned
from actloc_ros.training.skeleton_n.labels import INDEX, YES
from actloc_ros.training.skeleton_n.made.behaviours import BEHAVIOURS, make_motion
from actloc_ros.training.skeleton_n.made.gestures import GESTURE_ARMS
from actloc_ros.training.skeleton_n.made.poses import idle
from actloc_ros.training.skeleton_n.made.script import Script, soften
from actloc_ros.training.skeleton_n.synthetic import RATE, make_scene

BONES = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16))


def standing(seed=0, frames=20):
    rng = np.random.default_rng(seed)
    body, style = make_body(rng), make_style(rng)
    poses = np.array([stand(style, index / 30) for index in range(frames)])
    return pose_joints(body, poses, np.zeros((frames, 2)), np.zeros(frames))


def lengths(joints):
    return np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=1) for a, b in BONES], axis=1)


def test_standing_body_has_its_parts_in_place():
    joints = standing()[0]
    assert joints[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 2].max() < 0.15
    assert joints[Joint.NOSE, 2] > joints[SHOULDERS, 2].max() > joints[HIPS, 2].max()
    assert joints[Joint.LEFT_SHOULDER, 1] > joints[Joint.RIGHT_SHOULDER, 1]
    assert joints[Joint.LEFT_EAR, 1] > joints[Joint.LEFT_EYE, 1]
    assert joints[Joint.NOSE, 0] > joints[Joint.LEFT_EAR, 0]


def test_heading_turns_with_the_body():
    joints = standing()[0]
    assert heading_of(joints) == pytest.approx(0, abs=0.1)
    assert heading_of(turned(joints, 1.0)) == pytest.approx(1.0 + heading_of(joints), abs=1e-4)


@pytest.mark.parametrize('kind', ['fall', 'lie_down', 'fall_from_seat'])
def test_who_falls_or_lies_down_ends_low_and_on_the_ground(kind):
    for seed in range(4):
        script = Script(np.random.default_rng(seed))
        idle(script)
        BEHAVIOURS[kind](script)
        motion = script.motion('made')
        lying = motion.targets[:, INDEX['lying']] == YES
        before = {'lie_down': 'lying_down'}.get(kind, 'falling')
        assert lying.any()
        assert (motion.targets[:, INDEX[before]] == YES).any()
        trunk = motion.joints[lying][:, SHOULDERS].mean(1) - motion.joints[lying][:, HIPS].mean(1)
        share = np.abs(trunk[:, 2]) / np.linalg.norm(trunk, axis=1)
        assert np.median(share) < 0.45
        assert motion.joints[..., 2].min() > -0.02
        if kind == 'fall':
            assert motion.joints[lying][:, HIPS, 2].max() < 0.6


def test_falls_take_as_long_as_falls_take():
    seconds = []
    for seed in range(12):
        script = Script(np.random.default_rng(100 + seed))
        BEHAVIOURS['fall'](script)
        targets = np.array(script.rows)
        seconds.append((targets[:, INDEX['falling']] == YES).sum() / 30)
    assert min(seconds) > 0.4
    assert max(seconds) < 3.0


@pytest.mark.parametrize('kind', list(BEHAVIOURS))
def test_bones_keep_their_lengths(kind):
    script = Script(np.random.default_rng(3))
    BEHAVIOURS[kind](script)
    measured = lengths(script.motion('made').joints)
    np.testing.assert_allclose(measured, np.broadcast_to(measured[:1], measured.shape), atol=1e-4)


def test_each_gesture_has_its_label():
    found = set()
    for seed in range(40):
        script = Script(np.random.default_rng(seed))
        BEHAVIOURS['gesture'](script)
        rows = np.array(script.rows)
        found |= {
            name for name in GESTURE_ARMS if name != 'busy' and (rows[:, INDEX[name]] == YES).any()
        }
    assert found == set(GESTURE_ARMS) - {'busy'}


def test_joined_motion_goes_on_where_the_captured_one_ends():
    captured = turned(standing(1), 0.7) + np.array([3, -2, 0], np.float32)
    script = Script(np.random.default_rng(5))
    BEHAVIOURS['sit'](script)
    made = script.motion('made').joints
    joined = join_motions(captured, made, 12)
    assert len(joined) == len(captured) + len(made)
    np.testing.assert_array_equal(joined[: len(captured)], captured)
    jump = np.linalg.norm(np.diff(joined, axis=0), axis=-1).max(axis=1)
    assert jump[len(captured) - 1] < 0.05
    measured = lengths(joined)
    np.testing.assert_allclose(measured[-1], measured[0], atol=1e-3)


def test_made_motions_are_the_same_for_a_seed():
    captured = [standing(2, 60)]
    one = make_motion(np.random.default_rng(9), 'x', captured)
    other = make_motion(np.random.default_rng(9), 'x', captured)
    np.testing.assert_array_equal(one.joints, other.joints)
    np.testing.assert_array_equal(one.targets, other.targets)


def test_changes_of_labels_are_soft():
    targets = np.zeros((10, 1), np.uint8)
    targets[5:] = YES
    assert soften(targets, 2)[:, 0].tolist() == [0, 0, 0, 2, 2, 2, 2, 1, 1, 1]


def test_scene_has_people_over_the_same_time():
    scene = make_scene(4, 3.0)
    assert len(scene.motions) >= 2
    assert {motion.joints.shape for motion in scene.motions} == {(round(3 * RATE), 17, 3)}
    assert any((motion.targets == YES).any() for motion in scene.motions)

"""Falls by physics: bones keep their lengths, nobody sinks or flies, labels fit what happens."""

import numpy as np
import pytest

from actloc_ros.models.skeleton_n.features import HIPS, SHOULDERS
from actloc_ros.synth.looks import make_body
from actloc_ros.synth.motions import make_style, stand
from actloc_ros.training.skeleton_n.bodies import pose_joints
from actloc_ros.training.skeleton_n.labels import INDEX, YES
from actloc_ros.training.skeleton_n.made.physical import make_falls
from actloc_ros.training.skeleton_n.made.ragdoll import BONES, Upset, fall

RATE = 30.0
LIMBS = BONES[10:]


@pytest.fixture(scope='module')
def falls():
    return make_falls(np.random.default_rng(4), 'x', [standing(frames=40)], 12)


def standing(seed=0, frames=1):
    rng = np.random.default_rng(seed)
    poses = np.array([stand(make_style(rng), index / RATE) for index in range(frames)])
    return pose_joints(make_body(rng), poses, np.zeros((frames, 2)), np.zeros(frames))


def pushed(tone, push, frames=75):
    """Let a standing body fall forwards."""
    start = standing().astype(float)
    speed = push * np.array([1.0, 0, 0]) * start[..., 2:] / 1.7
    one = np.ones(1)
    upset = Upset(tone * one, 2.0 * one, one, 0.5 * one, 0 * one)
    return fall(start, speed, upset, frames, RATE)[0]


def seconds_to_fall(joints):
    return np.flatnonzero(joints[:, SHOULDERS, 2].mean(axis=1) < 0.4)[0] / RATE


def test_who_is_pushed_falls_where_the_push_goes():
    joints = pushed(tone=1.0, push=1.0)
    assert 0.4 < seconds_to_fall(joints) < 2.0
    assert joints[-1, SHOULDERS, 0].mean() > joints[0, SHOULDERS, 0].mean() + 0.5


def test_a_faint_is_faster_than_a_stiff_fall():
    assert seconds_to_fall(pushed(tone=0.0, push=0.5)) < seconds_to_fall(pushed(1.0, 0.5))


def test_bones_keep_their_lengths_and_nobody_sinks_or_flies(falls):
    for motion in falls:
        lengths = np.stack(
            [np.linalg.norm(motion.joints[:, a] - motion.joints[:, b], axis=1) for a, b in LIMBS]
        )
        assert (lengths.std(axis=1) / lengths.mean(axis=1)).max() < 0.12
        assert motion.joints[..., 2].min() > -0.1
        assert motion.joints[..., 2].max() < 2.2


def test_labels_say_what_happens(falls):
    lying = 0
    for motion in falls:
        falling = np.flatnonzero(motion.targets[:, INDEX['falling']] == YES)
        rest = np.flatnonzero(motion.targets[:, INDEX['lying']] == YES)
        assert len(falling)
        assert np.diff(falling).max(initial=1) == 1
        lying += len(rest) > 0
        if len(rest):
            assert rest[0] > falling[-1]
            assert motion.joints[rest][:, HIPS, 2].mean() < 0.45
    assert lying > len(falls) / 2


def test_the_same_seed_makes_the_same_falls(falls):
    again = make_falls(np.random.default_rng(4), 'x', [standing(frames=40)], 12)
    assert all(np.array_equal(a.joints, b.joints) for a, b in zip(falls, again, strict=True))
    assert len({motion.name for motion in again}) == 12

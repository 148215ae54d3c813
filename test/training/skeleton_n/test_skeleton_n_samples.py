"""Examples that are drawn: the same for a seed, finite, with people who can be seen."""

import numpy as np
import pytest

from actloc_ros.models.skeleton_n.features import FEATURES, SLICES
from actloc_ros.training.skeleton_n.bank import PACKED, batches, draw_bank, load_bank
from actloc_ros.training.skeleton_n.labels import INDEX, LABELS, NO, UNKNOWN, YES
from actloc_ros.training.skeleton_n.library import Library
from actloc_ros.training.skeleton_n.made.behaviours import make_motion
from actloc_ros.training.skeleton_n.motion_data import Footage
from actloc_ros.training.skeleton_n.pictures import SLOTS
from actloc_ros.training.skeleton_n.samples import Sampler, nearest_frames, whole_clips
from actloc_ros.training.skeleton_n.synthetic import make_scene

MOMENTS = 24


def real_clip():
    """Return footage of somebody who sits still, half of the time labelled."""
    rng = np.random.default_rng(0)
    xy = rng.uniform([200, 100], [300, 400], (1, 17, 2)) + rng.normal(0, 1, (60, 17, 2))
    joints = np.concatenate([xy, np.full((60, 17, 1), 0.8)], axis=-1).astype(np.float32)
    targets = np.full((60, len(LABELS)), NO, np.uint8)
    targets[30:, INDEX['sitting']] = YES
    return Footage(
        'clip', 'someone', 'test', (640, 480), np.arange(60) / 15, joints,
        np.full((60, 4), np.nan, np.float32), np.ones(60, bool), targets,
    )  # fmt: skip


@pytest.fixture(scope='module')
def library():
    made = [make_motion(np.random.default_rng(seed), 'x') for seed in range(4)]
    return Library(made[:2], made[2:], [make_scene(1, 4.0)], [real_clip()])


@pytest.fixture(scope='module')
def sampler(library):
    shares = {'captured': 1.0, 'made': 1.0, 'scenes': 1.0, 'footage': 1.0}
    return Sampler(library, shares, MOMENTS)


def test_examples_are_finite_and_shaped(sampler):
    examples = sampler.draw(np.random.default_rng(0), 16)
    assert examples.features.shape == (16, SLOTS, MOMENTS, FEATURES)
    assert np.isfinite(examples.features).all()
    assert examples.present.mean() > 0.2
    assert (examples.targets[~examples.present] == UNKNOWN).all()
    assert not examples.features[~examples.present].any()


def test_the_same_seed_gives_the_same(sampler):
    one, other = (sampler.draw(np.random.default_rng(5), 6) for _ in range(2))
    for part in ('features', 'elapsed', 'present', 'targets'):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_rates_are_those_of_cameras(sampler):
    examples = sampler.draw(np.random.default_rng(1), 40)
    # A track that goes on: what has passed since its last frame, where it was in that frame.
    going = examples.present[..., 1:] & examples.present[..., :-1]
    steps = examples.elapsed[..., 1:][going]
    assert steps.min() > 0.02
    assert steps.max() < 1.5
    assert 0.03 < np.median(steps) < 0.2


def test_people_in_one_image_are_each_others_neighbours(sampler):
    examples = sampler.draw(np.random.default_rng(2), 40)
    together = examples.present.sum(axis=1) > 1
    beside = examples.features[..., SLICES['neighbours']].any(axis=-1).any(axis=1)
    assert beside[together].mean() > 0.5
    assert not beside[examples.present.sum(axis=1) == 1].any()


def test_crossing_is_known_before_the_scenes_own_camera_alone(library):
    captured = Sampler(library, {'captured': 1.0}, MOMENTS).draw(np.random.default_rng(0), 8)
    assert (captured.targets[..., INDEX['crossing']] == UNKNOWN).all()
    scenes = Sampler(library, {'scenes': 1.0}, MOMENTS).draw(np.random.default_rng(0), 12)
    assert (scenes.targets[..., INDEX['crossing']] != UNKNOWN).any()


def test_nearest_frames():
    times = np.array([0.0, 0.1, 0.3])
    assert nearest_frames(times, np.array([-1, 0.04, 0.06, 0.19, 0.21, 5])).tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
    ]


def test_whole_clips_end_when_the_motion_does(library):
    motions = library.made
    examples = whole_clips(motions, 0, 10.0)
    for index, motion in enumerate(motions):
        last = np.flatnonzero(examples.present[index, 0]).max()
        assert last <= len(motion.joints) / motion.rate * 10
    assert not examples.present[:, 1:].any()


def test_bank_keeps_what_was_drawn(sampler, tmp_path):
    draw_bank(tmp_path / 'bank', sampler, 3, 2, 4)
    bank = load_bank(tmp_path / 'bank')
    assert len(bank) > 0
    part = next(batches(bank, np.random.default_rng(0), 2, np.full(len(bank), 1 / len(bank))))
    assert part.features.shape == (2, round(PACKED * MOMENTS), FEATURES)
    assert (np.diff(part.present.astype(int), axis=1) <= 0).all()
    with pytest.raises(ValueError, match='no examples'):
        load_bank(tmp_path)

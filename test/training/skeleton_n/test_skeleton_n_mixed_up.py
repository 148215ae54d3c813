"""People who overlap are mixed up as trackers do, and nobody else is."""

import numpy as np

from actloc_ros.training.skeleton_n.mixed_up import mix_up

GROUPS, MOMENTS = 60, 20


def two_people(apart, seed=0):
    """Mix up two people `apart` pixels from each other; return boxes, present and names."""
    times = np.repeat(np.arange(MOMENTS)[None] / 10, GROUPS, axis=0)
    boxes = np.zeros((GROUPS, 2, MOMENTS, 4))
    boxes[:, 0] = [100, 100, 200, 300]
    boxes[:, 1] = [100 + apart, 100, 200 + apart, 300]
    present = np.ones((GROUPS, 2, MOMENTS), bool)
    present[:, 1, :5] = False
    names = np.zeros((GROUPS, 2, MOMENTS, 1), np.uint8)
    names[:, 1] = 1
    mix_up(np.random.default_rng(seed), times, boxes, [present, names])
    return boxes, present, names


def test_people_apart_stay_themselves():
    _, present, names = two_people(apart=150)
    assert not names[:, 0].any()
    assert present[:, 0].all()
    assert not present[:, 1, :5].any()


def test_some_who_overlap_are_exchanged_whole_for_a_while_or_for_good():
    boxes, present, names = two_people(apart=40)
    changed = names[:, 0, :, 0] == 1
    assert 0.2 < changed.any(axis=1).mean() < 0.8
    for_good, again = changed[:, -1], changed.any(axis=1) & ~changed[:, -1]
    assert for_good.any()
    assert again.any()
    np.testing.assert_array_equal(boxes[:, 0, :, 0], np.where(changed, 140, 100))
    np.testing.assert_array_equal(names.sum(axis=1), 1)
    # Who is not in the image yet takes nobody's place.
    assert not changed[:, :5].any()
    assert present[:, :, 5:].all()

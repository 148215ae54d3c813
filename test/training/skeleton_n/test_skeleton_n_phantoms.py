"""Phantoms fill empty slots alone, keep their place, have few joints and do nothing."""

import numpy as np

from actloc_ros.models.skeleton_n.features import JOINTS, MIN_CONFIDENCE
from actloc_ros.training.skeleton_n.labels import LABELS, NO, UNKNOWN, YES
from actloc_ros.training.skeleton_n.phantoms import add_phantoms

GROUPS, MOMENTS = 40, 12


def with_phantoms(share):
    """One person in the first slot of each image, and what is put into the second."""
    boxes = np.zeros((GROUPS, 2, MOMENTS, 4))
    joints = np.zeros((GROUPS, 2, MOMENTS, JOINTS, 3), np.float32)
    present = np.zeros((GROUPS, 2, MOMENTS), bool)
    present[:, 0] = True
    targets = np.full((GROUPS, 2, MOMENTS, len(LABELS)), YES, np.uint8)
    sizes = np.full((GROUPS, 2), [640.0, 480.0])
    add_phantoms(np.random.default_rng(0), sizes, boxes, joints, present, targets, share)
    return boxes, joints, present, targets


def test_only_empty_slots_are_filled_and_only_so_many():
    boxes, _, present, targets = with_phantoms(0.5)
    assert not boxes[:, 0].any()
    assert (targets[:, 0] == YES).all()
    assert 0.25 < present[:, 1].any(axis=-1).mean() < 0.75
    assert not with_phantoms(0.0)[2][:, 1].any()


def test_they_stay_in_the_image_and_do_nothing():
    boxes, joints, present, targets = with_phantoms(1.0)
    there = present[:, 1]
    assert there.any(axis=-1).mean() > 0.8
    assert not (targets[:, 1] == YES).any()
    assert ((targets[:, 1] == NO) | (targets[:, 1] == UNKNOWN)).all()
    assert boxes.min() >= 0
    assert (boxes[..., 2:] <= [640, 480]).all()
    height = boxes[:, 1, :, 3] - boxes[:, 1, :, 1]
    assert (boxes[:, 1, :, 1].std(axis=-1) <= 0.1 * height.mean(axis=-1) + 1).all()
    known = (joints[:, 1, ..., 2] >= MIN_CONFIDENCE).mean()
    assert 0.1 < known < 0.5

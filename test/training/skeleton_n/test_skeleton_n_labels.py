"""From the segments of a source to what is true, false or not known of a frame."""

import numpy as np

from actloc_ros.training.skeleton_n.labels import (
    INDEX,
    LABELS,
    NO,
    UNKNOWN,
    YES,
    Segment,
    targets_of,
)
from actloc_ros.training.skeleton_n.motion_data import refine_targets


def column(targets, label):
    return targets[:, INDEX[label]].tolist()


def test_frames_without_a_segment_are_not_known():
    targets = targets_of([Segment('walking', 2, 4, 'seen')], 5)
    assert column(targets, 'walking') == [UNKNOWN, UNKNOWN, YES, YES, UNKNOWN]
    assert column(targets, 'sitting') == [UNKNOWN, UNKNOWN, NO, NO, UNKNOWN]


def test_near_the_ends_a_label_is_not_known():
    targets = targets_of(
        [Segment('sitting', 0, 6, 'seen'), Segment('standing_up', 6, 12, 'seen')], 12, margin=2
    )
    assert column(targets, 'sitting') == [YES] * 4 + [UNKNOWN] * 4 + [NO] * 4
    assert column(targets, 'standing_up') == [NO] * 4 + [UNKNOWN] * 4 + [YES] * 4


def test_derived_posture_overrules_the_whole_clip():
    targets = targets_of(
        [Segment('walking', 0, 6, 'source'), Segment('standing', 0, 3, 'derived')], 6
    )
    assert column(targets, 'walking') == [UNKNOWN] * 3 + [YES] * 3
    assert column(targets, 'standing') == [YES] * 3 + [NO] * 3


def test_clips_with_busy_hands_say_nothing_of_gestures():
    segments = [Segment('standing', 0, 2, 'derived')]
    busy, quiet = targets_of(segments, 2, 'basketball'), targets_of(segments, 2, 'walking')
    assert column(busy, 'waving') == [UNKNOWN] * 2
    assert column(quiet, 'waving') == [NO] * 2
    assert column(busy, 'lying') == [NO] * 2


def test_words_that_mean_no_label_leave_frames_unknown():
    assert (targets_of([Segment('empty', 0, 3, 'seen')], 3) == UNKNOWN).all()


def test_jumping_is_narrowed_to_the_time_in_the_air():
    joints = np.zeros((90, 17, 3))
    joints[:, 5:7, 2], joints[:, 11:13, 2], joints[:, 13:15, 2] = 1.4, 0.9, 0.5
    joints[:, 15:, 2] = 0.08
    joints[40:50, :, 2] += 0.3
    segments = [Segment('jumping', 0, 90, 'source')]
    targets = targets_of(segments, 90, 'jumping')
    refine_targets(joints, 30.0, segments, targets)
    jumping = targets[:, INDEX['jumping']]
    assert (jumping[40:50] == YES).all()
    assert (jumping[:30] == UNKNOWN).all()
    assert (targets[:, INDEX['lying']] == NO).all()
    assert targets.shape == (90, len(LABELS))

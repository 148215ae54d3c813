"""What the network reads: relative to the body, by time, with others beside it."""

import numpy as np
import pytest

from actloc_ros.models.skeleton_n.features import (
    FEATURES,
    JOINTS,
    LIMIT,
    MIRRORED,
    SLICES,
    Joint,
    PeopleFrame,
    TrackHistory,
)

SIZE = (640, 480)
# Joints of somebody who stands, in body lengths about the middle of the hips.
STANDING = np.array(
    [
        (0.0, -1.5), (0.06, -1.56), (-0.06, -1.56), (0.14, -1.5), (-0.14, -1.5), (0.36, -1.0),
        (-0.36, -1.0), (0.45, -0.45), (-0.45, -0.45), (0.45, 0.05), (-0.45, 0.05), (0.18, 0.0),
        (-0.18, 0.0), (0.2, 0.85), (-0.2, 0.85), (0.2, 1.65), (-0.2, 1.65),
    ]
)  # fmt: skip


def person(x=320.0, y=240.0, length=60.0, confidence=0.9):
    """Return box (4,) and joints (17, 3) of somebody who stands."""
    xy = STANDING * length + [x, y]
    low, high = xy.min(axis=0) - 0.15 * length, xy.max(axis=0) + 0.15 * length
    return np.concatenate([low, high]), np.column_stack([xy, np.full(JOINTS, confidence)])


def frame(seconds, *people, size=SIZE, present=None):
    """Return one image's frame of people (box, joints)."""
    boxes = np.array([box for box, _ in people])[None]
    joints = np.array([joints for _, joints in people])[None]
    here = np.ones((1, len(people)), bool) if present is None else np.array([present])
    stamp = np.array([round(seconds * 1e9)], np.int64)
    return PeopleFrame(stamp, np.array([size], float), boxes, joints, here)


def features_of(frames):
    """Return the last features (A, FEATURES) of a run of frames."""
    history = TrackHistory(1, frames[0].present.shape[1])
    for each in frames:
        features, _ = history.update(each)
    return features[0]


def walk(rate, *, x=200.0, y=240.0, length=60.0, speed=1.0, seconds=2.0, mirror=False):
    """Return frames of somebody who moves to the right by `speed` body lengths a second."""
    frames = []
    for index in range(round(seconds * rate) + 1):
        box, joints = person(x + speed * length * index / rate, y, length)
        if mirror:
            width = SIZE[0]
            box = np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]])
            joints = joints[MIRRORED]
            joints[:, 0] = width - 1 - joints[:, 0]
        frames.append(frame(1 + index / rate, (box, joints)))
    return frames


def body_relative():
    """Return the columns that do not depend on where in the image somebody is."""
    mask = np.ones(FEATURES, bool)
    mask[SLICES['view']] = False
    return mask


def test_does_not_depend_on_place_and_size():
    near = features_of(walk(10, x=200, y=240, length=60))[0, body_relative()]
    far = features_of(walk(10, x=330, y=150, length=25))[0, body_relative()]
    assert np.abs(near).max() > 1
    np.testing.assert_allclose(near, far, atol=2e-4)


def test_view_shows_place_and_size():
    near = features_of(walk(10, length=60))[0, SLICES['view']]
    far = features_of(walk(10, length=30))[0, SLICES['view']]
    assert near[2] - far[2] == pytest.approx(np.log(2), abs=1e-3)
    assert far[0] < near[0] + 0.1


def test_velocity_is_in_body_lengths_a_second_at_any_rate():
    for rate in (5, 12, 30):
        velocity = features_of(walk(rate, speed=1.3))[0, SLICES['root_velocity']]
        np.testing.assert_allclose(velocity[:2], [1.3, 0], atol=0.02)
        assert velocity[2] == pytest.approx(1.3 * (1 - np.exp(-2 / 0.8)), abs=0.2)


def test_uneven_stamps_give_the_same_velocity():
    steps = np.array([0.03, 0.2, 0.05, 0.11, 0.3, 0.04] * 3)
    times = 1 + np.cumsum(steps)
    frames = [frame(time, person(200 + 60 * time)) for time in times.tolist()]
    np.testing.assert_allclose(
        features_of(frames)[0, SLICES['root_velocity']][:2], [1, 0], atol=0.02
    )


def test_mirrored_people_have_mirrored_features():
    plain = features_of(walk(10))[0]
    turned = features_of(walk(10, mirror=True))[0]
    joints = turned[SLICES['joints']].reshape(JOINTS, 3)[MIRRORED] * [-1, 1, 1]
    np.testing.assert_allclose(joints, plain[SLICES['joints']].reshape(JOINTS, 3), atol=1e-3)
    np.testing.assert_allclose(
        turned[SLICES['root_velocity']] * [-1, 1, -1, 1], plain[SLICES['root_velocity']], atol=1e-3
    )


def test_missing_joints_are_zero_and_hips_fall_back_to_the_box():
    box, joints = person()
    joints[[Joint.LEFT_HIP, Joint.LEFT_WRIST], 2] = 0.1
    features = features_of([frame(1, (box, joints)), frame(1.1, (box, joints))])[0]
    shown = features[SLICES['joints']].reshape(JOINTS, 3)
    assert not shown[[Joint.LEFT_HIP, Joint.LEFT_WRIST]].any()
    assert shown[Joint.RIGHT_HIP, 2] == pytest.approx(0.9)
    assert features[SLICES['body']][2] == 0
    np.testing.assert_allclose(features[SLICES['box']][3:], 0, atol=1e-5)


def test_joint_that_comes_back_does_not_jump():
    frames = walk(10, speed=1.0, seconds=1.0)
    for each in frames[5:8]:
        each.joints[0, 0, Joint.LEFT_WRIST, 2] = 0
    velocities = features_of(frames)[0, SLICES['joint_velocities']].reshape(JOINTS, 2)
    np.testing.assert_allclose(velocities[Joint.LEFT_WRIST], 0, atol=0.05)


def test_size_is_followed_slowly():
    tall = [frame(1 + 0.1 * index, person(length=60)) for index in range(20)]
    history = TrackHistory(1, 1)
    for each in tall:
        history.update(each)
    before = float(np.exp(history.log_length[0, 0]))
    history.update(frame(3.0, person(length=30)))
    assert 50 < float(np.exp(history.log_length[0, 0])) < before


def test_neighbours_are_the_nearest_relative_to_the_own_body():
    people = [person(200), person(320, length=60), person(500), person(3000)]
    features = features_of([frame(1, *people), frame(1.1, *people)])
    others = features[0, SLICES['neighbours']].reshape(2, -1)
    # 120 pixels are two body lengths; the hip's own offset is 0.18.
    assert others[0, 3 * Joint.LEFT_HIP] == pytest.approx(2.18, abs=0.01)
    assert others[1, 3 * Joint.LEFT_HIP] == pytest.approx(5.18, abs=0.01)
    assert others[:, -1].tolist() == [1, 1]
    assert not features[3, SLICES['neighbours']].any()


def test_absent_tracks_keep_their_memory_and_get_no_features():
    history = TrackHistory(1, 2)
    history.update(frame(1, person(200), person(400)))
    features, elapsed = history.update(frame(1.1, person(206), person(0), present=[True, False]))
    assert not features[0, 1].any()
    assert not features[0, 0, SLICES['neighbours']].any()
    _, elapsed = history.update(frame(1.5, person(230), person(410)))
    np.testing.assert_allclose(elapsed[0], [0.4, 0.5], atol=1e-6)


def test_forgotten_slot_begins_again():
    history = TrackHistory(1, 1)
    for each in walk(10):
        history.update(each)
    history.forget(np.ones((1, 1), bool))
    features, elapsed = history.update(frame(9, person(100)))
    assert elapsed[0, 0] == 0
    assert not features[0, 0, SLICES['root_velocity']].any()


def test_grown_history_goes_on():
    few, many = TrackHistory(1, 1), TrackHistory(1, 1)
    frames = walk(10)
    for each in frames[:-1]:
        few.update(each)
        many.update(each)
    many.grow(3)
    last = frames[-1]
    padded = PeopleFrame(
        last.stamps,
        last.sizes,
        np.pad(last.boxes, ((0, 0), (0, 2), (0, 0))),
        np.pad(last.joints, ((0, 0), (0, 2), (0, 0), (0, 0))),
        np.array([[True, False, False]]),
    )
    np.testing.assert_array_equal(few.update(last)[0][0, 0], many.update(padded)[0][0, 0])


def test_stamp_that_does_not_rise_is_refused():
    history = TrackHistory(1, 1)
    history.update(frame(2, person()))
    with pytest.raises(ValueError, match='does not rise'):
        history.update(frame(2, person()))


def test_features_are_bounded():
    box, joints = person()
    joints[:, :2] += np.random.default_rng(0).normal(0, 1e5, (JOINTS, 2))
    features = features_of([frame(1, person()), frame(1.001, (box, joints))])
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= LIMIT

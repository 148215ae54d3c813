"""Follow people in MoveIt's scene, except a partner in its matrix, and name bodies by REP-155."""

import numpy as np
import pytest

from actloc_ros.joints import COCO_JOINTS
from actloc_ros.planners.collision_matrix import CollisionMatrix
from actloc_ros.planners.collision_objects import Body, Operation, SceneFollower
from actloc_ros.planners.handover import giving_hand, partner
from actloc_ros.planners.humans import (
    SKELETON,
    body_axes,
    body_id,
    gesture,
    posture,
    quaternion,
    skeleton,
)
from actloc_ros.planners.people import Person, PersonKey

SECOND = 1_000_000_000
MATRIX = CollisionMatrix(('arm', 'hand'), ((False, True), (True, False)), ('floor',), (True,))


def body(x=0.0, height=1.8, radius=0.35):
    return Body(np.array([x, 0.0, height / 2]), height, radius)


def changes(follower, seconds, **bodies):
    return [(c.id, c.operation) for c in follower.update(int(seconds * SECOND), bodies)]


def test_each_person_is_added_each_second_and_moved_in_between():
    follower = SceneFollower()
    assert changes(follower, 0.0, a=body()) == [('a', Operation.ADD)]
    assert changes(follower, 0.5, a=body(1), b=body()) == [
        ('a', Operation.MOVE),
        ('b', Operation.ADD),
    ]
    assert changes(follower, 1.0, a=body(1), b=body()) == [
        ('a', Operation.ADD),
        ('b', Operation.MOVE),
    ]
    assert changes(follower, 1.1, b=body()) == [('a', Operation.REMOVE), ('b', Operation.MOVE)]
    assert changes(follower, 1.2, b=body(height=0.5, radius=0.9)) == [('b', Operation.ADD)]
    assert changes(follower, 0.3, b=body(height=0.5, radius=0.9)) == [('b', Operation.ADD)]
    assert [(c.id, c.operation) for c in follower.clear()] == [('b', Operation.REMOVE)]
    assert follower.clear() == []


def test_a_body_is_as_high_as_its_person():
    for height, radius in ((1.8, 0.35), (0.5, 0.9), (0.7, 0.35)):
        top = max(
            p.z + (p.dimensions[0] / 2 if len(p.dimensions) == 2 else p.dimensions[0])
            for p in body(height=height, radius=radius).primitives()
        )
        assert top == pytest.approx(height / 2)


def test_an_exception_leaves_all_else_as_it_was():
    changed = MATRIX.with_exception('person_1', ['hand'])
    assert changed.names == ('arm', 'hand', 'person_1')
    assert changed.allowed == ((False, True, False), (True, False, True), (False, True, False))
    assert (changed.default_names, changed.default_allowed) == (('floor',), (True,))
    assert changed.with_exception('person_1', ['hand']) == changed
    assert changed.without('person_1') == MATRIX.without('person_9') == MATRIX


def test_links_that_the_robot_has_not_and_broken_matrices_are_refused():
    with pytest.raises(ValueError, match='holds claw, which the collision matrix does not'):
        MATRIX.with_exception('person_1', ['hand', 'claw'])
    with pytest.raises(ValueError, match='must be square'):
        CollisionMatrix(('a', 'b'), ((True, False),))


def person(track, x, *labels, **joints):
    points = {name: np.array(point, float) for name, point in joints.items()}
    key = PersonKey('', '', track)
    return Person(key, 0, np.array([x, 0.0, 1.0]), None, frozenset(labels), points)


def test_the_partner_is_the_nearest_who_hands_and_the_hand_the_nearest_wrist():
    robot = np.zeros(2)
    people = [person(1, 1.0), person(2, 3.0, 'handing_over'), person(3, 2.0, 'handing_over')]
    assert partner(people, {'handing_over'}, robot).key.track_id == 3
    assert partner(people[:1], {'handing_over'}, robot) is None
    arms = {'left_elbow': (2, 0, 1), 'left_wrist': (1.5, 0, 1), 'right_wrist': (1.9, 0, 1)}
    hand = giving_hand(person(1, 2.0, **arms), robot)
    assert hand.position.tolist() == [1.5, 0, 1]
    assert hand.direction.tolist() == [-1, 0, 0]
    assert giving_hand(person(1, 2.0), robot) is None


def test_the_skeleton_has_18_joints_by_name():
    x, y = np.arange(17) * 10.0, np.arange(17) * 5.0
    found = skeleton(COCO_JOINTS, x, y, np.full(17, 0.5), (200, 100))
    for name in COCO_JOINTS:
        index = COCO_JOINTS.index(name)
        assert found[SKELETON.index(name)] == pytest.approx([index / 20, index / 20, 0.5])
    assert found[1] == pytest.approx([5.5 / 20, 5.5 / 20, 0.5])  # between joints 5 and 6
    assert (SKELETON[14], SKELETON[15]) == ('left_eye', 'right_eye')
    outside = skeleton(['nose'], [-1], [5], [0.9], (200, 100))
    assert not outside.any()


@pytest.mark.parametrize(
    ('labels', 'expected'),
    [({'lying'}, 4), ({'sitting', 'waving'}, 2), ({'falling'}, 0), (set(), 0), ({'walking'}, 1)],
)
def test_postures_and_gestures(labels, expected):
    assert posture(labels) == expected
    assert gesture(labels) == (6 if 'waving' in labels else 0)
    assert body_id('7')[0].isalpha()


def test_axes_come_from_hips_and_shoulders_else_they_face_the_robot():
    lying = {
        'left_hip': np.array([0, 0.15, 0.2]),
        'right_hip': np.array([0, -0.15, 0.2]),
        'left_shoulder': np.array([0.5, 0.2, 0.2]),
        'right_shoulder': np.array([0.5, -0.2, 0.2]),
    }
    axes = body_axes(lying, np.array([1.0, 0, 0]))
    assert axes[:, 2] == pytest.approx([1, 0, 0])  # the head is where he lies
    assert axes[:, 0] == pytest.approx([0, 0, -1])  # left is y: face down
    assert np.linalg.det(axes) == pytest.approx(1)
    level = body_axes({}, np.array([-2.0, 0, 0]))
    assert level[:, 0] == pytest.approx([-1, 0, 0])
    assert quaternion(body_axes({}, np.zeros(3))) == (0, 0, 0, 1)

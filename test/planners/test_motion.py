"""Predict people by velocity first and by action second; find whose path meets the robot's."""

import math

import cv2
import numpy as np
import pytest

from actloc_ros.planners.encounters import EncounterOptions, Robot, encounters
from actloc_ros.planners.motion import ActionGroups, BodySize, movers, swept_polygon
from actloc_ros.planners.people import Person, PersonKey

NOW = 1_700_000_000_000_000_000
ACTIONS = ActionGroups(still={'sitting', 'lying'}, walk={'walking'}, run={'running'}, lie={'lying'})
BODY = BodySize()
MET = EncounterOptions()


def person(x, y, velocity=None, *labels, age=0.0):
    moving = None if velocity is None else np.array([*velocity, 0.0])
    stamp = NOW - round(age * 1e9)
    return Person(PersonKey('', '', 1), stamp, np.array([x, y, 1.0]), moving, frozenset(labels))


def moving(*people):
    return movers(people, NOW, ACTIONS, BODY)


def meets(robot, *people):
    return encounters(moving(*people), robot, MET).meets.tolist()


def test_velocity_comes_first_and_the_label_second():
    measured = moving(
        person(0, 0, (0.2, 0), 'sitting'),  # noise
        person(0, 0, (1.5, 0), 'sitting'),  # the label lags behind
        person(0, 0, (0.2, 0), 'walking'),
        person(0, 0, (90, 0)),
        person(0, 0, (math.nan, 0)),
    )
    assert measured.velocity[:, 0].tolist() == [0, 1.5, 0.2, pytest.approx(4), 0]
    assert measured.growth.tolist() == [0] * 5
    unknown = moving(person(0, 0), person(0, 0, None, 'walking'), person(0, 0, None, 'running'))
    assert unknown.growth.tolist() == [0, 1.3, 3.0]


def test_what_is_old_is_moved_to_now_and_who_lies_takes_more_room():
    [late, lying] = zip(
        *[
            (m.position[0], m.radius[0])
            for m in (moving(person(1, 2, (1, -1), age=0.5)), moving(person(0, 0, None, 'lying')))
        ],
        strict=True,
    )
    assert late[0].tolist() == [1.5, 1.5]
    assert lying == (BODY.radius, BODY.lying_radius)


def test_the_polygon_holds_the_body_now_and_later():
    walker = moving(person(2, 0, (0, 1.3)))
    hull = swept_polygon(walker, 0, 1.0).astype(np.float32)
    for share in np.linspace(0, 1, 11):
        centre = np.array([2, 1.3 * share])
        for angle in np.linspace(0, 2 * np.pi, 60):
            edge = centre + 0.349 * np.array([np.cos(angle), np.sin(angle)])
            assert cv2.pointPolygonTest(hull, edge.tolist(), False) >= 0
    assert hull[:, 1].max() < 1.3 + 0.35 / math.cos(math.pi / 12) + 1e-6


@pytest.mark.parametrize(
    ('robot', 'who', 'expected'),
    [
        (Robot(speed=0.5), person(2, 0), True),  # in its way
        (Robot(speed=0.5), person(2, 3), False),  # beside it
        (Robot(speed=0.5), person(-2, 0), False),  # behind it
        (Robot(speed=0.5), person(-3, 0, (1.5, 0)), True),  # comes from behind
        (Robot(speed=0.5), person(3, 0, (1.5, 0)), False),  # goes away
        (Robot(), person(3, 0, (-1.3, 0)), True),  # walks into a robot that stands
        (Robot(), person(3, 2, (-1.3, 0)), False),  # passes it
        (Robot(speed=1), person(2, 3, (0, -1.3)), True),  # crosses its way
        (Robot(speed=1), person(2, -3, (0, -1.3)), False),  # has crossed it
        (Robot(yaw=math.pi / 2, speed=0.5), person(0, 2), True),
        (Robot(speed=1, turn=1), person(1, 1), True),  # on its arc
        (Robot(), person(1.2, 0), True),  # near
        (Robot(), person(4, 0, None, 'running'), True),  # may run anywhere
        (Robot(), person(4, 0, None, 'sitting'), False),
    ],
)
def test_whose_path_meets_the_robots(robot, who, expected):
    assert meets(robot, who) == [expected]


def test_an_arc_is_that_of_small_steps():
    robot, x, y, yaw = Robot(1, 2, 0.3, 0.8, -0.7), 1.0, 2.0, 0.3
    for _ in range(20000):
        x, y, yaw = x + 1e-4 * 0.8 * math.cos(yaw), y + 1e-4 * 0.8 * math.sin(yaw), yaw - 0.7e-4
    assert robot.path(np.array([2.0]))[0] == pytest.approx([x, y], abs=1e-3)


def test_the_nearest_come_first_and_nobody_is_nobody():
    crowd = moving(person(0.9, 0), person(9, 9), person(0.5, 0), person(-0.7, 0))
    met = encounters(crowd, Robot(), MET)
    assert met.nearest(4) == [2, 3, 0]
    assert met.nearest(2) == [2, 3]
    assert encounters(moving(), Robot(), MET).nearest(4) == []

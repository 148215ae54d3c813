"""Keep people of several localizers by time, and say when nothing is known."""

import numpy as np
import pytest

from actloc_ros.planners.people import PeopleMemory, Person, PersonKey

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def person(track, stamp, localizer='', camera='', x=0.0):
    return Person(PersonKey(localizer, camera, track), stamp, np.array([x, 0.0, 1.0]))


def report(memory, stamp, *tracks, localizer='', camera='', now=None, unplaced=0):
    people = [person(track, stamp, localizer, camera) for track in tracks]
    return memory.take(localizer, camera, stamp, people, unplaced, stamp if now is None else now)


def tracks(memory, now):
    return [each.key.track_id for each in memory.people(now)]


def test_who_is_missed_for_a_moment_is_kept_and_then_forgotten():
    memory = PeopleMemory([''], stale=1.0, hold=1.0)
    report(memory, START, 1, 2)
    report(memory, START + SECOND // 2, 2)
    assert tracks(memory, START + SECOND // 2) == [1, 2]
    report(memory, START + 3 * SECOND // 2, 2)
    assert tracks(memory, START + 3 * SECOND // 2) == [2]


def test_two_localizers_and_cameras_keep_their_own_ids():
    memory = PeopleMemory(['left', 'right'], stale=1.0, hold=1.0)
    report(memory, START, 7, localizer='left', camera='front')
    report(memory, START, 7, localizer='right')
    keys = [each.key for each in memory.people(START)]
    assert [key.name for key in keys] == ['left_front_7', 'right_7']
    assert not memory.faults(START)


@pytest.mark.parametrize(
    ('stamp', 'now', 'text'),
    [
        (START, START + 2 * SECOND, '2.0 s old'),
        (START + 9 * SECOND, START, '9.0 s ahead'),
        (0, START, 's old'),
    ],
)
def test_what_is_stale_is_said(stamp, now, text):
    memory = PeopleMemory([''], stale=1.0, hold=1.0)
    assert memory.faults(START) == ['no report of the localizer']
    report(memory, stamp, 1, now=now if stamp > now else stamp)
    [fault] = memory.faults(now)
    assert text in fault


def test_each_localizer_is_missed_also_if_others_report():
    memory = PeopleMemory(['left', 'right'], stale=1.0, hold=1.0)
    report(memory, START, localizer='left')
    assert memory.faults(START) == ['no report of right']
    report(memory, START, localizer='right')
    report(memory, START + 2 * SECOND, localizer='left')
    assert memory.faults(START + 2 * SECOND) == ['the last report of right is 2.0 s old']


def test_a_report_that_is_late_is_ignored_and_a_jump_back_forgets():
    memory = PeopleMemory([''], stale=1.0, hold=5.0)
    report(memory, START, 1)
    assert not report(memory, START - SECOND // 10, 2)
    assert (memory.ignored, memory.restarts) == (1, 0)
    assert tracks(memory, START) == [1]
    assert report(memory, START - 60 * SECOND, 3)
    assert (memory.ignored, memory.restarts) == (1, 1)
    assert tracks(memory, START - 60 * SECOND) == [3]


def test_the_stamp_of_all_is_that_of_the_camera_that_lags():
    memory = PeopleMemory([''], stale=1.0, hold=1.0)
    assert memory.oldest_stamp() is None
    report(memory, START, camera='a', unplaced=2)
    report(memory, START + 5, camera='b', unplaced=1)
    assert memory.oldest_stamp() == START
    assert memory.unplaced() == 3

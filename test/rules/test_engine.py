"""Test what the rules make of scenes: one alarm an occurrence, by stamps, in spite of gaps."""

import dataclasses

import pytest
from rule_scenes import BEGIN, engine_of, of, person, play, scene, times

from actloc_ros.alarms.alarm import AlarmType
from actloc_ros.frames import nanoseconds

NEW, UPDATE, END = AlarmType.NEW, AlarmType.UPDATE, AlarmType.END
BED = 'zones:\n  bed: {coordinates: [0.0,0.5, 0.4,0.5, 0.4,1.0, 0.0,1.0]}\n'
DOOR = 'lines:\n  door: {coordinates: [0.5,1.0, 0.5,0.0], direction: DIRECTION}\n'
DOWN = """
rules:
  person_down:
    any:
      - {sequence: [falling, lying], within: 4.0}
      - {actions: [lying], zones_not: [bed]}
    dwell: 5.0
"""


def test_one_alarm_is_new_once_and_ends_once_with_the_last_evidence(tmp_path):
    engine = engine_of(tmp_path, 'rules: {down: {actions: [lying], dwell: 5.0}}')
    alarms = play(
        engine, 30, lambda t: [person(lying=0.9)] if 2 <= t < 12 else [person(standing=0.9)]
    )
    assert [alarm.type for alarm in alarms] == [NEW, END]
    new, end = alarms
    assert new.id == end.id
    assert new.labels == ('lying',)
    assert new.score == pytest.approx(0.9)
    assert times([new])[0] == pytest.approx(7.4, abs=0.15)  # 0.35 s of evidence, 5 s of dwell
    assert new.start == nanoseconds(BEGIN + 2)
    assert end.end == pytest.approx(nanoseconds(BEGIN + 12), abs=2e8)
    assert end.stamp > end.end
    assert new.boxes[1] == person().box


def test_a_dwell_grows_by_the_time_from_the_first_step_to_the_last_evidence(tmp_path):
    engine = engine_of(tmp_path, DOWN.replace('zones_not: [bed]', 'min_score: 0.5'))

    def falls(t):
        return [person(**{'standing' if t < 1 else 'falling' if t < 3 else 'lying': 0.9})]

    new, end = [*play(engine, 20, falls), *engine.end_all()]
    assert new.values['dwell_s'] == pytest.approx(5.0, abs=0.11)
    grown = (end.end - new.end) / 1e9
    assert end.values['dwell_s'] == pytest.approx(new.values['dwell_s'] + grown)


def test_evidence_is_of_the_rule_and_of_time(tmp_path):
    text = 'rules: {a: {actions: [waving], min_duration: 1.0, min_fraction: 0.7, cooldown: 0}}'
    for share, count in ((0.6, 0), (0.8, 1)):
        engine = engine_of(tmp_path, text)

        def actors(t, share=share):
            return [person(waving=0.6 if round(t * 10) % 10 < 10 * share else 0.1)]

        assert len(of(play(engine, 8, actors), NEW)) == count
    # Half the rate, the same time.
    engine = engine_of(tmp_path, text)
    alarms = play(engine, 8, lambda t: [person(waving=0.9)], rate=5)
    assert times(alarms) == [1.0]


def test_falling_then_lying_within_a_time_is_an_alarm_even_in_bed(tmp_path):
    def falls(pause):
        def actors(t):
            if t < 2:
                return [person(x=0.2, standing=0.9)]
            if t < 3:
                return [person(x=0.2, falling=0.9)]
            return [person(x=0.2, **{'standing' if t < 3 + pause else 'lying': 0.9})]

        return actors

    soon = play(engine_of(tmp_path, BED + DOWN), 14, falls(0))
    assert of(soon, NEW)[0].labels == ('falling', 'lying')
    assert times(soon)[0] == pytest.approx(8.4, abs=0.3)
    assert play(engine_of(tmp_path, BED + DOWN), 20, falls(6)) == []


def test_lying_outside_the_bed_is_an_alarm_and_in_it_is_none(tmp_path):
    for x, count in ((0.2, 0), (0.8, 1)):
        engine = engine_of(tmp_path, BED + DOWN)
        assert len(of(play(engine, 10, lambda t, x=x: [person(x=x, lying=0.8)]), NEW)) == count


def test_who_is_hidden_inside_a_zone_has_not_left_it(tmp_path):
    text = BED + 'rules: {in_bed: {zones: [bed], dwell: 5.5}}'

    def hidden(gap):
        return lambda t: [] if 2 <= t < 2 + gap else [person(x=0.2)]

    assert times(play(engine_of(tmp_path, text), 8, hidden(2.5))) == [5.8]
    assert times(play(engine_of(tmp_path, text), 12, hidden(3.5))) == [11.3]


def test_no_alarm_begins_of_what_nobody_sees(tmp_path):
    engine = engine_of(tmp_path, 'rules: {a: {actions: [lying], dwell: 1.5}}')
    assert play(engine, 10, lambda t: [person(lying=0.9)] if 1 <= t < 1.7 else []) == []


def test_a_lost_track_is_taken_up_by_its_successor(tmp_path):
    engine = engine_of(tmp_path, BED + 'rules: {in_bed: {zones: [bed], dwell: 4.0}}')
    alarms = play(
        engine,
        8,
        lambda t: [] if 2 <= t < 3 else [person(1 if t < 2 else 7, x=0.2)],
    )
    assert times(alarms) == [4.3]
    assert alarms[0].track_ids == (7,)


def test_a_visit_that_breaks_off_does_not_add_up(tmp_path):
    engine = engine_of(tmp_path, BED + 'rules: {loiter: {zones: [bed], dwell: 4.0}}')
    alarms = play(engine, 30, lambda t: [person(x=0.2 if t % 6 < 3 else 0.8)])
    assert alarms == []


def test_jitter_over_the_border_neither_enters_nor_leaves(tmp_path):
    engine = engine_of(tmp_path, BED + 'rules: {in_bed: {zones: [bed]}}')
    flicker = play(engine, 5, lambda t: [person(x=0.38 if round(t * 10) % 2 else 0.42)])
    assert flicker == []
    inside = play(engine, 5, lambda t: [person(x=0.3)], begin=5)
    assert len(of(inside, NEW)) == 1
    again = play(engine, 5, lambda t: [person(x=0.38 if round(t * 10) % 2 else 0.42)], begin=10)
    assert again == []


@pytest.mark.parametrize(('direction', 'moments'), [('in', 1), ('out', 1), ('both', 2)])
def test_a_line_counts_its_direction(tmp_path, direction, moments):
    text = DOOR.replace('DIRECTION', direction) + 'rules: {a: {lines: [door], cooldown: 0, '
    engine = engine_of(tmp_path, text + 'end_after: 1.0}}')

    def walk(t):  # to the right until 4 s, back from 10 s
        return [person(x=0.1 + 0.2 * t if t < 4 else 0.9 - 0.2 * max(0, t - 10))]

    alarms = of(play(engine, 14, walk), NEW)
    assert len(alarms) == moments
    assert {alarm.lines for alarm in alarms} == {('door',)}
    first = times(alarms)[0]
    assert first == pytest.approx(2.1 if direction != 'out' else 12.1, abs=0.15)


def test_who_passes_beside_a_line_or_stands_on_it_crosses_nothing(tmp_path):
    text = 'lines: {door: {coordinates: [0.5,0.4, 0.5,0.0]}}\nrules: {a: {lines: [door]}}'
    assert play(engine_of(tmp_path, text), 5, lambda t: [person(x=0.1 + 0.2 * t)]) == []
    text = text.replace('0.4, 0.5,0.0', '1.0, 0.5,0.0')
    engine = engine_of(tmp_path, text)
    assert play(engine, 5, lambda t: [person(x=0.5 + 0.003 * (-1) ** round(t * 10))]) == []


def test_absence_counts_only_while_frames_come(tmp_path):
    text = BED + 'rules: {left: {zones: [bed], absence: 5.0, end_after: 1.0}}'
    engine = engine_of(tmp_path, text)
    assert play(engine, 3, lambda t: [person(x=0.2)]) == []
    alarms = play(engine, 4, lambda t: [person(x=0.8)], begin=3)
    assert alarms == []
    alarms = play(engine, 6, lambda t: [], begin=12)  # 5 s without any frame
    [new] = of(alarms, NEW)
    assert new.track_ids == ()
    # He was inside until 4.1 s; of 12 s on, 7 - 4.1 s are known.
    assert times([new])[0] == pytest.approx(14.1, abs=0.3)
    back = play(engine, 3, lambda t: [person(2, x=0.2)], begin=18)
    assert [alarm.type for alarm in back] == [END]


def test_a_count_is_of_distinct_tracks_at_once(tmp_path):
    text = 'rules: {crowd: {count: {min: 3}, min_duration: 1.0}}'
    engine = engine_of(tmp_path, text)
    crowd = [person(i, x=0.1 * i) for i in range(1, 4)]
    alarms = play(engine, 16, lambda t: crowd if 2 <= t < 5 else crowd[:2])
    assert [alarm.type for alarm in alarms] == [NEW, END]
    assert alarms[0].track_ids == (1, 2, 3)
    assert alarms[0].values['count'] == 3
    # 0.7 of the last second.
    assert times(alarms)[0] == pytest.approx(2.7, abs=0.15)


def test_the_cooldown_is_of_each_track(tmp_path):
    text = BED + 'rules: {a: {zones: [bed], cooldown: 12.0, end_after: 1.0}}'
    engine = engine_of(tmp_path, text)

    def visits(t):  # one comes every 6 s, another at 7 s
        return [person(1, x=0.2 if t % 6 < 2 else 0.8), person(2, x=0.3 if 7 <= t < 9 else 0.95)]

    found = of(play(engine, 30, visits), NEW)
    assert [alarm.track_ids[0] for alarm in found] == [1, 2, 1]
    assert times(found) == pytest.approx([0.3, 7.3, 18.3])


def test_an_update_comes_where_what_is_said_changes(tmp_path):
    zones = BED + '  floor: {coordinates: [0.4,0.5, 1.0,0.5, 1.0,1.0, 0.4,1.0]}\n'
    engine = engine_of(tmp_path, zones + 'rules: {a: {zones: [bed, floor]}}')
    alarms = play(engine, 8, lambda t: [person(x=0.2 if t < 4 else 0.7)])
    assert [alarm.type for alarm in alarms] == [NEW, UPDATE, UPDATE]
    assert [alarm.zones for alarm in alarms] == [('bed',), ('bed', 'floor'), ('floor',)]
    assert alarms[-1].entered_zones == ('bed', 'floor')


def test_masks_and_kinds_do_not_count(tmp_path):
    text = 'rules: {a: {objects: [dog], actions: [lying], mask: [0,0, 0.5,0, 0.5,1, 0,1]}}'
    engine = engine_of(tmp_path, text)
    everyone = [
        person(1, x=0.8, lying=0.9),
        person(2, x=0.2, kind='dog', lying=0.9),
        person(3, x=0.7, kind='dog', lying=0.9),
    ]
    assert [a.track_ids for a in play(engine, 3, lambda t: everyone)] == [(3,)]


def test_a_schedule_holds_over_midnight_in_its_time_zone(tmp_path):
    # 1,700,000,000 is Tuesday, 14 November 2023, 22:13:20 UTC: 23:13:20 in Berlin.
    for zone, schedule, holds in (
        ('UTC', '22:00-06:00', True),
        ('UTC', '22:30-06:00', False),
        ('Europe/Berlin', '23:00-01:00', True),
        ('UTC', 'mon 22:00-23:00', False),
        ('UTC', 'tue 21:00-20:00', True),
        ('UTC', 'mon 23:00-22:30', True),
        ('UTC', 'sat,sun 00:00-24:00', False),
    ):
        text = f"timezone: {zone}\nrules: {{a: {{actions: [lying], schedule: '{schedule}'}}}}"
        alarms = play(engine_of(tmp_path, text), 2, lambda t: [person(lying=0.9)])
        assert bool(alarms) is holds, (zone, schedule)


GROUND = 'ground: {image: [0,1, 1,1, 1,0.2, 0,0.2], metres: [0,0, 10,0, 10,8, 0,8]}\n'


def test_speed_and_zones_in_metres_go_by_the_ground(tmp_path):
    zone = 'zones: {far: {frame: map, coordinates: [0,4, 10,4, 10,8, 0,8]}}\n'
    text = GROUND + zone + 'rules: {fast: {zones: [far], speed: {min: 1.5}, cooldown: 0}}'
    for speed, y, count in ((1.0, 0.3, 0), (2.0, 0.3, 1), (2.0, 0.9, 0)):
        engine = engine_of(tmp_path, text)
        alarms = play(engine, 4, lambda t, s=speed, y=y: [person(x=0.1 + s * t / 10, y=y)])
        assert len(of(alarms, NEW)) == count, (speed, y)
        if count:
            assert alarms[0].values['speed_mps'] == pytest.approx(2.0, abs=0.05)


def test_poses_count_in_the_frame_of_the_zones_alone(tmp_path):
    text = 'zones: {far: {frame: map, coordinates: [0,4, 10,4, 10,8, 0,8]}}\n'
    engine = engine_of(tmp_path, text + 'rules: {a: {zones: [far]}}')

    def at(frame):
        return lambda t: [dataclasses.replace(person(), position=(5.0, 5.0), frame=frame)]

    assert play(engine, 2, at('odom')) == []
    assert engine.poses_elsewhere == 20
    assert len(play(engine, 2, at('map'), begin=2)) == 1


@pytest.mark.parametrize('jump', [-3600.0, 3600.0])
def test_a_clock_that_jumps_ends_open_alarms_first(tmp_path, jump):
    engine = engine_of(tmp_path, 'rules: {down: {actions: [lying]}}')
    [new] = play(engine, 5, lambda t: [person(lying=0.9)])
    [end] = engine.step(scene(5 + jump, person(lying=0.9)))
    assert (end.type, end.id) == (END, new.id)
    assert end.end == end.stamp == nanoseconds(BEGIN + 4.9)
    assert engine.restarts == {'': 1}
    [again] = play(engine, 3, lambda t: [person(lying=0.9)], begin=5.1 + jump)
    assert again.id != new.id


def test_what_is_late_or_without_stamp_is_dropped(tmp_path):
    engine = engine_of(tmp_path, 'rules: {down: {actions: [lying]}}')
    play(engine, 5, lambda t: [person(lying=0.9)])
    assert engine.step(scene(4.8)) == []
    assert engine.step(scene(-BEGIN)) == []
    assert engine.dropped == {'': 2}
    assert len(engine.end_all()) == 1


def test_an_alarm_storm_is_bounded_and_counted(tmp_path):
    kinds = [f'k{i}' for i in range(40)]  # so many that nobody succeeds anybody
    conditions = f'objects: [{", ".join(kinds)}], actions: [lying], min_duration: 0'
    engine = engine_of(tmp_path, f'rules: {{a: {{{conditions}, end_after: 0}}}}')
    alarms = []
    for step in range(100):  # 50 others every 0.1 s: 30,000 occurrences in a minute
        crowd = [
            person(50 * step + i, x=0.02 * i, kind=kinds[step % 40], lying=0.9)
            for i in range(1, 51)
        ]
        alarms += engine.step(scene(step / 10, *crowd))
        assert engine.open_count <= 1000
    assert engine.issued == len(of(alarms, NEW)) == 1000
    assert engine.suppressed > 0
    assert len(of(alarms + engine.end_all(), END)) == 1000


def test_cameras_do_not_mix(tmp_path):
    text = 'zones: {bed: {camera: a, coordinates: [0,0, 1,0, 1,1, 0,1]}}\n'
    engine = engine_of(
        tmp_path, text + 'rules: {x: {zones: [bed]}, y: {actions: [lying], cameras: [b]}}'
    )
    one = play(engine, 2, lambda t: [person(lying=0.9)], camera='a')
    other = play(engine, 2, lambda t: [person(lying=0.9)], camera='b')
    assert [(a.rule, a.camera) for a in one + other] == [('x', 'a'), ('y', 'b')]


def test_a_camera_without_rules_makes_no_alarm_however_many_are_there(tmp_path):
    engine = engine_of(tmp_path, 'rules: {down: {actions: [lying], cameras: [b]}}')
    crowd = [person(number, x=number / 100, lying=0.9) for number in range(1, 80)]
    assert play(engine, 3, lambda t: crowd, camera='a') == []
    assert len(play(engine, 3, lambda t: crowd, camera='b')) == len(crowd)


@pytest.mark.parametrize(
    ('relation', 'count'),
    [
        ('{type: distance, max_distance: 2.0}', 1),
        ('{type: distance, max_distance: 0.5}', 0),
        ('{type: approaching, max_distance: 4.0}', 1),
        ('{type: handing_over, max_distance: 2.0}', 1),
        ('{type: near_miss, pet: null}', 1),
        ('{type: near_miss, ttc: 0.2, pet: null}', 0),
    ],
)
def test_relations_are_of_two_and_in_metres(tmp_path, relation, count):
    engine = engine_of(tmp_path, GROUND + f'rules: {{r: {{relation: {relation}}}}}')

    def two(t):  # 4 m apart, then 1 m from 2 s on
        gap = 4.0 - 1.5 * min(t, 2.0)
        return [
            person(1, x=0.3, handing_over=0.9 if t > 3 else 0.0),
            person(2, x=0.3 + gap / 10),
        ]

    alarms = of(play(engine, 6, two), NEW)
    assert len(alarms) == count
    if count:
        assert alarms[0].track_ids == (1, 2)
        assert alarms[0].values['distance_m'] <= 4.0


def test_a_zone_that_holds_nobody_who_is_hidden_knows_who_is_seen(tmp_path):
    zone = 'zones: {left: {coordinates: [0,0, 0.5,0, 0.5,1, 0,1], inertia: 0, hold: 0}}\n'
    engine = engine_of(tmp_path, zone + 'rules: {r: {zones: [left], dwell: 2}}')
    alarms = play(engine, 5, lambda _time: [person(1, 0.2)])
    assert times(alarms) == [2.0]


def test_who_is_inside_a_zone_is_known_though_no_rule_asks(tmp_path):
    text = f'{BED}rules: {{down: {{actions: [lying]}}}}'
    engine = engine_of(tmp_path, text)
    assert engine.inside('') == {}
    play(engine, 4, lambda t: [person(1, x=0.2), person(2, x=0.8)])
    assert engine.inside('') == {'bed': {1}}
    engine.step(scene(4.0, person(2, x=0.8)))
    assert engine.inside('') == {'bed': set()}

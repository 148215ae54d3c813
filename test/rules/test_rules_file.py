"""Test that a rules file says what it is meant to, and that each fault is named by line and key."""

import pytest
from rule_scenes import rules_of

from actloc_ros.rules.file.names import World, world_faults
from actloc_ros.rules.file.rules_file import RulesError, read_rules

GOOD = """
ground:
  front: {image: [0.20,0.95, 0.80,0.95, 0.62,0.50, 0.38,0.50], metres: [0,0, 4,0, 4,8, 0,8]}
zones:
  bed: {camera: front, coordinates: [0.05,0.50, 0.30,0.50, 0.30,0.90, 0.05,0.90]}
  lobby: {frame: map, coordinates: [0.0,0.0, 6.0,0.0, 6.0,4.0, 0.0,4.0], exit_inertia: 2.0}
lines:
  door: {camera: front, coordinates: [0.45,0.98, 0.52,0.40], direction: in}
notify:
  ops: {mqtt: actloc/alarms, qos: 1}
  family: {apprise: 'env:FAMILY_URL'}
rules:
  person_down:
    any:
      - {sequence: [falling, lying], within: 4.0}
      - {actions: [lying], zones_not: [bed]}
    dwell: 5.0
    notify: [ops, family]
  enters_at_night: {lines: [door], schedule: '22:00-06:00', notify: [ops]}
  loitering: {zones: [lobby], actions: [standing, sitting], dwell: 60, severity: detection}
  overcrowding: {zones: [lobby], count: {min: 6}, min_duration: 3.0, cooldown: 120}
  handover: {zones: [bed], relation: {type: handing_over, max_distance: 1.2}}
  left: {zones: [bed], absence: 60, schedule: 'mon-fri 06:00-14:00'}
"""
LABELS = ('falling', 'lying', 'standing', 'sitting', 'handing_over')
WORLD = World(LABELS, ('front',), False)


def test_the_shape_of_the_design_is_read(tmp_path):
    file = rules_of(tmp_path, GOOD)
    assert list(file.rules.rules) == [
        'person_down',
        'enters_at_night',
        'loitering',
        'overcrowding',
        'handover',
        'left',
    ]
    assert file.rules.zones['lobby'].exit_inertia == 2.0
    assert file.rules.rules['person_down'].any[1].zones_not == ('bed',)
    assert world_faults(file.rules, WORLD) == []


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('dwell: 5.0', 'dwel: 5.0', 'line 18, rules.person_down.dwel: .*is dwell meant'),
        ('0.30,0.90, 0.05,0.90', '0.05,0.90, 0.30,0.90', 'line 6, zones.bed: .*crosses itself'),
        ('0.45,0.98, 0.52,0.40', '0.45,0.98, 0.45,0.98', 'lines.door: .*are the same'),
        ('[0.05,0.50', '[5,0.50', 'shares of the image'),
        ('zones: [lobby], actions', 'zones: [loby], actions', r'loby \(is lobby meant\?\)'),
        ('lines: [door]', 'lines: [gate]', 'no line gate; there are door'),
        ('[ops, family]', '[ops1]', r'no channel of notify ops1 \(is ops'),
        ("'22:00-06:00'", "'22-6'", r"schedule: '22-6' is not \[days\] hh:mm-hh:mm"),
        ("'mon-fri 06:00-14:00'", "'mon-fry 06:00-14:00'", 'is no day'),
        ('severity: detection', 'severity: bad', "it is 'bad'; it must be 'detection' or 'alert'"),
        ('dwell: 60', "dwell: '60'", "dwell: it is '60'"),
        ('dwell: 60', 'dwell: -1', 'dwell: it is -1'),
        ('dwell: 60', 'dwell: .nan', 'dwell: it is nan'),
        ('dwell: 60', 'absence: 60, count: {min: 2}', 'absence and count do not go together'),
        (
            'env:FAMILY_URL',
            'mailto://me:secret@x.org',
            r'line 12, notify.family: .*stands in the file',
        ),
        ('direction: in', 'direction: in, direction: out', 'it stands twice, first in line 9'),
        ('metres: [0,0, 4,0, 4,8, 0,8]', 'metres: [0,0, 4,0, 4,8]', '4 points and metres has 3'),
        ('metres: [0,0, 4,0, 4,8, 0,8]', 'metres: [0,0, 1,0, 2,0, 0,8]', 'on one line'),
        ('rules:\n', 'timezone: Mars/Base\nrules:\n', 'is no time zone'),
        ('max_distance: 1.2', 'max_distance: 1.2, kind: x', 'relation.kind: there is no such key'),
        ('actions: [standing, sitting]', 'actions: sitting', r"it is 'sitting'; it must be a list"),
        ('count: {min: 6}', 'count: 6', 'count: it is 6; it must be keys with their values'),
        ('left: {zones', 'off: {zones', 'it is False; it must be a text; put it in quotes'),
        ('absence: 60', 'objects: []', 'objects: it is empty; it must have one entry'),
        ('absence: 60', 'absence: 60, dwell: 5', 'dwell does not go with absence'),
        ('absence: 60', 'traffic: swerving, dwell: 5', 'dwell does not go with traffic'),
        (
            'zones_not: [bed]',
            'zones_not: [bed], lines: [door]',
            'lines are crossed at once and do not go with dwell',
        ),
    ],
)
def test_each_fault_is_named_by_line_and_key(tmp_path, old, new, said):
    assert old in GOOD
    with pytest.raises(RulesError, match=said):
        rules_of(tmp_path, GOOD.replace(old, new, 1))


def test_all_faults_come_in_one_message_in_the_order_of_lines(tmp_path):
    text = GOOD.replace('dwell: 60', 'dwel: 60').replace('exit_inertia', 'exit')
    with pytest.raises(RulesError) as caught:
        rules_of(tmp_path, text)
    head, *faults = str(caught.value).splitlines()
    assert 'has 2 faults' in head
    assert [fault.split(',')[0].strip() for fault in faults] == ['line 7', 'line 21']


@pytest.mark.parametrize(
    ('world', 'said'),
    [
        (World(('walking', 'lying'), ('front',), False), 'no label of the model falling'),
        (World(LABELS[:4], ('front',), False), 'no label handing_over'),
        (World(LABELS, ('back',), False), 'no camera front'),
        (World(LABELS, ('',), False), '--camera front'),
    ],
)
def test_unknown_labels_and_cameras_are_refused(tmp_path, world, said):
    file = rules_of(tmp_path, GOOD)
    with pytest.raises(RulesError, match=said):
        file.refuse(world_faults(file.rules, world))


def test_metres_are_refused_where_none_are_known(tmp_path):
    rules = rules_of(tmp_path, 'rules:\n  fast: {speed: {min: 2.0}}\n').rules
    [fault] = world_faults(rules, World(LABELS, ('',), False))
    assert fault.path == ('rules', 'fast', 'speed')
    assert world_faults(rules, World(LABELS, ('',), True)) == []


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (
            'ground: {image: [0,1, 1,1, 1,0.5, 0,0.5], metres: [0,0, 4,0, 4,8, 0,8]}\n'
            'zones: {a: {frame: odom, coordinates: [0,0, 4,0, 4,8, 0,8]}}\n'
            'rules: {in_a: {zones: [a]}}',
            'line 4, rules.in_a.zones: a is in odom, but tracks are placed in map',
        ),
        (
            'lines:\n  a: {frame: map, coordinates: [0,0, 4,0]}\n'
            '  b: {frame: odom, coordinates: [0,0, 4,0]}\n'
            'rules: {change: {traffic: {type: lane_change, lines: [b]}}}',
            'line 5, rules.change.traffic.lines: b is in odom, but tracks are placed in map',
        ),
    ],
)
def test_an_area_in_a_frame_in_which_nobody_is_placed_is_refused(tmp_path, text, said):
    with pytest.raises(RulesError, match=said):
        rules_of(tmp_path, text)


def test_an_area_may_be_in_the_frame_of_one_camera_alone(tmp_path):
    text = GOOD.replace('lobby: {frame: map', 'lobby: {frame: odom').replace(
        'metres: [0,0, 4,0, 4,8, 0,8]}', 'metres: [0,0, 4,0, 4,8, 0,8], frame: map}'
    )
    rules = rules_of(tmp_path, text).rules
    assert world_faults(rules, World(LABELS, ('front', 'back'), True)) == []
    faults = world_faults(rules, WORLD)
    assert {fault.path[1] for fault in faults} == {'loitering', 'overcrowding'}


def test_a_rule_that_is_not_enabled_may_ask_for_labels_of_another_model(tmp_path):
    text = 'rules:\n  a: {actions: [dancing], enabled: false}\n  b: {actions: [lying]}\n'
    assert world_faults(rules_of(tmp_path, text).rules, WORLD) == []


@pytest.mark.parametrize('text', ['', '[1]', 'a: {', 'version: 2\nrules: {a: {zones: []}}'])
def test_what_is_no_rules_file_is_refused(tmp_path, text):
    path = tmp_path / 'rules.yaml'
    path.write_text(text)
    with pytest.raises(RulesError, match=r'rules\.yaml'):
        read_rules(path)


def test_a_ground_of_points_that_do_not_fit_one_plane_is_refused(tmp_path):
    five = GOOD.replace('0.38,0.50]', '0.38,0.50, 0.5,0.7]').replace('0,8]}', '0,8, 4,1]}')
    with pytest.raises(RulesError, match=r'ground.front: .*off by'):
        rules_of(tmp_path, five)

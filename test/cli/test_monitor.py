"""Test `actloc monitor`: alarms of a recording and of its bag, as lines and as JSON, and faults."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from actloc_ros.alarms.alarm import alarm_to_json
from actloc_ros.alarms.message import alarm_to_message
from actloc_ros.cli.main import main
from actloc_ros.io.bags import find_type, message_types
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.rules.counts import COLUMNS

LEFT = 'zones:\n  left: {coordinates: [0,0, 0.5,0, 0.5,1, 0,1], inertia: 0.1}\n'
RULES = f'version: 1\n{LEFT}rules:\n  here: {{zones: [left], end_after: 0.2, cooldown: 0}}\n'
KEYS = {
    'type',
    'id',
    'rule',
    'severity',
    'camera',
    'track_ids',
    'labels',
    'zones',
    'start_time',
    'end_time',
}


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """Return a video in which a red block goes to the right, and the bag of its detections."""
    folder = tmp_path_factory.mktemp('monitor')
    with VideoWriter(folder / 'a.mp4', 10.0) as video:
        for step in range(30):
            image = np.full((96, 128, 3), 20, np.uint8)
            image[28:68, 10 + 3 * step : 34 + 3 * step] = 250, 0, 0
            video.write(step * 100_000_000, image)
    model = 'colour_localizer:ColourLocalizer'
    assert main(['run', str(folder / 'a.mp4'), '--model', model, '--out', str(folder / 'bag')]) == 0
    return folder, model


def monitor(capsys, rules, source, *options):
    code = main(['monitor', str(source), '--rules', str(rules), *map(str, options)])
    return code, capsys.readouterr()


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / 'rules.yaml'
    path.write_text(RULES)
    return path


def test_a_recording_and_its_bag_give_the_same_alarms(recorded, rules, tmp_path, capsys):
    folder, model = recorded
    out = tmp_path / 'out'
    code, said = monitor(capsys, rules, folder / 'a.mp4', '--model', model, '--json', '--out', out)
    assert code == 0
    live = [json.loads(line) for line in said.out.splitlines()]
    assert [step['type'] for step in live] == ['new', 'end']
    assert set(live[0]) >= KEYS
    assert live[0]['id'] == live[1]['id']
    assert (live[0]['rule'], live[0]['zones'], live[0]['camera']) == ('here', ['left'], '')
    assert live[0]['start_time'] < live[1]['end_time'] < 2.7
    assert '1 alarms in' in said.err
    assert [json.loads(line) for line in (out / 'alarms.jsonl').read_text().splitlines()] == live
    # Evidence of a recording, which has images.
    for name in ('snapshot', 'clip', 'clip_boxes', 'bag'):
        assert (out / live[1][name]).stat().st_size > 0, name
    _, said = monitor(capsys, rules, folder / 'bag', '--json')
    again = [json.loads(line) for line in said.out.splitlines()]
    for step in (*live, *again):
        for key in ('id', 'snapshot', 'clip', 'clip_boxes', 'bag'):
            del step[key]
    assert again == live


def test_without_json_each_alarm_is_a_line(recorded, rules, capsys):
    folder, _ = recorded
    code, said = monitor(capsys, rules, folder / 'bag')
    [line] = said.out.splitlines()
    assert code == 0
    assert 'alert  here  track 1' in line
    assert 'in left' in line


def test_counts_are_a_table_by_minute_and_zone(recorded, rules, tmp_path, capsys):
    folder, _ = recorded
    out = tmp_path / 'tables' / 'counts.csv'
    code, _ = monitor(capsys, rules, folder / 'bag', '--counts', out)
    assert code == 0
    with out.open() as file:
        reader = csv.DictReader(file)
        [row] = reader
    assert tuple(reader.fieldnames) == COLUMNS
    assert (row['start_time'], row['area'], row['kind']) == ('0.0', 'left', 'person')
    assert row['tracks'] == row['entered'] == row['left'] == row['most'] == '1'
    assert row['flow_per_h'] == ''
    code, said = monitor(capsys, rules, folder / 'bag', '--counts', out)
    assert code == 2
    assert 'exists already; remove it or name another file' in said.err


def test_check_draws_zones_over_a_frame(recorded, rules, tmp_path, capsys):
    folder, model = recorded
    for source, options in ((folder / 'a.mp4', ('--model', model)), (folder / 'bag', ())):
        out = tmp_path / source.name
        code, said = monitor(capsys, rules, source, '--check', '--out', out, *options)
        assert code == 0
        assert said.out.strip() == str(out / 'zones.png')
        image = cv2.imread(str(out / 'zones.png')).astype(int)
        assert image.shape == (96, 128, 3)
        # The zone's colour lies over the left half alone.
        assert image[10:20, 20:60].mean() > image[10:20, 80:120].mean() + 20


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('zones: [left]', 'actions: [flying]', 'no label of the model flying'),
        ('left: {', 'left: {camera: hall, ', 'no camera hall'),
        ('0,0, 0.5,0, 0.5,1, 0,1', '0,0, 0.5,1, 0.5,0, 0,1', 'crosses itself'),
        ('zones: [left]', 'zones: [right]', 'line 5, rules.here.zones: there is no zone right'),
        ('end_after: 0.2', 'speed: {min: 2}', 'metres are not known'),
    ],
)
def test_what_is_wrong_in_rules_is_said_with_its_line(recorded, rules, capsys, old, new, said):
    folder, _ = recorded
    rules.write_text(RULES.replace(old, new))
    code, outputs = monitor(capsys, rules, folder / 'bag')
    assert code == 2
    assert said in outputs.err
    assert str(rules) in outputs.err
    assert 'Traceback' not in outputs.err


def test_what_cannot_be_used_is_refused(recorded, rules, tmp_path, capsys):
    folder, _ = recorded
    for source, options, said in (
        (tmp_path / 'none.mp4', (), 'does not exist'),
        (folder / 'bag', ('--model', 'motion'), '--model has no meaning'),
        (folder / 'bag', ('--topic', '/x'), 'no topic /x'),
        (folder / 'bag', ('--notify',), '--notify needs --out'),
    ):
        code, outputs = monitor(capsys, rules, source, *options)
        assert code == 2
        assert said in outputs.err
    monitor(capsys, rules, folder / 'bag', '--out', tmp_path / 'out')
    code, outputs = monitor(capsys, rules, folder / 'bag', '--out', tmp_path / 'out')
    assert code == 2
    assert 'exists already' in outputs.err
    shutil.rmtree(tmp_path / 'out')


def test_an_alarm_is_the_same_as_message_and_as_json(alarm_step):
    message = alarm_to_message(alarm_step, find_type, 'optical')
    types = message_types()
    kind = 'actloc_ros/msg/ActionAlarm'
    back = types.deserialize_cdr(types.serialize_cdr(message, kind), kind)
    said = alarm_to_json(alarm_step)
    for key in ('id', 'rule', 'camera', 'labels', 'zones', 'entered_zones', 'lines', 'clip'):
        assert getattr(back, key) == said[key]
    assert back.track_ids.tolist() == said['track_ids']
    assert dict(zip(back.measures, back.values.tolist(), strict=True)) == said['values']
    assert (back.type, back.severity) == (back.UPDATE, back.ALERT)
    assert back.header.frame_id == 'optical'


@pytest.fixture
def alarm_step():
    from actloc_ros.alarms.alarm import Alarm, AlarmType, Evidence, Severity

    return Alarm(
        AlarmType.UPDATE,
        'a-1',
        'down',
        Severity.ALERT,
        'hall',
        3_000_000_000,
        1_000_000_000,
        2_500_000_000,
        (1, 7),
        ('falling', 'lying'),
        ('bed',),
        ('bed', 'door'),
        ('gate',),
        0.75,
        {'dwell_s': 5.0},
        evidence=Evidence(clip='a-1.mp4'),
    )


def test_vehicles_come_beside_the_people(recorded, tmp_path, capsys):
    folder, _ = recorded
    boxes, path = tmp_path / 'boxes.csv', tmp_path / 'rules.yaml'
    boxes.write_text(''.join(f'{i + 1},-1,{60 + i},40,30,20,0.9\n' for i in range(30)))
    path.write_text(
        f'version: 1\n{LEFT.replace("0.5", "1")}rules:\n  car: {{objects: [car], zones: [left]}}\n'
    )
    code, said = monitor(capsys, path, folder / 'bag', '--json', '--boxes', boxes)
    new, end = (json.loads(line) for line in said.out.splitlines())
    assert (code, new['type'], end['type']) == (0, 'new', 'end')
    assert new['track_ids'] == [1_000_001]
    code, said = monitor(capsys, path, folder / 'a.mp4', '--boxes', '/cars', '--model', recorded[1])
    assert code == 2
    assert '/cars is no file' in said.err

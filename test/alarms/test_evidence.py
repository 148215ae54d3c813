"""Check the files that evidence leaves, and that nothing can make it lose an alarm."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from alarm_steps import BEGIN, SECOND, alarm, frame
from mcap.reader import make_reader

from actloc_ros.alarms.alarm import AlarmType, Evidence
from actloc_ros.alarms.alarm_bag import SerializedMessage, message_definition
from actloc_ros.alarms.clip import AlarmFiles
from actloc_ros.alarms.evidence import EvidenceRecorder
from actloc_ros.alarms.evidence_options import Capture, DiskBudget, EvidenceOptions
from actloc_ros.files import OutputError
from actloc_ros.io.bags import find_type, message_types
from actloc_ros.io.drawing import ActionRow
from actloc_ros.io.image_file import read_image
from actloc_ros.io.sources import open_source
from actloc_ros.messages import header_message

SMALL = DiskBudget(min_free=0)
SHORT = Capture(pre_capture=2.0, post_capture=1.0)
OPTIONS = EvidenceOptions(default=SHORT, budget=SMALL, lossless=True)
RATE = 10


def play(recorder, begin, end):
    """Feed frames from `begin` to before `end` s."""
    for number in range(round(begin * RATE), round(end * RATE)):
        recorder.add_frame(frame(number / RATE))


def record(recorder, number=1, **changes):
    """Feed 9 s with an alarm of 2 s in the middle; return its last step."""
    play(recorder, -5, 0)
    recorder.attach(alarm(0, number=number, **changes))
    play(recorder, 0, 2)
    last = recorder.attach(alarm(2, AlarmType.END, number, **changes))
    play(recorder, 2, 5)
    return last


def stamps(path):
    """Return the stamps of a clip's frames in s from its first on, and their greys."""
    frames = list(open_source(path))
    return [f.stamp / SECOND for f in frames], [float(f.image.mean()) for f in frames]


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file())


def detections(at):
    header = header_message(find_type, BEGIN + round(at * SECOND), 'front_optical')
    data = bytes(message_types().serialize_cdr(header, 'std_msgs/msg/Header'))
    definition = message_definition('std_msgs/msg/Header')
    kind = 'std_msgs/msg/Header'
    stamp = BEGIN + round(at * SECOND)
    return SerializedMessage('front', '/front/header', kind, definition, stamp, data)


def test_an_alarm_has_clips_a_snapshot_and_the_messages(tmp_path):
    with EvidenceRecorder(tmp_path, OPTIONS) as recorder:
        play(recorder, -5, 0)
        first = recorder.attach(alarm(0))
        for number in range(-30, 30):
            recorder.add_message(detections(number / 10))
        play(recorder, 0, 2)
        last = recorder.attach(alarm(2, AlarmType.END))
        play(recorder, 2, 5)
    assert recorder.counts().clips == recorder.counts().snapshots == 1
    assert recorder.counts().fault == ''
    assert first.evidence == last.evidence != Evidence()
    times, greys = stamps(tmp_path / last.evidence.clip)
    assert times == pytest.approx(np.arange(0, 5.05, 0.1), abs=1e-3)  # -2 to 3 s
    assert greys[0] == pytest.approx(80, abs=4)
    assert greys[-1] == pytest.approx(130, abs=4)
    boxed_times, _ = stamps(tmp_path / last.evidence.clip_boxes)
    assert boxed_times == times
    snapshot = read_image(tmp_path / last.evidence.snapshot)
    assert snapshot.std() > 5  # a box on grey
    check_bag(tmp_path / last.evidence.bag)
    told = json.loads((tmp_path / last.evidence.clip).with_name('alarm.json').read_text())
    assert told['type'] == 'end'
    assert told['clip'] == 'clip.mp4'
    assert told['fault'] == ''


def check_bag(path):
    with path.open('rb') as file:
        found = [(s, c, m) for s, c, m in make_reader(file).iter_messages()]
    topics = [channel.topic for _, channel, _ in found]
    assert topics.count('/front/image/compressed') == 51
    assert topics.count('/front/header') == 50  # -2 to before 3 s
    assert topics.count('/actloc/alarm') == 1
    schema, _, event = found[topics.index('/actloc/alarm')]
    assert schema.name == 'foxglove_msgs/msg/Event'
    assert b'KeyValuePair[] metadata' in schema.data
    assert b'person_down' in event.data
    assert event.log_time == BEGIN
    assert 'dwell_s' in event.data.decode(errors='replace')
    recorded = list(open_source(path))  # rosbags reads it too
    assert recorded[0].stamp == BEGIN - 2 * SECOND
    assert recorded[0].frame_id == 'front_optical'


def test_boxes_are_those_of_the_detections_where_they_are_known(tmp_path):
    row = ActionRow(3, (5.0, 20.0, 60.0, 44.0), 'lying', 0.8, 1.0)
    with EvidenceRecorder(tmp_path, OPTIONS) as recorder:
        for number in range(-30, 40):
            recorder.add_frame(frame(number / RATE))
            recorder.add_rows('front', BEGIN + number * SECOND // RATE, [row])
            if number == 0:
                made = recorder.attach(alarm(0))
            if number == 20:
                recorder.attach(alarm(2, AlarmType.END))
    plain, boxed = (
        next(iter(open_source(tmp_path / path))).image.astype(int)
        for path in (made.evidence.clip, made.evidence.clip_boxes)
    )
    assert plain.std() < 3
    assert np.abs(boxed - plain)[44, 5:60].max() > 30  # 2 s before the alarm


def test_a_clip_is_cut_where_the_clock_jumps_and_at_its_longest(tmp_path):
    with EvidenceRecorder(tmp_path, OPTIONS) as recorder:
        play(recorder, -5, 0)
        jumped = recorder.attach(alarm(0))
        play(recorder, 0, 3)
        play(recorder, -100, -98)
        recorder.attach(alarm(-99, AlarmType.END))
    times, _ = stamps(tmp_path / jumped.evidence.clip)
    assert times[-1] == pytest.approx(4.9, abs=1e-3)
    longest = replace(OPTIONS, captures={'person_down': replace(SHORT, max_length=3.0)})
    with EvidenceRecorder(tmp_path / 'other', longest) as recorder:
        made = record(recorder)
    times, _ = stamps(tmp_path / 'other' / made.evidence.clip)
    assert times[-1] == pytest.approx(3.0, abs=1e-3)


def test_jpeg_that_came_so_is_kept_as_it_is(tmp_path):
    jpeg, shown = tmp_path / 'given.jpg', frame(0)
    cv2.imwrite(str(jpeg), shown.image)
    with EvidenceRecorder(tmp_path / 'out', OPTIONS) as recorder:
        recorder.add_frame(shown, jpeg.read_bytes())
        made = recorder.attach(alarm(0))
        recorder.attach(alarm(0, AlarmType.END))
    bag = (tmp_path / 'out' / made.evidence.bag).read_bytes()
    assert jpeg.read_bytes() in bag


def test_names_lie_in_the_folder_whatever_a_rule_is_called(tmp_path):
    inside = tmp_path / 'in'
    with EvidenceRecorder(inside, OPTIONS) as recorder:
        one = record(recorder, rule='../../etc: *?\0"ü' * 30, id='../../x\0')
        other = recorder.attach(alarm(0, rule='../../etc: *?\0"ü' * 30, id='../../X\0'))
    assert one.evidence.clip != other.evidence.clip
    assert len(Path(one.evidence.clip).parts) == 3
    assert (inside / one.evidence.clip).exists()
    assert [p.name for p in tmp_path.iterdir()] == ['in']


def test_an_alarm_of_an_unknown_camera_is_reported_and_not_lost(tmp_path):
    faults = []
    with EvidenceRecorder(tmp_path, OPTIONS, faults.append) as recorder:
        made = record(recorder, camera='back')
    assert made.id == 'alarm-1'
    assert any("no frame of camera 'back' was there" in fault for fault in faults)
    counts = recorder.counts()
    assert (counts.clips, counts.clips_failed, counts.snapshots_failed) == (0, 1, 1)
    assert [Path(name).name for name in files(tmp_path)] == ['.lock', 'alarm.json']


def test_a_full_disk_refuses_evidence_and_keeps_the_alarms(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(100, 100, 0))
    faults = []
    with EvidenceRecorder(tmp_path, replace(OPTIONS, budget=DiskBudget()), faults.append) as full:
        made = record(full)
    assert made.evidence == Evidence()
    assert full.counts().refused == 1
    assert sum('has no room' in fault for fault in faults) == 1
    assert files(tmp_path) == ['.lock']


def test_a_disk_that_fills_while_a_clip_is_written_leaves_no_broken_file(small_disk):
    disk, faults = small_disk('200k'), []
    (disk / 'others').write_bytes(bytes(150_000))
    noise = np.random.default_rng(0)
    with EvidenceRecorder(disk, OPTIONS, faults.append) as recorder:
        for number in range(-50, 50):
            shown = frame(number / RATE)
            shown.image[:] = noise.integers(0, 255, shown.image.shape, np.uint8)
            recorder.add_frame(shown)
            if number == 0:
                recorder.attach(alarm(0))
            if number == 20:
                last = recorder.attach(alarm(2, AlarmType.END))
    assert last.type is AlarmType.END
    assert recorder.counts().clips_failed == 1
    assert any('No space left' in fault for fault in faults), faults
    left = [Path(name).name for name in files(disk)]
    assert 'clip.mp4' not in left
    assert not [name for name in left if name.startswith('.') and name != '.lock']
    assert (disk / 'others').stat().st_size == 150_000


def test_the_oldest_alarms_go_first_and_nothing_else_goes(tmp_path):
    (tmp_path / '2020-01-01').mkdir()
    (tmp_path / '2020-01-01' / 'notes.txt').write_text('mine')
    (tmp_path / 'clip.mp4').write_text('mine')
    with EvidenceRecorder(tmp_path, OPTIONS) as recorder:
        made = [record(recorder, number) for number in (1, 2, 3)]
    used = sum(p.stat().st_size for p in (tmp_path / made[0].evidence.clip).parent.iterdir())
    budget = replace(SMALL, max_bytes=round(2.5 * used))
    with EvidenceRecorder(tmp_path, replace(OPTIONS, budget=budget)) as recorder:
        pass
    assert recorder.counts().removed == 1
    there = [(tmp_path / each.evidence.clip).exists() for each in made]
    assert there == [False, True, True]
    with EvidenceRecorder(tmp_path, replace(OPTIONS, budget=replace(SMALL, max_days=0.0))):
        pass
    assert files(tmp_path) == ['.lock', '2020-01-01/notes.txt', 'clip.mp4']


def test_two_nodes_do_not_share_a_folder(tmp_path):
    program = (
        'import sys, time; from actloc_ros.alarms.evidence import EvidenceRecorder\n'
        f'EvidenceRecorder({str(tmp_path)!r}); print("ready", flush=True); time.sleep(60)'
    )
    other = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b'ready\n'
    with pytest.raises(OutputError, match=f'in use by process {other.pid}'):
        EvidenceRecorder(tmp_path)
    other.kill()
    other.wait(10)
    left = tmp_path / '2023-11-14' / '221320_person_down_0123456789ab'
    left.mkdir(parents=True)
    (left / '.deadbeef.mp4').write_text('unfinished')
    EvidenceRecorder(tmp_path, OPTIONS).close()
    assert files(tmp_path) == ['.lock']


def test_a_storm_of_alarms_is_bounded_and_counted(tmp_path):
    options = replace(OPTIONS, max_clips=2)
    with EvidenceRecorder(tmp_path, options) as recorder:
        play(recorder, -5, 0)
        steps = []
        for number in range(1000):  # in 60 s
            at = 0.06 * number
            if number % 10 == 0:
                recorder.add_frame(frame(at))
            begun = recorder.attach(alarm(at, number=number, start=BEGIN + round(at * SECOND)))
            steps.append(begun)
            recorder.attach(
                alarm(at, AlarmType.END, number=number, start=BEGIN + round(at * SECOND))
            )
            assert threading.active_count() < 20
    counts = recorder.counts()
    assert len(steps) == 1000
    assert counts.clips + counts.refused == 1000
    assert counts.clips == sum(bool(step.evidence.clip) for step in steps) >= 2
    assert counts.snapshots == 1000
    assert counts.clips_failed == counts.steps_lost == 0


def test_who_feeds_it_is_never_held_up(tmp_path, monkeypatch):
    stuck = threading.Event()
    monkeypatch.setattr(AlarmFiles, 'advance', lambda *_: stuck.wait(30) and 0)
    options = replace(OPTIONS, lossless=False, default=replace(SHORT, snapshot=False))
    recorder = EvidenceRecorder(tmp_path, options)
    recorder.add_frame(frame(-1))
    recorder.attach(alarm(0))
    deadline = time.monotonic() + 20
    at = 0.0
    while not recorder.counts().frames_lost and time.monotonic() < deadline:
        at += 0.1
        recorder.add_frame(frame(at))
    for number in range(2000):
        assert recorder.attach(alarm(0, number=number + 2)).id == f'alarm-{number + 2}'
    counts = recorder.counts()
    assert counts.frames_lost > 0
    assert counts.steps_lost > 0
    stuck.set()
    recorder.close()

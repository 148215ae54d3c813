"""Check how results are counted and written, on cases by hand and in one small run of all parts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actloc_ros.localizer import ClipInfo, Detections, Localizer
from actloc_ros.models.checkpoints import write_checkpoint
from actloc_ros.synth import LABELS
from actloc_ros.training.config import Data, Schedule, TrainingConfig
from actloc_ros.training.data.augment import ColumnNames
from actloc_ros.training.engine import make_detector
from actloc_ros.truth.boxes import Tube
from benchmark.results import __main__ as results
from benchmark.results import common, instances
from benchmark.results import falls_alarms as falls

SECOND = 1_000_000_000
BOX = (10.0, 20.0, 40.0, 90.0)


def span(label, start, end, box=BOX, reported=None, track=1) -> instances.Span:
    """Return an instance from `start` to `end` seconds, in a video of 10 Hz."""
    frames = np.arange(round(start * 10), round(end * 10))
    tube = Tube(0, 0, frames, np.tile(box, (len(frames), 1)))
    when = start if reported is None else reported
    times = [round(t * SECOND) for t in (start, end, when)]
    return instances.Span(label, times[0], times[1], tube, times[2], track)


def test_a_section_is_replaced_and_all_else_stays():
    document = results.with_section('# Head\n', 'synth', '## U\nold')
    document = results.with_section(document, 'real', '## S\nfirst')
    assert document.index('## S') < document.index('## U')
    document = document.replace('# Head\n', '# Head\n\nBy hand.\n')
    changed = results.with_section(document, 'synth', '## U\nnew \\1')
    assert 'new \\1' in changed
    assert 'old' not in changed
    assert changed.replace('new \\1', 'old') == document
    last = results.with_section(changed, 'versus', '## V')
    assert last.startswith(changed.rstrip())
    assert results.with_section(last, 'versus', '## V') == last


def test_starts_are_matched_by_label_and_overlap():
    true = [span('walking', 0, 4), span('walking', 6, 8), span('waving', 1, 2)]
    reported = [
        span('walking', 0.3, 2.9, reported=0.5),  # the first
        span('walking', 3.0, 3.9),  # a second piece of the first
        span('walking', 6, 8, box=(60.0, 20.0, 90.0, 90.0)),  # elsewhere
        span('pointing', 1, 2),  # another label
    ]
    starts = instances.match_starts(true, reported)
    assert starts['walking'].errors == pytest.approx([0.3])
    assert starts['walking'].delays == pytest.approx([0.5])
    assert (starts['walking'].missed, starts['walking'].false) == (1, 2)
    assert (starts['waving'].missed, starts['waving'].false) == (1, 0)
    assert (starts['pointing'].count, starts['pointing'].false) == (0, 1)


def test_each_instance_stands_for_one_and_overlaps_are_largest_together():
    true = [span('walking', 0, 2), span('walking', 2, 4)]
    reported = [span('walking', 0.8, 4)]
    [starts] = instances.match_starts(true, reported).values()
    assert starts.errors == pytest.approx([-1.2])
    assert (starts.missed, starts.false) == (1, 0)


def test_a_touch_in_time_is_no_match():
    [starts] = instances.match_starts([span('falling', 0, 2)], [span('falling', 1.9, 6)]).values()
    assert (starts.missed, starts.false, starts.errors) == (1, 1, [])


def fall(onset, end=8.0, duration=8.0) -> falls.FallClip:
    return falls.FallClip(Path('fall.mp4'), 1, onset, end, duration)


def test_an_alarm_from_a_second_before_the_onset_finds_the_fall():
    alarms = falls.Alarms([], [])
    early, late = span('falling', 2.4, 3, reported=2.6), span('falling', 3.5, 4)
    alarms.add(fall(3.0), [late, early, span('falling', 0.5, 1)])
    assert alarms.onsets == pytest.approx([-0.6])
    assert alarms.delays == pytest.approx([-0.4])
    assert (alarms.missed, alarms.false_in_falls) == (0, 1)


def test_an_alarm_long_before_the_fall_does_not_find_it():
    alarms = falls.Alarms([], [])
    alarms.add(fall(3.0), [span('falling', 1.9, 6)])
    alarms.add(fall(3.0, end=5.0), [span('falling', 5.5, 6)])
    alarms.add(fall(3.0), [])
    assert (alarms.missed, alarms.false_in_falls, alarms.onsets) == (3, 2, [])


def test_alarms_in_daily_activities_are_false_and_counted_by_the_minute():
    alarms = falls.Alarms([], [])
    daily = falls.FallClip(Path('daily.mp4'), 1, None, 20.0, 20.0)
    alarms.add(daily, [span('falling', 1, 2), span('falling', 5, 6)])
    alarms.add(fall(3.0), [span('falling', 3, 4)])
    numbers = falls.alarm_numbers(alarms, [daily, fall(3.0)])
    assert (numbers['false_in_daily'], numbers['false_in_falls']) == (2, 0)
    assert numbers['false_a_minute'] == pytest.approx(2 / (22 / 60))
    assert (numbers['found'], numbers['onset_error_median']) == (1, 0.0)


class Silent(Localizer):
    """Has labels, and is never run."""

    name, labels = 'silent', ('falling', 'lying')
    step = reset = None


def kept(scores) -> tuple[common.TimedLocalizer, list[common.TimedDetections]]:
    """Return a model and its detections at 10 Hz with the scores of falling and lying."""
    clip = []
    for number, row in enumerate(scores):
        stamp = number * SECOND // 10
        found = Detections(
            np.array([BOX], np.float32),
            np.array([0.9], np.float32),
            np.array([row], np.float32),
            ClipInfo(stamp, stamp),
        )
        clip.append(common.TimedDetections(stamp, 100, 100, found, 0.01))
    return common.TimedLocalizer(Silent()), clip


def test_instances_are_those_of_the_pipeline():
    model, clip = kept([(0, 0)] * 10 + [(0.9, 0)] * 6 + [(0, 0.8)] * 14)
    falling, lying = instances.reported_spans(model, clip)
    assert (falling.label, lying.label) == ('falling', 'lying')
    assert (falling.start, falling.reported, falling.end) == (SECOND, 1.2 * SECOND, 1.5 * SECOND)
    assert falling.tube.frames.tolist() == list(range(10, 16))
    assert np.allclose(falling.tube.boxes, BOX)
    assert (lying.start, lying.end) == (1.6 * SECOND, 2.9 * SECOND)
    assert lying.track == falling.track


def test_notes_of_falls_are_read(shared):
    clips = falls.read_clips(shared / 'data' / 'gmdcsa24')
    assert len(clips) == 14
    assert sum(clip.onset is not None for clip in clips) == 8
    first = next(clip for clip in clips if clip.path.parts[-3:] == ('subject2', 'Fall', '12.mp4'))
    assert (first.subject, first.onset) == (2, 6.9)
    assert first.end == first.duration == pytest.approx(12.26, abs=0.01)
    assert len(falls.read_clips(shared / 'data' / 'gmdcsa24', 1)) == 4


@pytest.fixture(scope='module')
def weights(tmp_path_factory) -> Path:
    """Return a checkpoint of small input with the synthetic labels; it detects actors anywhere."""
    path = tmp_path_factory.mktemp('weights') / 'stream_n.safetensors'
    data = Data(train=('none',), height=64, width=64, frames=4, rate=12.5)
    config = TrainingConfig('stream_n', 'untrained', data, Schedule(steps=1))
    detector = make_detector(config, ColumnNames(LABELS))
    for head in detector.network.heads:
        head.actor.bias.data.fill_(1.0)
    write_checkpoint(path, detector.network.state_dict(), detector.entry)
    return path


@pytest.mark.timeout(300)
def test_all_parts_run_and_leave_their_numbers(shared, weights, tmp_path):
    out = tmp_path / 'results.md'
    command = [sys.executable, '-m', 'benchmark.results', '--shared', shared]
    command += ['--weights', weights, '--out', out, '--scenes', '1', '--seconds', '1']
    command += ['--frames', '6']
    command += ['--minutes', '0.02', '--train-scenes', '1', '--train-seconds', '2']
    command += ['--train-size', '64', '64']
    command += ['--only', 'synth', 'versus']
    subprocess.run(command, check=True, timeout=280)
    numbers = json.loads(out.with_suffix('.json').read_text())
    text = out.read_text()
    assert [row['name'] for row in numbers['versus']['rows']] == ['stream_n', 'yowov2_nano']
    assert all(row['steps'] >= 1 for row in numbers['versus']['rows'])
    assert numbers['synth']['frames'] == 15
    assert 0 <= numbers['synth']['frame_map'] <= 1
    assert f'| frame-mAP@0.5 | {numbers["synth"]["frame_map"]:.3f} |' in text
    assert text.count('<!-- results: ') == 2


def test_a_part_without_its_data_says_so(weights, tmp_path):
    command = [sys.executable, '-m', 'benchmark.results', '--shared', tmp_path]
    command += ['--weights', weights, '--out', tmp_path / 'results.md', '--only', 'learning']
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert 'there is no data at' in done.stderr
    assert not (tmp_path / 'results.md').exists()


def test_paragraphs_are_wrapped_and_tables_are_not():
    row = '| ' + 'cell ' * 30 + '|'
    text = results.wrapped(f'## Head\n\n{"some words " * 20}\n\n{row}\n{row}')
    head, paragraph, table = text.split('\n\n')
    assert head == '## Head'
    assert table == f'{row}\n{row}'
    assert paragraph.split() == ['some', 'words'] * 20
    assert max(map(len, paragraph.splitlines())) <= 100
    assert len(paragraph.splitlines()) == 3

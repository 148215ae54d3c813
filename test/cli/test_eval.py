"""Check `actloc eval` on files in the field's formats, right and broken."""

import csv
import io
import json
import re
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.cli.main import main

MODELS = {'SLOWFAST_8x8_R50': 0.43019, 'I3D_NLN_8x8_R50': 0.47121}


def evaluate(tmp_path, protocol, truth, detections, *options):
    """Run the command on files, or on content that it writes into them; return the results."""
    arguments = []
    for option, content in [('--ground-truth', truth), ('--detections', detections)]:
        path = content
        if isinstance(content, str):
            path = tmp_path / f'{option[2:]}.csv'
            path.write_text(content)
        elif isinstance(content, (dict, list)):
            path = tmp_path / f'{option[2:]}.json'
            path.write_text(json.dumps(content))
        arguments += [option, str(path)]
    out = tmp_path / 'out.json'
    command = ['eval', '--protocol', protocol, *arguments, '--json', str(out), *options]
    code = main([str(word) for word in command])
    return json.loads(out.read_text()) if code == 0 else code


def values(results):
    return {figure['name']: figure['value'] for figure in results['figures']}


@pytest.mark.parametrize(('model', 'expected'), MODELS.items())
def test_published_detections_give_the_published_figures(tmp_path, capsys, shared, model, expected):
    folder = shared / 'data/eval_reference/microg4m'
    truth = folder / 'groundtruth_files/ava_test_gt.csv'
    detections = folder / model / 'detailed_csv/detections_test.csv'
    results = evaluate(tmp_path, 'ava-official', truth, detections)
    (figure,) = results['figures']
    assert figure['value'] == pytest.approx(expected, abs=1e-5)
    assert figure['classes_counted'] == 41
    with (folder / model / 'detailed_csv/ap_per_class_test.csv').open() as file:
        published = {int(row['action_id']): float(row['ap50']) for row in csv.DictReader(file)}
    for each in figure['classes']:
        assert each['ap'] == pytest.approx(published[each['id']], abs=3e-5), each
    text = capsys.readouterr().out
    assert f'ava-official frame-mAP@0.5: {expected} over 41 classes' in text
    assert '2,656 boxes in 1,091 frames' in text
    assert '56,850 boxes; 10,233 left out of classes that are not evaluated' in text


TRUTH = 'a,902,0.1,0.1,0.5,0.5,1,7\na,902,0.1,0.1,0.5,0.5,2,7\na,903,0.2,0.2,0.6,0.6,1,7\na,0904\n'
FOUND = 'a,0902,0.1,0.1,0.5,0.5,1,0.9\na,0902,0.1,0.1,0.5,0.5,2,0.8\na,0903,0.2,0.2,0.6,0.6,1,-3\n'


def test_ava_perfect_missing_and_false(tmp_path, capsys):
    assert values(evaluate(tmp_path, 'ava-official', TRUTH, FOUND)) == {'frame-mAP@0.5': 1.0}
    # class 1 found in one of two frames, class 2 wholly
    missing = ''.join(FOUND.splitlines(True)[:2])
    assert values(evaluate(tmp_path, 'ava-official', TRUTH, missing))['frame-mAP@0.5'] == 0.75
    # 904 was looked at and nothing was there; 905 was not looked at
    false = 'a,904,0,0,1,1,1,1\na,905,0,0,1,1,1,1\n' + FOUND
    results = evaluate(tmp_path, 'ava-official', TRUTH, false)
    assert values(results)['frame-mAP@0.5'] == pytest.approx((2 / 3 + 1) / 2)
    assert results['figures'][0]['left_out'] == {'in frames without ground truth': 1}
    assert 'class' in capsys.readouterr().out
    assert values(evaluate(tmp_path, 'ava-official', TRUTH, ''))['frame-mAP@0.5'] == 0


def test_ava_label_map_and_exclusions_say_what_counts(tmp_path):
    labels = tmp_path / 'labels.pbtxt'
    labels.write_text(
        'item {\n  name: "stand"\n  id: 2\n}\nlabel {\n name: "fly"\n label_id: 99\n}\n'
    )
    excluded = tmp_path / 'excluded.csv'
    excluded.write_text('a,0903\nother,0903\n')
    results = evaluate(tmp_path, 'ava-official', TRUTH, FOUND, '--label-map', labels)
    assert [(c['name'], c['ap']) for c in results['figures'][0]['classes']] == [
        ('stand', 1.0),
        ('fly', None),
    ]
    assert results['figures'][0]['classes_counted'] == 1
    # class 1 is among AVA's official 60, class 2 is not
    results = evaluate(tmp_path, 'ava-official', TRUTH, FOUND, '--label-map', 'ava60')
    assert len(results['figures'][0]['classes']) == 60
    assert results['figures'][0]['classes_counted'] == 1
    assert results['detections']['left_out'] == {'of classes that are not evaluated': 1}
    results = evaluate(tmp_path, 'ava-official', TRUTH, FOUND, '--excluded', excluded)
    assert results['ground_truth'] | {'file': ''} == {
        'file': '', 'videos': 1, 'frames': 2, 'boxes': 2, 'tubes': None,
    }  # fmt: skip


def test_ava_keeps_the_fifty_surest_boxes_of_a_frame(tmp_path):
    corner = 1 + np.arange(60)
    rows = [f'a,902,{0.001 * c},0,{0.001 * c + 0.5},0.5,1,{c / 100}\n' for c in corner]
    # the least sure box alone is right
    truth = 'a,902,0,0.6,0.4,1,1\n'
    found = 'a,902,0,0.6,0.4,1,1,0.001\n' + ''.join(rows)
    results = evaluate(tmp_path, 'ava-official', truth, found)
    assert values(results)['frame-mAP@0.5'] == 0
    assert results['figures'][0]['left_out'] == {'beyond 50 boxes a frame': 11}
    found = 'a,902,0,0.6,0.4,1,1,0.001\n' + ''.join(rows[:49])
    assert values(evaluate(tmp_path, 'ava-official', truth, found))['frame-mAP@0.5'] == 1 / 50


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('a,903,0.2,0.2,0.6,0.6,1', r'line 4: 7 columns; expected video,time,.*,class,score'),
        ('a,903,0.2,zero,0.6,0.6,1,1', r"line 4: could not convert string to float: 'zero'"),
        ('a,903,0.2,0.2,0.6,0.6,1,nan', r'line 4: the score is nan'),
        ('a,903,20,20,60,60,1,1', r'line 4: the box \[20.0, 20.0, 60.0, 60.0\] leaves \[0, 1\]'),
        ('a,903,0.2,nan,0.6,0.6,1,1', r'line 4: the box .* leaves'),
        ('b,903,0.2,0.2,0.6,0.6,1,1', r"line 4: video 'b' is not in the ground truth"),
        ('a,903,0.2,0.2,0.6,0.6,81,1', r'line 4: unknown class 81'),
        ('a,903,0.2,0.2,0.6,0.6,0,1', r'line 4: the class is 0'),
        ('a,soon,0.2,0.2,0.6,0.6,1,1', r"line 4: 'soon' is no time in seconds"),
    ],
)  # fmt: skip
def test_broken_ava_rows_are_named(tmp_path, capsys, row, message):
    assert evaluate(tmp_path, 'ava-official', TRUTH, FOUND + row + '\n') == 2
    error = capsys.readouterr().err
    assert error.startswith('actloc: error: ')
    assert error.count('\n') == 1
    assert re.search(message, error), error


def pyannot(shift=0, start=0, length=20, scored=None, label=3):
    boxes = [[50 + shift + i, 60, 40, 80] for i in range(length)]
    tube = {'label': label, 'sf': start, 'ef': start + length, 'boxes': boxes}
    tube |= {} if scored is None else {'score': scored}
    return {'CliffDiving/v_1': {'numf': 60, 'label': label, 'annotations': [tube]}}


VIDEO = ['video-mAP@0.2', 'video-mAP@0.5', 'video-mAP@0.75']


@pytest.mark.parametrize('protocol', ['ucf24-act', 'ucf24-yowo', 'jhmdb'])
def test_pyannot_tubes_perfect_late_and_shifted(tmp_path, capsys, protocol):
    truth = pyannot()
    results = evaluate(tmp_path, protocol, truth, pyannot(scored=0.9))
    assert values(results) == dict.fromkeys(['frame-mAP@0.5', *VIDEO], pytest.approx(1.0))
    assert results['averages'] == {'video-mAP@0.5:0.95': pytest.approx(1.0)}
    # the second half only, and as much after it: temporal IoU 1/3
    late = values(evaluate(tmp_path, protocol, truth, pyannot(shift=10, start=10, scored=0.9)))
    assert [late[name] for name in VIDEO] == [1, 0, 0]
    # half of a 40-pixel-wide box (41 with the pixel more): spatial IoU 21/61
    shifted = values(evaluate(tmp_path, protocol, truth, pyannot(shift=20, scored=0.9)))
    assert [shifted[name] for name in ['frame-mAP@0.5', *VIDEO]] == [0, 1, 0, 0]
    text = capsys.readouterr().out
    assert f'{protocol} video-mAP@0.5:0.95: 1.00000' in text
    assert '1 of 24 classes' in text
    assert 'tubes         1, as given' in text


def test_whether_frames_without_ground_truth_count(tmp_path):
    truth = pyannot(length=20)
    # right in the ten last frames of the truth, then ten more: 10 hits of 20, then 10 misses
    found = pyannot(shift=10, start=10, length=20, scored=0.9)
    found['CliffDiving/v_1']['annotations'][0]['scores'] = np.linspace(0.9, 0.5, 20).tolist()
    assert values(evaluate(tmp_path, 'ucf24-act', truth, found))['frame-mAP@0.5'] == 0.5
    found['CliffDiving/v_1']['annotations'][0]['scores'].reverse()
    yowo = values(evaluate(tmp_path, 'ucf24-yowo', truth, found))['frame-mAP@0.5']
    act = values(evaluate(tmp_path, 'ucf24-act', truth, found))['frame-mAP@0.5']
    assert yowo == 0.5
    assert act < 0.3


GT = {
    'labels': ['push', 'kick'],
    'test_videos': [['m/v1', 'm/v2']],
    'resolution': {'m/v1': [720, 1280], 'm/v2': [720, 1280]},
    'gttubes': {
        'm/v1': {'0': [[[f, 10, 10, 60, 90] for f in range(1, 11)]]},
        'm/v2': {'1': [[[f, 20, 10, 60, 90] for f in range(5, 9)]]},
    },
}


def frame_rows(score=0.9):
    first = [[0, f, 0, score, 10, 10, 60, 90] for f in range(1, 11)]
    return first + [['m/v2', f, 'kick', score, 20, 10, 60, 90] for f in range(5, 9)]


def test_multisports_boxes_and_tubes(tmp_path, capsys):
    results = evaluate(tmp_path, 'jhmdb', GT, frame_rows())
    assert values(results) == dict.fromkeys(['frame-mAP@0.5', *VIDEO], pytest.approx(1.0))
    assert 'Viterbi over frames, without temporal trimming' in results['tubes']
    tubes = {
        '0': [['m/v1', 0.9, [[f, 10, 10, 60, 90, 0.5] for f in range(1, 11)]]],
        '1': [['m/v2', 0.9, [[f, 20, 10, 60, 90] for f in range(5, 9)]]],
    }
    results = evaluate(tmp_path, 'jhmdb', GT, tubes)
    assert values(results) == dict.fromkeys(['frame-mAP@0.5', *VIDEO], pytest.approx(1.0))
    assert 'as given' in results['tubes']
    # a tube found twice: the second is false, which costs nothing where all are found before
    tubes['0'].append(['m/v1', 0.95, [[f, 110, 10, 160, 90] for f in range(1, 11)]])
    results = evaluate(tmp_path, 'ucf24-yowo', GT, tubes)
    assert values(results)['video-mAP@0.5'] == pytest.approx((1 / 2 + 1) / 2)
    assert 'jhmdb frame-mAP@0.5: 1.00000 over 2 classes' in capsys.readouterr().out


def test_suffixes_may_be_in_capitals(tmp_path):
    truth, found = tmp_path / 'GT.CSV', tmp_path / 'FOUND.CSV'
    truth.write_bytes('v,1,0.1,0.2,0.3,0.4,12,0\n'.encode('utf-8-sig'))
    found.write_bytes('v,1,0.1,0.2,0.3,0.4,12,0.9\n'.encode('utf-16'))
    results = evaluate(tmp_path, 'ava-official', truth, found)
    assert values(results)['frame-mAP@0.5'] == 1.0


@pytest.mark.parametrize('size', [[0, 1280], [720], [720, 'NaN'], [1e9, 2]])
def test_impossible_sizes_are_named(tmp_path, capsys, size):
    assert evaluate(tmp_path, 'jhmdb', GT | {'resolution': {'m/v1': size}}, frame_rows()) == 2
    assert "resolution of 'm/v1'" in capsys.readouterr().err


def test_options_change_the_name_of_the_figure(tmp_path, capsys):
    results = evaluate(
        tmp_path, 'jhmdb', GT, frame_rows(), '--average', '11-point', '--linking', 'trimmed'
    )
    assert results['protocol'] == 'jhmdb (11-point AP)'
    assert 'with temporal trimming' in results['tubes']
    results = evaluate(tmp_path, 'jhmdb', GT, frame_rows(), '--any-action')
    assert results['protocol'] == 'jhmdb (any action)'
    assert [c['name'] for c in results['figures'][0]['classes']] == ['any action']
    assert results['figures'][0]['value'] == pytest.approx(1)


def test_a_video_list_restricts_both_sides(tmp_path):
    listed = tmp_path / 'list.txt'
    listed.write_text('m/v2\n')
    results = evaluate(tmp_path, 'jhmdb', GT, frame_rows(), '--video-list', listed)
    assert results['ground_truth']['boxes'] == 4
    assert results['detections']['boxes'] == 4
    assert results['figures'][0]['classes_counted'] == 1


@pytest.mark.parametrize(
    ('detections', 'message'),
    [
        ([[0, 1, 0, 0.9, 10, 10, 60]], 'row 0 is [0, 1, 0, 0.9, 10, 10, 60]; expected video'),
        ([[7, 1, 0, 0.9, 10, 10, 60, 90]], 'row 0: video 7 is not in the ground truth'),
        ([[0, 1, 5, 0.9, 10, 10, 60, 90]], 'row 0: unknown class 5; the ground truth has 2'),
        ([[0, 1, 'jump', 0.9, 10, 10, 60, 90]], "row 0: unknown class 'jump'"),
        ([[0, 1, 0, float('nan'), 10, 10, 60, 90]], 'row 0'),
        ([[0, 1, 0, 0.9, 60, 10, 10, 90]], 'expected x1 <= x2'),
        ([[0, 1, 0, -7.5, 10, 10, 60, 90]], 'needs probabilities in [0, 1]'),
        ({'0': [['m/v1', 0.9, [[3, 1, 1, 9, 9], [2, 1, 1, 9, 9]]]]}, 'frame numbers do not rise'),
        ({'0': [['m/v1', 0.9]]}, 'class 0, tube 0: expected a list of video, score and rows'),
        ({'a': 1}, 'no detections of a known layout'),
    ],
)  # fmt: skip
def test_broken_json_detections_are_named(tmp_path, capsys, detections, message):
    assert evaluate(tmp_path, 'jhmdb', GT, detections) == 2
    assert message in capsys.readouterr().err


def test_what_cannot_be_measured_is_said(tmp_path, capsys):
    pickle = tmp_path / 'GT.pkl'
    pickle.write_bytes(b'\x80\x04.')
    assert evaluate(tmp_path, 'jhmdb', pickle, []) == 2
    assert 'is not loaded; write its content as JSON' in capsys.readouterr().err
    assert evaluate(tmp_path, 'ucf24-act', TRUTH, FOUND) == 2
    assert 'AVA csv goes with ava-official' in capsys.readouterr().err
    assert evaluate(tmp_path, 'ava-official', TRUTH, []) == 2
    assert 'as an AVA csv' in capsys.readouterr().err
    assert evaluate(tmp_path, 'jhmdb', GT, frame_rows(), '--linking', 'online') == 2
    assert 'give --model for online' in capsys.readouterr().err
    assert evaluate(tmp_path, 'jhmdb', {'gttubes': {'v': {}}, 'labels': ['a']}, []) == 2
    assert 'nothing to measure' in capsys.readouterr().err
    assert evaluate(tmp_path, 'jhmdb', pyannot(length=20) | {'w': {'annotations': [{}]}}, []) == 2
    assert "video 'w', annotation 0" in capsys.readouterr().err


@pytest.mark.parametrize('protocol', ['ucf24-act', 'ucf24-yowo'])
def test_real_ground_truth_finds_itself(tmp_path, shared, protocol):
    path = shared / 'data/ucf24/ground_truth.json'
    data = json.loads(path.read_text())
    tubes = {name: [] for name in data['classes']}
    for name, clip in data['clips'].items():
        for tube in clip['tubes']:
            tubes[tube['label']].append([f'{name}.mp4', 0.5, tube['boxes']])
    results = evaluate(tmp_path, protocol, path, tubes)
    assert values(results) == dict.fromkeys(['frame-mAP@0.5', *VIDEO], pytest.approx(1.0))
    assert results['figures'][0]['classes_counted'] == 5
    # each single box, of every class, in an order of its own
    rows = [
        [name, row[0], label, 0.5, *row[1:]]
        for label, entries in tubes.items()
        for name, _, boxes in entries
        for row in boxes[::-1]
    ]
    linked = values(evaluate(tmp_path, protocol, path, rows))
    assert linked['frame-mAP@0.5'] == pytest.approx(1.0)
    # pairs of skaters overlap too much for one of the two tubes to stay
    assert linked['video-mAP@0.5'] >= 0.8


ODD = st.sampled_from([None, -1, 2.5, 'x', '', [], {}, [[]], {'a': 1}, True, 1e400, 10**30])


def spoiled(draw, value):
    """Return `value` with one part of it, anywhere, replaced by something odd."""
    if not isinstance(value, (dict, list)) or not value or draw(st.integers(0, 5)) == 0:
        return draw(ODD)
    items = list(value.items() if isinstance(value, dict) else enumerate(value))
    key, part = draw(st.sampled_from(items))
    copy = value.copy()
    copy[key] = spoiled(draw, part)
    return copy


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_spoiled_files_give_a_result_or_one_line(data):
    files = [(GT, frame_rows()), (pyannot(), pyannot(scored=0.5))]
    files += [(GT, {'0': [['m/v1', 0.9, [[1, 10, 10, 60, 90, 0.5]]]], 'kick': []})]
    pair = list(data.draw(st.sampled_from(files)))
    side = data.draw(st.integers(0, 1))
    pair[side] = spoiled(data.draw, pair[side])
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()) as error:
        results = evaluate(Path(folder), 'ucf24-act', *pair)
    lines = error.getvalue().splitlines()
    assert isinstance(results, dict) or (results == 2 and lines[-1].startswith('actloc: error: '))

"""Check `actloc eval` on segments, frames and starts, in files of all layouts, right and broken."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.io.bags import DetectionWriter, find_type, read_detections
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.messages import label_info_message


def evaluate(tmp_path, protocol, truth, detections, *options):
    """Run the command; return its results, or the exit code."""
    out = tmp_path / 'out.json'
    files = detections if isinstance(detections, list) else [detections]
    command = ['eval', '--protocol', protocol, '--ground-truth', truth, '--detections', *files]
    code = main([str(word) for word in [*command, '--json', out, *options]])
    return json.loads(out.read_text()) if code == 0 else code


def values(results):
    return {figure['name']: figure['value'] for figure in results['figures']} | results['averages']


def write(path, data):
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def activitynet(tmp_path, videos, subset='validation'):
    """Write segments (label, start, end) by video in ActivityNet's layout."""
    database = {
        video: {
            'subset': subset,
            'annotations': [{'label': label, 'segment': list(span)} for label, *span in rows],
        }
        for video, rows in videos.items()
    }
    return write(tmp_path / 'truth.json', {'database': database})


def results(tmp_path, videos, name='found.json'):
    """Write segments (label, start, end, score) by video as ActivityNet's results."""
    rows = {
        video: [{'label': label, 'segment': [a, b], 'score': s} for label, a, b, s in some]
        for video, some in videos.items()
    }
    return write(tmp_path / name, {'results': rows})


@pytest.mark.parametrize(
    ('protocol', 'name', 'mean'),
    [
        ('activitynet', 'temporal_eval_activitynet_1', 'mAP@0.5:0.95'),
        ('thumos14', 'temporal_eval_thumos_1', 'mAP@0.3:0.7'),
    ],
)
def test_segments_agree_with_published_code(shared, tmp_path, capsys, protocol, name, mean):
    folder = shared / 'parity2'
    files = [folder / f'temporal_eval/{name}_{kind}.json' for kind in ('truth', 'predictions')]
    found = evaluate(tmp_path, protocol, *files, '--subset', 'Validation')
    reference, levels = np.load(folder / f'{name}.npz'), protocol_levels(protocol)
    assert [f['name'] for f in found['figures']] == [f'mAP@{level:g}' for level in levels]
    by_class = [[each['ap'] for each in figure['classes']] for figure in found['figures']]
    np.testing.assert_allclose(by_class, reference['ap'], atol=1e-9)
    assert values(found)[mean] == pytest.approx(float(reference['average_map']), abs=1e-9)
    for column, times in enumerate((1, 5)):
        recalls = [values(found)[f'recall@{times}x@{level:g}'] for level in levels]
        np.testing.assert_allclose(recalls, reference['recall_actionformer'][:, column], atol=1e-9)
    text = capsys.readouterr().out
    assert f'{protocol} {mean}: {float(reference["average_map"]):.5f}' in text
    assert re.search(r'; \d+ in videos that are not measured are false', text)


def protocol_levels(protocol):
    low, high, count = {'activitynet': (0.5, 0.95, 10), 'thumos14': (0.3, 0.7, 5)}[protocol]
    return np.linspace(low, high, count)


@pytest.mark.parametrize('name', ['online_frames_1', 'online_frames_thumos'])
def test_frames_agree_with_published_code(shared, tmp_path, name):
    with np.load(shared / f'parity2/{name}.npz') as arrays:
        reference = dict(arrays)
    truth, scores = reference['truth'] != 0, reference['scores']
    labels = ['background', *(f'class {c}' for c in range(1, truth.shape[1]))]
    if name.endswith('thumos'):
        labels[21] = 'Ambiguous'
    runs = [
        (label, low / 4, high / 4)
        for c, label in enumerate(labels)
        if c
        for low, high in edges(truth[:, c])
    ]
    videos = [{'video': 'v.mp4', 'rate': 4, 'scores': scores.tolist()}]
    data = {'format': 'actloc-frame-scores', 'version': 1, 'labels': labels, 'videos': videos}
    found = evaluate(
        *(tmp_path, 'online-frames', activitynet(tmp_path, {'v': runs})),
        write(tmp_path / 'found.json', data),
    )
    for figure, key in zip(found['figures'], ('frame_AP', 'frame_cAP'), strict=True):
        aps = {each['name']: each['ap'] for each in figure['classes']}
        there = [label for c, label in enumerate(labels[:21]) if c and truth[:, c].any()]
        np.testing.assert_allclose([aps[label] for label in there], reference[key], atol=1e-9)
        assert figure['value'] == pytest.approx(float(reference[key].mean()), abs=1e-9)
        stages = f'stage_{figure["name"]}'
        if stages in reference:
            staged = [found['averages'][f'{figure["name"]}@stage{k + 1}'] for k in range(10)]
            np.testing.assert_allclose(staged, reference[stages], atol=1e-9)


def edges(present):
    steps = np.diff(present.astype(int), prepend=0, append=0)
    return zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True)


def test_starts_agree_with_published_code(shared, tmp_path):
    with np.load(shared / 'parity2/online_starts_1.npz') as arrays:
        reference = dict(arrays)
    truth = {f'v{video}': [] for video in np.unique(reference['in_videos'])}
    for video, kind, start in reference['in_truth'].tolist():
        truth[f'v{video:.0f}'].append((f'class {kind:.0f}', start, start + 1))
    rows = {video: [] for video in truth}
    for video, time, scores in zip(
        reference['in_videos'], reference['times'], reference['eval_scores'], strict=True
    ):
        for c, score in enumerate(scores.tolist()):
            if c:
                rows[f'v{video}'].append((f'class {c}', float(time), float(time), score))
    found = evaluate(
        tmp_path, 'online-starts', activitynet(tmp_path, truth), results(tmp_path, rows)
    )
    aps = [[each['ap'] for each in figure['classes']] for figure in found['figures']]
    np.testing.assert_allclose(aps, reference['point_ap'], atol=1e-9)
    maps = [values(found)[f'mAP@{offset}s'] for offset in range(1, 11)]
    np.testing.assert_allclose(maps, reference['point_map'], atol=1e-9)


def test_scores_of_frames_show_starts(tmp_path):
    scores = [[0.9, 0.1, 0.0], [0.1, 0.7, 0.2], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.1, 0.6, 0.3]]
    data = {
        **{'format': 'actloc-frame-scores', 'version': 1},
        'labels': ['background', 'sit', 'stand'],
        'videos': [{'video': 'a', 'rate': 1, 'scores': scores}],
    }
    path = write(tmp_path / 'found.json', data)
    truth = activitynet(tmp_path, {'a': [('sit', 1, 3), ('stand', 7, 9)]})
    found = evaluate(tmp_path, 'online-starts', truth, path)
    counts = {c['name']: (c['detections'], c['right']) for c in found['figures'][0]['classes']}
    assert counts == {'sit': (2, 1), 'stand': (1, 0)}
    assert values(found)['mAP@1s'] == 0.5
    assert values(found)['mAP@4s'] == 1.0
    without = data | {'labels': ['none', 'sit', 'stand']}
    assert evaluate(tmp_path, 'online-starts', truth, write(path, without)) == 2


def thumos(tmp_path):
    folder = tmp_path / 'annotation'
    folder.mkdir()
    write(folder / 'Diving_test.txt', 'video_test_1  10.0 14.0\n\nvideo_test_2 3 5.5\n')
    write(folder / 'CliffDiving_test.txt', 'video_test_1  10.0 14.0\n')
    write(folder / 'Ambiguous_test.txt', 'video_test_2 20 30\n')
    write(folder / 'Diving_val.txt', 'video_validation_1 1 2\n')
    return folder


def test_what_only_the_model_knows_is_left_out(tmp_path, capsys):
    truth = activitynet(tmp_path, {'a': [('Sit', 1, 3)]})
    found = results(tmp_path, {'a': [('sit', 1, 3, 0.5), ('fly', 1, 3, 0.9)]})
    assert values(evaluate(tmp_path, 'activitynet', truth, found))['mAP@0.5:0.95'] == 1.0
    said = capsys.readouterr().out
    assert '1 left out of classes that the ground truth does not have' in said


def test_texts_of_thumos_are_read(tmp_path, capsys):
    rows = 'video_test_1 10 14 26 0.9\nvideo_test_2,3,5.5,Diving,0.8\nvideo_test_1 10 14 22 0.7\n'
    text = write(tmp_path / 'found.txt', rows + 'video_test_9 0 1 22 0.95\n')
    found = evaluate(tmp_path, 'thumos14', thumos(tmp_path), text, '--subset', 'test')
    aps = {each['name']: each['ap'] for each in found['figures'][0]['classes']}
    assert aps == {'CliffDiving': 0.5, 'Diving': 1.0}
    assert '4 in 3 videos; 1 in videos that are not measured are false' in capsys.readouterr().out
    listed = write(tmp_path / 'list.txt', 'video_test_1\n')
    options = '--subset', 'test', '--video-list', listed
    found = evaluate(tmp_path, 'thumos14', tmp_path / 'annotation', text, *options)
    assert values(found)['mAP@0.5'] == 1.0
    assert '2 left out in videos that are not listed' in capsys.readouterr().out


def test_frames_of_ambiguous_segments_do_not_count(tmp_path, capsys):
    videos = [
        {'video': 'video_test_1', 'rate': 0.5, 'scores': [[k in (5, 6)] for k in range(9)]},
        {'video': 'video_test_2', 'rate': 0.5, 'scores': [[k in (2, 12)] for k in range(16)]},
    ]
    data = {'format': 'actloc-frame-scores', 'version': 1, 'labels': ['Diving'], 'videos': videos}
    path = write(tmp_path / 'found.json', data)
    found = evaluate(tmp_path, 'online-frames', thumos(tmp_path), path, '--subset', 'test')
    aps = {each['name']: each['ap'] for each in found['figures'][0]['classes']}
    assert aps['Diving'] == 1.0
    assert '20 frames of 2 videos, 1 of 2 classes; 5 of unclear' in capsys.readouterr().out


def own(tmp_path, instances, name='a.mp4'):
    """Write annotations of one video of 4 s with instances (actor, label, start, end)."""
    rows = [dict(zip(('actor', 'label', 'start', 'end'), row, strict=True)) for row in instances]
    boxes = [[index, 4, 4, 30, 40] for index in range(40)]
    tubes = [{'actor': actor, 'boxes': boxes} for actor in (1, 2)]
    video = {'path': name, 'fps': 10.0, 'width': 64, 'height': 48, 'frames': 40}
    video |= {'tubes': tubes, 'instances': rows}
    data = {'format': 'actloc-annotations', 'version': 1, 'labels': ['red', 'wave']}
    return write(tmp_path / 'annotations.json', data | {'videos': [video]})


def test_what_several_do_at_once_is_one_segment(tmp_path):
    truth = own(tmp_path, [(1, 'red', 0.5, 2), (2, 'red', 1.5, 3), (1, 'red', 3.5, 4)])
    found = results(tmp_path, {'a': [('red', 0.5, 3, 0.9), ('red', 3.5, 4, 0.8)]})
    report = evaluate(tmp_path, 'activitynet', truth, found)
    assert report['ground_truth']['segments'] == 2
    assert values(report)['mAP@0.5:0.95'] == 1.0


def test_a_bag_of_a_run_is_measured_by_all_three(tmp_path, capsys):
    with VideoWriter(tmp_path / 'a.mp4', rate=10) as video:
        for index in range(40):
            image = np.full((48, 64, 3), 20, np.uint8)
            if 10 <= index < 30:
                image[8:40, 8:40] = (250, 0, 0)
            video.write(index * 100_000_000, image)
    bag, truth = tmp_path / 'a', own(tmp_path, [(1, 'red', 1.0, 3.0)])
    model = ['--model', 'colour_localizer:ColourLocalizer', '--out', str(bag)]
    assert main(['run', str(tmp_path / 'a.mp4'), *model]) == 0
    segments = values(evaluate(tmp_path, 'activitynet', truth, bag))
    assert segments['mAP@0.5'] == 1.0
    assert values(evaluate(tmp_path, 'online-starts', truth, bag))['mAP@1s'] == 1.0
    frames = values(evaluate(tmp_path, 'online-frames', truth, bag))
    assert frames['mAP'] > 0.95
    assert frames['mcAP'] > 0.95
    assert '40 frames of 1 videos' in capsys.readouterr().out
    facts = {'stamp': 0, 'model': 'm', 'labels': [], 'threshold': 0.5}
    with DetectionWriter(tmp_path / 'other') as writer:
        writer.write_label_info(label_info_message(find_type, **facts))
        for message in read_detections(bag):
            writer.write_detections(message)
    assert evaluate(tmp_path, 'online-frames', truth, tmp_path / 'other') == 2
    assert 'is not among the 0 labels' in capsys.readouterr().err


ONE = {'a': [('sit', 1, 3)]}


@pytest.mark.parametrize(
    ('found', 'message'),
    [
        ({'results': {'a': [{'label': 'sit', 'segment': [3, 1], 'score': 1}]}}, 'start before end'),
        ({'results': {'a': [{'label': 'sit', 'segment': [1], 'score': 1}]}}, 'row 0: a segment is'),
        (
            {'results': {'a': [{'label': 'fly', 'segment': [1, 2], 'score': 1}]}},
            'the classes are fly, …, of which none is among',
        ),
        ({'results': {'a': [{'label': 'sit', 'segment': [1, 2]}]}}, "KeyError: 'score'"),
        ({'results': {'a': [{'label': 'sit', 'segment': ['x', 2], 'score': 1}]}}, 'not numbers'),
        ({'results': {'b': [{'label': 'sit', 'segment': [1, 2], 'score': 1}]}}, 'name them alike'),
        ({'results': [1]}, 'no results by video'),
        ('{', 'not JSON'),
    ],
)
def test_broken_segments_are_refused(tmp_path, capsys, found, message):
    path = write(tmp_path / 'found.json', found)
    assert evaluate(tmp_path, 'activitynet', activitynet(tmp_path, ONE), path) == 2
    assert re.search(message, capsys.readouterr().err)


SCORES = {'video': 'a', 'rate': 2, 'scores': [[0.1, 0.2]]}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'version': 2}, 'version 1'),
        ({'videos': []}, 'none is among the classes|1 of 1 videos'),
        ({'videos': [SCORES | {'scores': [[1]]}]}, r'shape \(1, 1\); expected a row a frame, of 2'),
        ({'videos': [SCORES | {'rate': 0}]}, 'rate 0.0 not above 0'),
        ({'videos': [SCORES | {'scores': [[float('nan'), 1]]}]}, 'not finite'),
        ({'videos': [SCORES, SCORES]}, 'a second time'),
        ({'videos': [SCORES | {'video': 'b'}]}, "video 'b' is not in the ground truth"),
        ({'labels': ['x', 'y']}, 'of which none is among'),
        ({'videos': [SCORES]}, 'no frame is within a segment'),
    ],
)
def test_broken_scores_of_frames_are_refused(tmp_path, capsys, change, message):
    data = {
        **{'format': 'actloc-frame-scores', 'version': 1, 'labels': ['sit', 'stand']},
        'videos': [SCORES],
    }
    path = write(tmp_path / 'found.json', data | change)
    assert evaluate(tmp_path, 'online-frames', activitynet(tmp_path, ONE), path) == 2
    assert re.search(message, capsys.readouterr().err)


def test_what_does_not_go_together_is_refused(tmp_path, capsys):
    truth, found = activitynet(tmp_path, ONE), results(tmp_path, {'a': [('sit', 1, 2, 1)]})
    assert evaluate(tmp_path, 'activitynet', truth, found, '--any-action') == 2
    assert '--any-action does not go with activitynet' in capsys.readouterr().err
    assert evaluate(tmp_path, 'online-frames', truth, found) == 2
    assert 'no scores of frames' in capsys.readouterr().err
    assert evaluate(tmp_path, 'activitynet', truth, found, '--subset', 'test') == 2
    assert "its subsets are validation; choose one by --subset, not 'test'" in (
        capsys.readouterr().err
    )
    assert evaluate(tmp_path, 'jhmdb', truth, [found, found]) == 2
    assert 'jhmdb measures one file' in capsys.readouterr().err
    assert evaluate(tmp_path, 'jhmdb', truth, found, '--subset', 'x') == 2
    assert '--subset does not go with jhmdb' in capsys.readouterr().err
    assert main(['eval', '--protocol', 'thumos14', '--ground-truth', str(truth)]) == 2
    assert 'thumos14 measures --detections' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('truth', 'message'),
    [
        ({'database': {'a': {'subset': 'x', 'annotations': []}}}, 'no segments in subset x'),
        ({'database': {'a': {'annotations': []}}}, "KeyError: 'subset'"),
        ({'database': {'a': {'subset': 1, 'annotations': []}}}, '1 is no text'),
        ({'clips': []}, 'neither a folder of texts of THUMOS14'),
    ],
)
def test_broken_truth_is_refused(tmp_path, capsys, truth, message):
    path, found = write(tmp_path / 'truth.json', truth), results(tmp_path, {})
    assert evaluate(tmp_path, 'activitynet', path, found) == 2
    assert message in capsys.readouterr().err


def test_broken_texts_of_thumos_are_refused(tmp_path, capsys):
    folder = thumos(tmp_path)
    found = write(tmp_path / 'found.txt', 'video_test_1 10 14 26\n')
    assert evaluate(tmp_path, 'thumos14', folder, found) == 2
    assert 'its subsets are test, val; choose one by --subset' in capsys.readouterr().err
    assert evaluate(tmp_path, 'thumos14', folder, found, '--subset', 'test') == 2
    assert 'found.txt, line 1:' in capsys.readouterr().err
    write(folder / 'Diving_test.txt', 'video_test_1 10\n')
    assert evaluate(tmp_path, 'thumos14', folder, found, '--subset', 'test') == 2
    assert 'Diving_test.txt, line 1:' in capsys.readouterr().err
    empty = tmp_path / 'empty'
    empty.mkdir()
    assert evaluate(tmp_path, 'thumos14', Path(empty), found) == 2
    assert 'no texts of THUMOS14' in capsys.readouterr().err


def test_the_documented_commands_run(tmp_path):
    text = (Path(__file__).resolve().parents[2] / 'doc' / 'evaluation.md').read_text()
    section = text.partition('## Segments, frames and starts in time')[2].partition('\n## ')[0]
    commands = ''.join(re.findall(r'^```bash\n(.*?)^```', section, re.M | re.S))
    done = subprocess.run(
        ['bash', '-e', '-c', commands], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert 'activitynet mAP@0.5: 0.50000 over 1 class' in done.stdout
    assert 'online-frames mAP: 1.00000' in done.stdout
    assert 'online-starts mAP@1s: 1.00000' in done.stdout

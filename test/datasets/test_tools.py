"""Check `actloc dataset` on videos made here, whole and spoilt."""

import json
import pickle
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.datasets.check import LISTED, check_dataset
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.datasets.split import split_videos
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.faults import FaultKind
from actloc_ros.truth.plain_json import read_annotations, write_annotations

SECOND = 1_000_000_000


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Return the annotations of four rendered videos of a second."""
    folder = tmp_path_factory.mktemp('footage') / 'set'
    command = ['synth', str(folder), '--count', '4', '--seconds', '1', '--size', '128x96']
    assert main([*command, '--rate', '12', '--seed', '3']) == 0
    return folder / 'annotations.json'


@pytest.fixture
def spoilt(footage, tmp_path):
    """Return a function that changes a copy of the annotations and opens it."""
    for video in footage.parent.glob('*.mp4'):
        (tmp_path / video.name).symlink_to(video)

    def spoil(change):
        data = json.loads(footage.read_text())
        change(data)
        (tmp_path / 'annotations.json').write_text(json.dumps(data))
        return open_dataset(DatasetSpec('annotations.json'), tmp_path)

    return spoil


def row(data, number=0):
    """Return the first row of boxes of a video."""
    return next(t for t in data['videos'][number]['tubes'] if t['boxes'])['boxes'][0]


def test_good_footage_has_no_faults_and_is_counted(footage):
    findings = check_dataset(open_dataset(DatasetSpec(str(footage)), footage.parent))
    assert not findings.fatal
    assert {fault.kind for fault in findings.faults} <= {FaultKind.UNUSED, FaultKind.EMPTY}
    videos = read_annotations(footage).videos
    assert (findings.videos, findings.frames, findings.known) == (4, 48, 48)
    assert findings.seconds == pytest.approx(4)
    assert findings.actors == sum(len(video.tracks) for video in videos)
    for each in findings.classes:
        own = [i for video in videos for i in video.instances if i.label == each.label]
        assert each.instances == len(own)
        assert each.seconds == pytest.approx(sum(i.end - i.start for i in own) / SECOND)
    total = sum(
        AnnotatedVideos(footage).clip(i, np.arange(12)).actions.sum(axis=(0, 1)) for i in range(4)
    )
    # A clip says what hidden actors do, too; the count is of frames in which they are seen.
    assert all(c.frames <= most for c, most in zip(findings.classes, total, strict=True))
    assert sum(each.frames for each in findings.classes) > 0


def test_everything_wrong_is_listed_at_once(spoilt, tmp_path):
    def change(data):
        row(data)[1:] = [float('nan'), 0, 5, 5]
        row(data, 1)[1:] = [-3, 2, 20, 40]
        data['videos'][1]['instances'][0]['label'] = 'flying'
        data['videos'][1]['instances'][1]['actor'] = 99
        data['videos'][2]['path'] = 'gone.mp4'
        data['videos'][3]['frames'] = 50
        data['videos'][0]['width'] = 256
        data['labels'].append('swimming')

    findings = check_dataset(spoilt(change))
    assert findings.fatal
    found = {kind: findings.of(kind) for kind in findings.totals}
    first = str(found[FaultKind.BOX][0])
    assert all(word in first for word in ('synth_000003.mp4', 'actor', 'frame', 'nan'))
    assert '-3' in found[FaultKind.EDGE][0].text
    assert 'flying' in found[FaultKind.LABEL][0].text
    assert 'actor 99' in found[FaultKind.ABSENT][0].text
    assert 'gone.mp4 does not exist' in found[FaultKind.FILE][0].text
    shapes = ' '.join(fault.text for fault in found[FaultKind.SHAPE])
    assert '12 frames; the annotation says 50' in shapes
    assert '128x96 pixels; the annotation says 256x96' in shapes
    assert 'swimming' in [fault.text for fault in found[FaultKind.UNUSED]]
    text = findings.text()
    assert all(kind.value in text for kind in found)
    with pytest.raises(AnnotationError, match='nan'):
        AnnotatedVideos(tmp_path / 'annotations.json')


def test_the_list_is_bounded_and_says_how_much_is_left(spoilt):
    def change(data):
        data['videos'][0]['tubes'] = [
            {'actor': 1, 'boxes': [[frame, 500, 0, 600, 9] for frame in range(300)]}
        ]

    findings = check_dataset(spoilt(change))
    assert findings.totals[FaultKind.BOX] == 300
    assert len(findings.of(FaultKind.BOX)) == LISTED
    assert f'… and {300 - LISTED} more' in findings.text()


def test_boxes_in_parts_of_the_image_are_found(spoilt):
    def change(data):
        for tube in data['videos'][1]['tubes']:
            tube['boxes'] = [[f, x1 / 128, y1 / 96, x2 / 128, y2 / 96]
                             for f, x1, y1, x2, y2 in tube['boxes']]  # fmt: skip

    [fault] = check_dataset(spoilt(change)).of(FaultKind.BOX)
    assert 'multiply x by 128 and y by 96' in fault.text


def test_images_of_several_sizes_are_found(tmp_path):
    for number, (height, width) in enumerate([(48, 64), (64, 48), (48, 64), (24, 32)]):
        folder = tmp_path / 'a'
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f'{number}.png'), np.zeros((height, width, 3), np.uint8))
    track = ActorTrack(1, np.arange(4), np.tile([1.0, 2, 20, 20], (4, 1)))
    video = Video('a', 10.0, 64, 48, 4, (track,), (Instance(1, 'x', 0, SECOND),))
    videos = AnnotatedVideos(tmp_path / 'a.json', Annotations(('x',), (video,)))
    [fault] = check_dataset(videos).of(FaultKind.SHAPE)
    assert fault.text == '3.png has sides of (24, 32), 0.png of (48, 64) pixels'


def test_boxes_are_cut_at_the_edge(spoilt):
    def change(data):
        row(data)[1:] = [-3, -2, 20, 500]

    videos = spoilt(change)
    assert not check_dataset(videos).fatal
    tube = next(t for t in videos.videos[0].tracks if len(t.frames))
    clip = videos.clip(0, tube.frames[:1])
    assert [0, 0, 20, 96] in clip.boxes[0].tolist()


def with_number(data, part, key, value):
    video = data['videos'][0]
    (video if part == 'video' else video[part][0])[key] = value


@pytest.mark.parametrize(
    'change',
    [
        lambda data: data.update(labels=None),
        lambda data: data.update(labels=['a', 'a']),
        lambda data: data.update(videos={'a': 1}),
        lambda data: data.update(videos=[[]]),
        lambda data: data['videos'][0].update(fps=0),
        lambda data: data['videos'][0].update(frames=-1),
        lambda data: data['videos'][0].update(frames=float('inf')),
        lambda data: data['videos'][0].update(tubes=[{'actor': 1, 'boxes': [[1, 2]]}]),
        lambda data: data['videos'][0].update(tubes=[{'actor': 'x', 'boxes': []}]),
        lambda data: row(data).__setitem__(0, 1e300),
        lambda data: row(data).__setitem__(0, 0.5),
        lambda data: data['videos'][0].update(labelled=[float('nan')]),
        lambda data: data['videos'][0]['instances'][0].update(start_ns=float('inf')),
        lambda data: data['videos'][0]['instances'].append({'actor': 1}),
        *(
            partial(with_number, part=part, key=key, value=value)
            for part, key in (
                ('video', 'width'),
                ('video', 'frames'),
                ('tubes', 'actor'),
                ('instances', 'actor'),
                ('instances', 'start_ns'),
            )
            for value in (2**70, -(2**70), 10**400, 1.5, float('nan'))
        ),
    ],
)
def test_what_is_no_annotation_is_refused(spoilt, change):
    with pytest.raises(AnnotationError, match=r'annotations\.json'):
        spoilt(change)


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'utf-8'])
def test_annotations_that_windows_saved_are_read(footage, tmp_path, encoding):
    text = footage.read_text().replace('"labels": [', '"labels": ["Grüße 👋", ', 1)
    file = tmp_path / 'annotations.json'
    file.write_bytes(text.replace('\n', '\r\n').encode(encoding))
    assert open_dataset(DatasetSpec('.'), tmp_path).labels[0] == 'Grüße 👋'


def test_deep_nesting_is_refused(tmp_path):
    (tmp_path / 'a.json').write_text('[' * 100_000)
    with pytest.raises(AnnotationError, match=r'a\.json'):
        open_dataset(DatasetSpec('a.json'), tmp_path)


def test_broken_videos_are_found(spoilt, tmp_path):
    whole = (tmp_path / 'synth_000003.mp4').read_bytes()
    for number, content in ((3, b'no video'), (4, b''), (5, whole[: len(whole) // 2])):
        path = tmp_path / f'synth_00000{number}.mp4'
        path.unlink()
        path.write_bytes(content)
    findings = check_dataset(spoilt(lambda data: None))
    assert {f.video for f in findings.of(FaultKind.FILE)} == {
        f'synth_00000{n}.mp4' for n in (3, 4, 5)
    }


def test_check_exits_by_what_it_finds(footage, spoilt, tmp_path, capsys):
    assert main(['dataset', 'check', str(footage)]) == 0
    out = capsys.readouterr().out
    assert '4 videos of 4.0 s' in out
    assert 'error:' not in out
    spoilt(lambda data: data['videos'][0].update(path='gone.mp4'))
    assert main(['dataset', 'check', str(tmp_path)]) == 1
    assert 'error: files missing or unreadable: 1' in capsys.readouterr().out
    assert main(['dataset', 'check', str(tmp_path / 'nothing')]) == 2
    assert 'nothing does not exist' in capsys.readouterr().err


def test_show_draws_a_page_and_a_film(footage, tmp_path):
    assert main(['dataset', 'show', str(footage), '--out', str(tmp_path / 'page.png')]) == 0
    page = cv2.imread(str(tmp_path / 'page.png'))
    assert page.shape[1] == 3 * 480
    assert page.shape[0] % 360 == 0
    assert page.std() > 10
    assert main(['dataset', 'show', str(footage), '--out', str(tmp_path / 'film.mp4')]) == 0
    capture = cv2.VideoCapture(str(tmp_path / 'film.mp4'))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 48
    assert main(['dataset', 'show', str(footage), '--out', str(tmp_path / 'page.gif')]) == 2


def test_show_does_not_write_over_a_recording(footage, tmp_path, capsys):
    folder = tmp_path / 'footage'
    shutil.copytree(footage.parent, folder)
    video = next(folder.glob('*.mp4'))
    content = video.read_bytes()
    assert main(['dataset', 'show', str(folder), '--out', str(video)]) == 2
    assert 'is the source: it would be lost' in capsys.readouterr().err
    assert video.read_bytes() == content


def test_a_page_shows_boxes_where_they_are(tmp_path):
    with VideoWriter(tmp_path / 'a.mp4', 10) as writer:
        for i in range(10):
            writer.write(i * SECOND // 10, np.full((240, 320, 3), 60, np.uint8))
    tube = ActorTrack(1, np.arange(10), np.tile([100.0, 60, 200, 200], (10, 1)))
    waving = Instance(1, 'waving', 0, SECOND)
    video = Video('a.mp4', 10.0, 320, 240, 10, (tube,), (waving,))
    write_annotations(tmp_path / 'annotations.json', Annotations(('waving',), (video,)))
    assert main(['dataset', 'show', str(tmp_path), '--out', str(tmp_path / 'page.png')]) == 0
    changed = np.abs(cv2.imread(str(tmp_path / 'page.png')).astype(int) - 60).max(axis=2) > 40
    assert changed[95:295, 150].mean() > 0.9
    assert changed[300, 155:295].mean() > 0.9
    assert not changed[105:285, 165:285].any()


def test_nothing_impossible_is_drawn(spoilt, tmp_path, capsys):
    for change in (
        lambda data: row(data).__setitem__(1, float('nan')),
        lambda data: data['videos'][0]['instances'][0].update(label='flying'),
    ):
        spoilt(change)
        assert main(['dataset', 'show', str(tmp_path), '--out', str(tmp_path / 'p.png')]) == 2
        assert 'synth_000003.mp4' in capsys.readouterr().err


def test_split_is_fair_whole_and_repeatable(footage, tmp_path):
    def split(seed):
        folder = tmp_path / str(seed)
        folder.mkdir(exist_ok=True)
        for path in footage.parent.iterdir():
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
        parts = 'train=0.75,valid=0.25'
        run = ['dataset', 'split', str(folder), '--parts', parts, '--seed', str(seed)]
        assert main(run) == 0
        files = [folder / f'annotations_{name}.json' for name in ('train', 'valid')]
        texts = [file.read_text() for file in files]
        return files, texts, run

    files, texts, run = split(0)
    train, valid = (read_annotations(file) for file in files)
    assert len(train.videos), len(valid.videos) == (3, 1)
    paths = [video.path for part in (train, valid) for video in part.videos]
    assert sorted(paths) == sorted(video.path for video in read_annotations(footage).videos)
    assert not check_dataset(AnnotatedVideos(files[0])).fatal
    assert main(run) == 2, 'parts must not be overwritten'
    for file in files:
        file.unlink()
    assert split(0)[1] == texts


def test_split_shares_actions_out():
    def video(number, label):
        instance = Instance(1, label, 0, SECOND)
        return Video(f'{number}.mp4', 10.0, 64, 64, 10, (), (instance,))

    videos = [video(i, 'often' if i % 4 else 'rare') for i in range(40)]
    videos += [video(0, 'rare')]  # the same file once more
    parts = split_videos(Annotations(('often', 'rare'), tuple(videos)), [0.8, 0.2], 7)
    assert [len(part) for part in parts] in ([33, 8], [32, 9])
    rare = [sum(v.instances[0].label == 'rare' for v in part) for part in parts]
    assert rare in ([9, 2], [8, 3])
    assert not {v.path for v in parts[0]} & {v.path for v in parts[1]}
    few = Annotations(('rare',), tuple(video(i, 'rare') for i in range(3)))
    assert [len(part) for part in split_videos(few, [0.98, 0.01, 0.01], 0)] == [1, 1, 1]
    with pytest.raises(ValueError, match='3 videos cannot be split into 4 parts'):
        split_videos(few, [1, 1, 1, 1], 0)


@pytest.mark.parametrize('parts', ['train', 'a=0', 'a=1,a=2', 'a=x', '=1', 'a=nan', '../a=1'])
def test_wrong_parts_are_named(parts, capsys):
    with pytest.raises(SystemExit):
        main(['dataset', 'split', 'x', '--parts', parts])
    assert 'expected different names and shares' in capsys.readouterr().err


def test_a_command_needs_no_ros(footage):
    code = (
        'import sys; from actloc_ros.cli.main import main; '
        f'code = main(["dataset", "check", {str(footage)!r}]); '
        'sys.exit(code or any(name.startswith(("rclpy", "torch.")) for name in sys.modules))'
    )
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.mark.timeout(300)
def test_the_documented_commands_run(tmp_path):
    text = (Path(__file__).resolve().parents[2] / 'doc' / 'datasets.md').read_text()
    [commands] = re.findall(r'^```bash\n(.*?)^```', text, re.M | re.S)
    done = subprocess.run(
        ['bash', '-e', '-c', commands], cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / 'sheet.png')) is not None
    parts = [f'annotations_{name}.json' for name in ('train', 'valid')]
    assert [len(read_annotations(tmp_path / 'footage' / part).videos) for part in parts] == [4, 1]


def test_the_documented_way_from_pickles_gives_what_is_read(tmp_path):
    text = (Path(__file__).resolve().parents[2] / 'doc' / 'datasets.md').read_text()
    [program] = re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)
    rows = np.array([[1, 2, 3, 40, 30], [2, 2, 3, 40, 30]], np.float32)
    data = {
        'labels': ['a', 'b'],
        'train_videos': [['x/v']],
        'test_videos': [[]],
        'resolution': {'x/v': (48, 64)},
        'gttubes': {'x/v': {np.int64(1): [rows]}},
    }
    (tmp_path / 'gt.pkl').write_bytes(pickle.dumps(data))
    files = [str(tmp_path / 'gt.pkl'), str(tmp_path / 'gt.json')]
    subprocess.run([sys.executable, '-c', program, *files], check=True, timeout=60)
    [video] = open_dataset(DatasetSpec('gt.json', 'jhmdb'), tmp_path).videos
    assert video.tracks[0].boxes.tolist() == [[2, 3, 40, 30]] * 2
    assert video.instances[0].label == 'b'

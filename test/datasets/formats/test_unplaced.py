"""Read labels that do not say where something happens: lists, ActivityNet, folders, plain JSON."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.datasets.split import split_videos
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.truth.annotations import AnnotationError, Happening
from actloc_ros.truth.faults import FaultKind
from actloc_ros.truth.plain_json import read_annotations, write_annotations

SECOND = 1_000_000_000
ROWS = """recording,label,start,end
a.mp4,waving,0.5,1.2
a.mp4,falling,1.5,

b.mp4,waving,,
c.mp4,,,
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with three videos of 2 s at 10 Hz."""
    for name in 'abc':
        with VideoWriter(tmp_path / f'{name}.mp4', 10) as writer:
            for i in range(20):
                writer.write(i * SECOND // 10, np.full((48, 64, 3), 12 * i, np.uint8))
    return tmp_path


def labels(folder, text):
    (folder / 'labels.csv').write_text(text)
    return open_dataset(DatasetSpec('labels.csv', 'labels'), folder)


def test_a_list_says_when_something_happens_or_only_that_it_does(folder):
    videos = labels(folder, ROWS)
    assert videos.labels == ('waving', 'falling')
    assert [(video.path, video.happenings) for video in videos.videos] == [
        (
            'a.mp4',
            (
                Happening('waving', SECOND // 2, 12 * SECOND // 10),
                Happening('falling', 15 * SECOND // 10),
            ),
        ),
        ('b.mp4', (Happening('waving'),)),
        ('c.mp4', ()),
    ]
    assert (videos.videos[0].frames, videos.videos[0].width) == (20, 64)
    report = check_dataset(videos)
    assert not report.fatal
    assert report.of(FaultKind.UNPLACED)
    assert [(each.instances, round(each.seconds, 1)) for each in report.classes] == [
        (2, 0.7),
        (1, 0.0),
    ]


def test_the_plain_format_keeps_what_happens(folder):
    annotations = labels(folder, ROWS).annotations
    write_annotations(folder / 'annotations.json', annotations)
    read = read_annotations(folder / 'annotations.json')
    assert [video.happenings for video in read.videos] == [
        video.happenings for video in annotations.videos
    ]
    by_hand = {
        'format': 'actloc-annotations',
        'version': 1,
        'labels': ['waving'],
        'videos': [
            {'path': 'a.mp4', 'fps': 10, 'width': 64, 'height': 48, 'frames': 20}
            | {'happenings': [{'label': 'waving', 'start': 0.5}]}
        ],
    }
    (folder / 'hand.json').write_text(json.dumps(by_hand))
    [video] = read_annotations(folder / 'hand.json').videos
    assert video.happenings == (Happening('waving', SECOND // 2),)
    by_hand['videos'][0]['happenings'][0]['label'] = 'wavng'
    (folder / 'hand.json').write_text(json.dumps(by_hand))
    with pytest.raises(AnnotationError, match="'wavng' is not among the 1 labels"):
        read_annotations(folder / 'hand.json')


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('a.mp4,waving,2.5,3', '2.5 s is outside the recording, which lasts 2.00 s'),
        ('a.mp4,waving,1,3', '3 s is outside the recording'),
        ('a.mp4,waving,1,1', 'expected an end after the start'),
        ('a.mp4,waving,,1', 'has an end, but no start'),
        ('d.mp4,waving,1,2', 'd.mp4 does not exist'),
    ],
)
def test_impossible_times_are_listed(folder, capsys, row, message):
    (folder / 'labels.csv').write_text(f'{ROWS}{row}\n')
    assert main(['dataset', 'check', str(folder / 'labels.csv'), '--format', 'labels']) == 1
    shown = capsys.readouterr().out
    assert message in shown
    assert shown.count('error:') == 1


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'expected recording,label,start,end'),
        ('video,label\na.mp4,waving\n', 'first line'),
        ('recording,label\na.mp4,waving,3\n', 'line 2: 3 values under 2 columns'),
        ('recording,label,start\na.mp4,waving,soon\n', "line 2: start is 'soon'"),
        ('recording,label,start\na.mp4,,1\n', 'a time without a label'),
        ('recording,label\n,waving\n', "recording is ''"),
        (f'recording,label\n{"x" * 300},waving\n', 'expected the name of a file'),
    ],
)
def test_broken_lists_are_refused(folder, text, message):
    with pytest.raises(AnnotationError, match=message):
        labels(folder, text)


def test_activitynet_gives_segments_of_a_part(folder):
    segment = {'label': 'waving', 'segment': [0.5, 1.2]}
    database = {
        'a': {'subset': 'training', 'annotations': [segment]},
        'b': {'subset': 'validation', 'annotations': []},
    }
    file = folder / 'activity_net.json'
    file.write_text(json.dumps({'database': database}))
    [video] = open_dataset(DatasetSpec(file.name, 'activitynet', 'train'), folder).videos
    assert video.path == 'a.mp4'
    assert video.happenings == (Happening('waving', SECOND // 2, 12 * SECOND // 10),)
    assert len(open_dataset(DatasetSpec(file.name, 'activitynet', 'all'), folder).videos) == 2
    file.write_text(json.dumps({'database': {'a': {'annotations': [{'label': 'waving'}]}}}))
    with pytest.raises(AnnotationError, match='KeyError'):
        open_dataset(DatasetSpec(file.name, 'activitynet', 'all'), folder)
    file.write_text(json.dumps({'database': {'\ud800': {'annotations': []}}}))
    with pytest.raises(AnnotationError, match='no name that a file can have'):
        open_dataset(DatasetSpec(file.name, 'activitynet', 'all'), folder)


def test_clips_may_stay_without_boxes(folder):
    (folder / 'clips' / 'waving').mkdir(parents=True)
    (folder / 'a.mp4').rename(folder / 'clips' / 'waving' / 'a.mp4')
    [video] = open_dataset(DatasetSpec('clips', 'clips', boxes='none'), folder).videos
    assert video.happenings == (Happening('waving'),)


def test_parts_and_pages_are_made_of_them(folder):
    videos = labels(folder, ROWS)
    parts = split_videos(videos.annotations, [0.5, 0.5], 0)
    assert sorted(len(part) for part in parts) == [1, 2]
    assert all(any(video.happenings for video in part) for part in parts)
    page = folder / 'page.png'
    command = ['dataset', 'show', str(folder / 'labels.csv'), '--format', 'labels']
    assert main([*command, '--out', str(page)]) == 0
    assert cv2.imread(str(page)).any()


def test_networks_that_learn_boxes_refuse_them(folder, capsys):
    annotations = labels(folder, ROWS).annotations
    write_annotations(
        folder / 'annotations.json', replace(annotations, videos=annotations.videos[:2])
    )
    settings = folder / 'settings.yaml'
    settings.write_text(
        'model: stream_n\nname: mine\ndata: {train: [annotations.json]}\nschedule: {steps: 1}\n'
    )
    assert main(['train', str(settings), '--check']) == 2
    assert (
        'annotations.json has no boxes, from which this network learns' in capsys.readouterr().err
    )
    settings.write_text(settings.read_text() + 'supervision: video\n')
    assert main(['train', str(settings), '--check']) == 2
    assert "'stream_n' has no such choice; model: skeleton_n" in capsys.readouterr().err

"""Check `actloc synth` and the plain folder format by reading back what they write."""

import json
import os
import subprocess

import av
import cv2
import numpy as np
import pytest

from actloc_ros.cli.main import main
from actloc_ros.synth import LABELS, render
from actloc_ros.truth.annotations import ActorTrack, AnnotationError, Annotations, Instance, Video
from actloc_ros.truth.plain_json import read_annotations, write_annotations


def _decode(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        times = [frame.pts * stream.time_base for frame in frames]
        return [frame.to_ndarray(format='rgb24') for frame in frames], times


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """Two seconds written by the command, with depth."""
    path = tmp_path_factory.mktemp('synth') / 'sample.mp4'
    arguments = ['--seed', '3', '--seconds', '2', '--size', '320x240', '--rate', '15', '--depth']
    assert main(['synth', str(path), *arguments]) == 0
    return path


def test_video_shows_the_rendered_frames_at_their_times(written):
    images, times = _decode(written)
    frames = list(render(3, 2, (320, 240), 15))
    assert len(images) == len(frames) == 30
    for image, time, frame in zip(images, times, frames, strict=True):
        assert abs(float(time) - frame.stamp / 1e9) < 1e-4
        assert np.abs(image.astype(int) - frame.image).mean() < 8


def test_json_holds_the_truth_of_all_frames(written):
    truth = read_annotations(written.with_suffix('.json'))
    assert truth.labels == LABELS
    (video,) = truth.videos
    assert (video.path, video.width, video.height) == ('sample.mp4', 320, 240)
    assert (video.fps, video.frames) == (15, 30)
    rows = {
        (tube.actor, int(frame)): tuple(box)
        for tube in video.tracks
        for frame, box in zip(tube.frames, tube.boxes, strict=True)
    }
    expected = {}
    for index, frame in enumerate(render(3, 2, (320, 240), 15)):
        for actor in frame.actors:
            expected[actor.actor, index] = tuple(map(float, actor.box))
            said = {
                each.label
                for each in video.instances
                if each.actor == actor.actor and each.start <= frame.stamp < each.end
            }
            assert set(actor.labels) == said
    assert rows == expected


def test_instances_end_with_the_video(written):
    (video,) = read_annotations(written.with_suffix('.json')).videos
    assert video.instances
    for instance in video.instances:
        assert 0 <= instance.start < instance.end <= 2_000_000_000


def test_depth_images_are_millimetres(written):
    frame = next(render(3, 2, (320, 240), 15, depth=True))
    image = cv2.imread(str(written.with_suffix('.depth') / '000000.png'), cv2.IMREAD_UNCHANGED)
    assert image.dtype == np.uint16
    there = image > 0
    assert there.mean() > 0.5
    assert np.abs(image[there] / 1000 - frame.depth[there]).max() < 0.001


def test_count_writes_a_folder_with_one_json(tmp_path):
    out = tmp_path / 'set'
    arguments = ['--count', '2', '--seconds', '0.3', '--size', '64x48', '--seed', '5']
    assert main(['synth', str(out), *arguments]) == 0
    videos = read_annotations(out / 'annotations.json').videos
    assert [video.path for video in videos] == ['synth_000005.mp4', 'synth_000006.mp4']
    for video in videos:
        assert len(_decode(out / video.path)[0]) == video.frames == 9


def test_a_seed_gives_the_same_file_whatever_lies_in_memory(tmp_path):
    files = []
    for fill in ('1', '170'):  # glibc fills with it what is allocated and not written
        path = tmp_path / f'{fill}.mp4'
        arguments = ['--seed', '5', '--seconds', '1', '--size', '320x240', '--rate', '20']
        subprocess.run(
            ['actloc', 'synth', path, *arguments],
            check=True,
            timeout=60,
            env={**os.environ, 'MALLOC_PERTURB_': fill},
            capture_output=True,
        )
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [(['x.mp4', '--seconds', '-1'], 'seconds'), (['x.mp4', '--seconds', 'nan'], 'seconds'),
     (['x.txt'], 'unknown kind of video'),
     (['x', '--count', '0'], '--count')],
)  # fmt: skip
def test_bad_arguments_end_with_one_clear_line(tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    assert main(['synth', *arguments]) == 2
    assert word in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def _video(**changes):
    boxes = np.array([[1, 2, 30.5, 40], [2, 2, 31, 40]])
    fields = {
        'path': 'a.mp4',
        'fps': 25.0,
        'width': 64,
        'height': 48,
        'frames': 10,
        'tracks': (ActorTrack(1, np.array([3, 4]), boxes, np.array([2.5, 2.25])),),
        'instances': (Instance(1, 'waving', 120_000_000, 200_000_001),),
    }
    return Video(**{**fields, **changes})


def test_annotations_come_back_as_written(tmp_path):
    path = tmp_path / 'a.json'
    write_annotations(path, Annotations(('waving',), (_video(),)))
    (video,) = read_annotations(path).videos
    assert video.instances == _video().instances
    (tube,), (expected,) = video.tracks, _video().tracks
    assert tube.actor == expected.actor
    np.testing.assert_array_equal(tube.frames, expected.frames)
    np.testing.assert_array_equal(tube.boxes, expected.boxes)
    np.testing.assert_array_equal(tube.distances, expected.distances)
    assert video.stamp(3) == 120_000_000


def test_hand_written_file_needs_no_nanoseconds_and_no_distances(tmp_path):
    path = tmp_path / 'a.json'
    write_annotations(path, Annotations(('waving',), (_video(),)))
    data = json.loads(path.read_text())
    instance, tube = data['videos'][0]['instances'][0], data['videos'][0]['tubes'][0]
    del instance['start_ns'], instance['end_ns'], tube['distances']
    path.write_text(json.dumps(data))
    (video,) = read_annotations(path).videos
    assert video.instances == (Instance(1, 'waving', 120_000_000, 200_000_001),)
    assert video.tracks[0].distances is None


@pytest.mark.parametrize(
    ('change', 'word'),
    [
        ({'tracks': (ActorTrack(1, np.array([3]), np.array([[0, 0, 65, 9.0]])),)}, 'within'),
        ({'tracks': (ActorTrack(1, np.array([3]), np.array([[5, 0, 5, 9.0]])),)}, 'x1 < x2'),
        ({'tracks': (ActorTrack(1, np.array([10]), np.array([[0, 0, 6, 9.0]])),)}, 'frame'),
        ({'tracks': (ActorTrack(1, np.array([4, 4]), np.array([[0, 0, 6, 9.0]] * 2)),)}, 'rise'),
        ({'instances': (Instance(1, 'flying', 0, 5),)}, 'flying'),
        ({'instances': (Instance(1, 'waving', 5, 5),)}, 'start < end'),
        ({'fps': 0.0}, 'fps'),
    ],
)
def test_impossible_annotations_are_named(tmp_path, change, word):
    path = tmp_path / 'a.json'
    write_annotations(path, Annotations(('waving',), (_video(**change),)))
    with pytest.raises(AnnotationError, match=word) as error:
        read_annotations(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('text', ['', '[]', '{"format": "coco"}', '{"videos": 3}', '{"a": '])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=r'a\.json'):
        read_annotations(path)

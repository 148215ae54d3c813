"""Check that every format gives the boxes, actions and frames that its files say."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered import number_of, write_numbered

from actloc_ros.datasets.check import check_dataset
from actloc_ros.datasets.readers import DatasetSpec, open_dataset
from actloc_ros.datasets.split import writable
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.training.config import Data
from actloc_ros.training.data.augment import NO_AUGMENTATION
from actloc_ros.training.data.batches import ClipDataset
from actloc_ros.truth.annotations import AnnotationError
from actloc_ros.truth.boxes import EvaluationError
from actloc_ros.truth.faults import FaultKind
from actloc_ros.truth.labels import AVA80
from actloc_ros.truth.plain_json import read_annotations, write_annotations

SECOND = 1_000_000_000


def grey(number):
    """Return an image by which the frame of this number is known again."""
    return np.full((48, 64, 3), 8 * number % 256, np.uint8)


def film(path, frames=20, rate=10):
    with VideoWriter(path, rate) as writer:
        for i in range(frames):
            writer.write(i * SECOND // rate, grey(i))


def images(folder, frames=20, suffix='.jpg', first=1):
    folder.mkdir(parents=True)
    for i in range(frames):
        cv2.imwrite(str(folder / f'{i + first:05d}{suffix}'), grey(i))


def assert_frames_fit(videos, index=0):
    """Check that frames are the ones asked for, in that order."""
    clip = videos.clip(index, np.array([7, 2, 13]))
    assert np.allclose(clip.images.mean(axis=(1, 2, 3)), [56, 16, 104], atol=4)


def actions_of(videos, index=0):
    """Return by frame what is done, and by which actor: the label and the box's left side."""
    frames = videos.videos[index].frames
    clip = videos.clip(index, np.arange(frames))
    return [
        {
            (videos.labels[c], round(float(clip.boxes[t, m, 0]), 1))
            for m in np.flatnonzero(clip.visible[t])
            for c in np.flatnonzero(clip.actions[t, m])
        }
        for t in range(frames)
    ]


# UCF101-24


def pyannot(folder):
    """Write two videos' annotations, and the lists of a split."""
    boxes = [[160 + i, 60, 80, 120] for i in range(5)]
    annotation = {'label': 0, 'sf': 4, 'ef': 9, 'boxes': boxes}
    diving = {'label': 'Diving', 'sf': 0, 'ef': 1, 'boxes': [[0, 0, 32, 24]]}
    data = {
        'Basketball/v_Basketball_g01_c01': {'numf': 20, 'label': 0, 'annotations': [annotation]},
        'Diving/v_Diving_g02_c01': {'numf': 20, 'label': 5, 'annotations': [diving]},
    }
    (folder / 'pyannot.json').write_text(json.dumps(data))
    (folder / 'splitfiles').mkdir()
    train = 'Basketball/v_Basketball_g01_c01.avi 1\nBasketball/v_Basketball_g09_c09.avi 1\n'
    (folder / 'splitfiles' / 'trainlist01.txt').write_text(train)
    (folder / 'splitfiles' / 'testlist01.txt').write_text('Diving/v_Diving_g02_c01\n')


def test_ucf24_of_frames_in_folders(tmp_path):
    pyannot(tmp_path)
    images(tmp_path / 'rgb-images' / 'Basketball' / 'v_Basketball_g01_c01')
    videos = open_dataset(DatasetSpec('.', 'ucf24'), tmp_path)
    [video] = videos.videos
    assert (video.frames, video.fps, video.width, video.height) == (20, 25.0, 64, 48)
    done = actions_of(videos)
    # The annotation speaks of 320x240, the images are 64x48.
    assert done[4] == {('Basketball', 32.0)}
    assert done[8] == {('Basketball', 32.8)}
    assert done[3] == done[9] == set()
    assert videos.clip(0, np.arange(20)).known is None
    assert_frames_fit(videos)
    assert len(videos.labels) == 24
    assert not check_dataset(videos).fatal


def test_ucf24_of_videos_with_a_missing_one(tmp_path):
    pyannot(tmp_path)
    (tmp_path / 'films').mkdir()
    film(tmp_path / 'films' / 'v_Basketball_g01_c01.mp4')
    everything = open_dataset(DatasetSpec('pyannot.json', 'ucf24', 'all', videos='films'), tmp_path)
    assert len(everything.videos) == 2
    assert_frames_fit(everything)
    findings = check_dataset(everything)
    [missing] = findings.of(FaultKind.FILE)
    assert 'v_Diving_g02_c01 does not exist' in missing.text
    test = open_dataset(DatasetSpec('pyannot.json', 'ucf24', 'test', videos='films'), tmp_path)
    assert [video.path for video in test.videos] == ['films/Diving/v_Diving_g02_c01']


def test_ucf24_says_what_is_missing(tmp_path):
    pyannot(tmp_path)
    with pytest.raises(AnnotationError, match=r'trainlist02\.txt is missing'):
        open_dataset(DatasetSpec('.', 'ucf24', split=2), tmp_path)
    (tmp_path / 'splitfiles' / 'trainlist01.txt').write_text('other\n')
    with pytest.raises(AnnotationError, match='names no video'):
        open_dataset(DatasetSpec('.', 'ucf24'), tmp_path)
    (tmp_path / 'pyannot.pkl').write_bytes(b'cos\nsystem\n(S"touch ran"\ntR.')
    with pytest.raises(EvaluationError, match=r'can run code and is not loaded.*doc/datasets\.md'):
        open_dataset(DatasetSpec('pyannot.pkl', 'ucf24'), tmp_path)
    (tmp_path / 'pyannot.json').unlink()
    with pytest.raises(AnnotationError, match=r'0 JSON files \(and pyannot\.pkl'):
        open_dataset(DatasetSpec('.', 'ucf24'), tmp_path)


def test_ucf24_clips_of_the_shared_data(shared):
    folder = shared / 'data' / 'ucf24'
    videos = open_dataset(DatasetSpec('ground_truth.json', 'ucf24', 'all'), folder)
    findings = check_dataset(videos)
    assert not findings.fatal, findings.text()
    assert (findings.videos, findings.actors) == (5, 7)
    biking = next(v for v in videos.videos if 'Biking' in v.path)
    assert (biking.width, biking.height, biking.frames) == (340, 256, 151)
    assert np.allclose(
        biking.tracks[0].boxes[0], [184 * 340 / 320, 53 * 256 / 240, 263.5, 161.0667]
    )
    counts = {each.label: each.frames for each in findings.classes}
    assert counts['Fencing'] == 2 * 174
    assert counts['Basketball'] == 48


# J-HMDB-21 and MultiSports


def act(videos, frame=1):
    rows = [[frame + i, 16 + i, 12, 40, 36] for i in range(4)]
    return {
        'labels': ['brush hair', 'catch'],
        'train_videos': [[videos[0]], [videos[1]]],
        'test_videos': [[videos[1]], [videos[0]]],
        'resolution': {name: [48, 64] for name in videos},
        'gttubes': {name: {'1': [rows]} for name in videos},
    }


def test_jhmdb_of_frames(tmp_path):
    names = ['brush_hair/April_09', 'catch/a_ball']
    (tmp_path / 'JHMDB-GT.json').write_text(json.dumps(act(names, 3)))
    for name in names:
        images(tmp_path / 'Frames' / name, suffix='.png')
    videos = open_dataset(DatasetSpec('.', 'jhmdb'), tmp_path)
    assert [video.path for video in videos.videos] == ['Frames/brush_hair/April_09']
    assert videos.videos[0].fps == 30
    done = actions_of(videos)
    assert done[2:6] == [{('catch', 16.0 + i)} for i in range(4)]
    assert done[1] == done[6] == set()
    assert_frames_fit(videos)
    second = open_dataset(DatasetSpec('.', 'jhmdb', split=2), tmp_path)
    assert [video.path for video in second.videos] == ['Frames/catch/a_ball']
    with pytest.raises(EvaluationError, match='no split 3'):
        open_dataset(DatasetSpec('.', 'jhmdb', split=3), tmp_path)
    assert len(open_dataset(DatasetSpec('.', 'jhmdb', 'all'), tmp_path).videos) == 2
    assert not check_dataset(videos).fatal


def test_multisports_of_videos(tmp_path):
    names = ['football/v_1_c001', 'volleyball/v_2_c001']
    data = act(names)
    (tmp_path / 'multisports_GT.json').write_text(json.dumps(data))
    for name in names:
        (tmp_path / 'trainval' / name).parent.mkdir(parents=True)
        film(tmp_path / 'trainval' / f'{name}.mp4')
    source = DatasetSpec('multisports_GT.json', 'multisports', 'test')
    videos = open_dataset(source, tmp_path)
    assert [video.path for video in videos.videos] == ['trainval/volleyball/v_2_c001.mp4']
    assert actions_of(videos)[0] == {('catch', 16.0)}
    assert_frames_fit(videos)
    data['gttubes'][names[1]]['1'][0].append([30, 1, 1, 9, 9])
    (tmp_path / 'multisports_GT.json').write_text(json.dumps(data))
    [fault] = check_dataset(open_dataset(source, tmp_path)).of(FaultKind.BOX)
    assert 'frame 29' in fault.text
    assert 'a frame below 20' in fault.text
    del data['train_videos']
    (tmp_path / 'multisports_GT.json').write_text(json.dumps(data))
    with pytest.raises(EvaluationError, match='train_videos is missing'):
        open_dataset(DatasetSpec('multisports_GT.json', 'multisports'), tmp_path)
    pyannot(tmp_path)
    with pytest.raises(AnnotationError, match='not the layout of ACT'):
        open_dataset(DatasetSpec('pyannot.json', 'multisports'), tmp_path)


# AVA


def ava(folder, text):
    (folder / 'ava_train_v2.2.csv').write_text(text)
    if not (folder / 'videos').exists():
        (folder / 'videos').mkdir()
        film(folder / 'videos' / 'abc.mp4', frames=40)


def test_ava_knows_key_frames_alone(tmp_path):
    ava(
        tmp_path,
        'abc,1,0.25,0.1,0.75,0.9,12,7\nabc,0001,0.25,0.1,0.75,0.9,80,7\n'
        'abc,2,0.5,0.1,0.75,0.9,12,7\nabc,2,0,0,0.25,0.5,14,8\nabc,3\n',
    )
    videos = open_dataset(DatasetSpec('.', 'ava'), tmp_path)
    [video] = videos.videos
    assert videos.labels == AVA80
    assert video.labelled.tolist() == [10, 20, 30]
    assert len(video.tracks) == 2
    assert video.tracks[0].boxes[0] == pytest.approx([16, 4.8, 48, 43.2])
    done = actions_of(videos)
    stand, watch, walk = AVA80[11], AVA80[79], AVA80[13]
    assert done[10] == {(stand, 16.0), (watch, 16.0)}
    assert done[20] == {(stand, 32.0), (walk, 0.0)}
    assert not any(done[i] for i in range(40) if i not in (10, 20))
    clip = videos.clip(0, np.array([9, 10, 30]))
    assert clip.known.tolist() == [False, True, True]
    assert clip.visible.tolist() == [[False], [True], [False]]
    findings = check_dataset(videos)
    assert not findings.fatal
    assert findings.known == 3
    assert_frames_fit(videos)


def test_ava_goes_by_the_frames_own_times(tmp_path):
    times = [33 * i for i in range(25)] + [825 + 100 * i for i in range(25)]
    (tmp_path / 'ava_train_v2.2.csv').write_text(
        ''.join(f'abc,{second},0.25,0.1,0.75,0.9,12,7\n' for second in (1, 2, 3))
    )
    (tmp_path / 'videos').mkdir()
    write_numbered(tmp_path / 'videos' / 'abc.mkv', times)
    videos = open_dataset(DatasetSpec('.', 'ava'), tmp_path)
    nearest = [int(np.abs(np.array(times) - 1000 * second).argmin()) for second in (1, 2, 3)]
    assert videos.videos[0].labelled.tolist() == nearest == [27, 37, 47]
    clip = videos.clip(0, np.array(nearest))
    assert [number_of(image) for image in clip.images] == nearest
    assert clip.actions.sum(axis=(1, 2)).tolist() == [1, 1, 1]
    findings = check_dataset(videos)
    assert not findings.fatal
    [fault] = findings.of(FaultKind.RATE)
    assert 'what is in seconds may mean other frames' in fault.text


def test_a_training_draws_clips_that_end_at_key_frames(tmp_path):
    ava(tmp_path, 'abc,1,0.25,0.1,0.75,0.9,12,7\nabc,3,0,0,0.25,0.5,14,8\n')
    videos = open_dataset(DatasetSpec('.', 'ava'), tmp_path)
    data = Data(train=('x',), height=32, width=32, frames=4, rate=5)
    clips = ClipDataset([videos], videos.labels, data, NO_AUGMENTATION, 0)
    drawn = [clips[i] for i in range(20)]
    assert {tuple(sample.known.tolist()) for sample in drawn} == {(False, False, False, True)}
    assert {int(sample.actions[-1].sum()) for sample in drawn} == {1}
    assert all(sample.valid[-1].sum() == 1 for sample in drawn)
    assert not any(sample.valid[:-1].any() for sample in drawn)


def test_ava_leaves_excluded_key_frames_out(tmp_path):
    ava(tmp_path, 'abc,1,0.25,0.1,0.75,0.9,12\nabc,1,0.3,0.1,0.75,0.9,12\nabc,2,0,0,1,1,12\n')
    (tmp_path / 'ava_train_excluded_timestamps_v2.2.csv').write_text('abc,0002\nother,0003\n')
    [video] = open_dataset(DatasetSpec('.', 'ava'), tmp_path).videos
    assert video.labelled.tolist() == [10]
    assert len(video.tracks) == 2, 'without persons every box is an actor'


def test_ava_of_own_classes(tmp_path):
    ava(tmp_path, 'abc,1,0.25,0.1,0.75,0.9,7,1\n')
    (tmp_path / 'own.pbtxt').write_text('item { name: "weld" id: 7 }\nitem { name: "saw" id: 9 }')
    videos = open_dataset(DatasetSpec('ava_train_v2.2.csv', 'ava', videos='videos'), tmp_path)
    assert videos.labels == ('weld', 'saw')
    assert actions_of(videos)[10] == {('weld', 16.0)}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('abc,1,0.25,0.1,0.75,0.9,81,7\n', 'line 1: unknown class 81'),
        ('abc,1,0.25,0.1,nan,0.9,12,7\n', 'line 1'),
        ('abc,1,100,0.1,200,0.9,12,7\n', r'line 1: the box .* leaves \[0, 1\]'),
        ('abc,x,0.25,0.1,0.75,0.9,12,7\n', "'x' is no time"),
    ],
)
def test_ava_names_the_broken_row(tmp_path, text, message):
    ava(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        open_dataset(DatasetSpec('.', 'ava'), tmp_path)


def test_ava_beyond_the_end_is_found(tmp_path):
    ava(tmp_path, 'abc,902,0.25,0.1,0.75,0.9,12,7\n')
    findings = check_dataset(open_dataset(DatasetSpec('.', 'ava'), tmp_path))
    assert findings.fatal
    assert 'frame 9020' in findings.of(FaultKind.BOX)[0].text
    with pytest.raises(AnnotationError, match=r"0 files for part 'test'"):
        open_dataset(DatasetSpec('.', 'ava', 'test'), tmp_path)


# Clips without boxes


def labelled_clips(folder):
    for label in ('wave', 'walk'):
        (folder / label).mkdir(parents=True)
        film(folder / label / 'a.mp4')
    images(folder / 'wave' / 'b', frames=15)
    (folder / 'wave' / 'notes.txt').write_text('no clip')


def test_clips_with_the_whole_view(tmp_path):
    labelled_clips(tmp_path)
    videos = open_dataset(DatasetSpec('.', 'clips', boxes='image'), tmp_path)
    assert [video.path for video in videos.videos] == ['walk/a.mp4', 'wave/a.mp4', 'wave/b']
    assert videos.labels == ('walk', 'wave')
    assert actions_of(videos, 2) == [{('wave', 0.0)}] * 15
    assert videos.clip(0, np.array([3])).boxes.tolist() == [[[0, 0, 64, 48]]]
    assert_frames_fit(videos, 1)
    assert not check_dataset(videos).fatal
    with pytest.raises(AnnotationError, match='say boxes: image'):
        open_dataset(DatasetSpec('.', 'clips'), tmp_path)
    with pytest.raises(AnnotationError, match='no folders with videos'):
        open_dataset(DatasetSpec('walk', 'clips', boxes='image'), tmp_path)
    with pytest.raises(ValueError, match='there is no detector "hug"'):
        open_dataset(DatasetSpec('.', 'clips', boxes='hug'), tmp_path)


def test_people_are_not_looked_for_where_they_cannot_be_kept(tmp_path, monkeypatch):
    labelled_clips(tmp_path)
    monkeypatch.setitem(sys.modules, 'actloc_ros.datasets.find_people', None)
    touch = Path.touch

    def refuse(path, *args):
        if path.parent == tmp_path:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        touch(path, *args)

    monkeypatch.setattr(Path, 'touch', refuse)
    with pytest.raises(AnnotationError, match=r'boxes_hog\.json cannot be written \(Read-only'):
        open_dataset(DatasetSpec('.', 'clips', boxes='hog'), tmp_path)


def test_hidden_files_are_no_clips(tmp_path):
    labelled_clips(tmp_path)
    (tmp_path / '._walk').mkdir()
    (tmp_path / 'walk' / '._a.mp4').write_bytes(bytes(100))
    (tmp_path / 'wave' / 'c').mkdir()
    (tmp_path / 'wave' / 'c' / '._1.png').write_bytes(bytes(100))
    videos = open_dataset(DatasetSpec('.', 'clips', boxes='image'), tmp_path)
    assert [video.path for video in videos.videos] == ['walk/a.mp4', 'wave/a.mp4', 'wave/b']


def test_people_in_clips_are_found_once_and_may_be_corrected(shared, tmp_path):
    source = shared / 'data' / 'people' / 'one-by-one-person-detection.mp4'
    (tmp_path / 'walk').mkdir()
    capture = cv2.VideoCapture(str(source))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 150)
    with VideoWriter(tmp_path / 'walk' / 'a.mp4', 10) as writer:
        for i in range(8):
            image = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
            writer.write(i * SECOND // 10, image)
    film(tmp_path / 'walk' / 'empty.mp4', 3)
    videos = open_dataset(DatasetSpec('.', 'clips', boxes='hog'), tmp_path)
    person, nobody = videos.videos
    assert not nobody.tracks
    assert not nobody.instances
    [instance] = person.instances
    tube = next(tube for tube in person.tracks if tube.actor == instance.actor)
    assert len(tube.frames) >= 4
    height = tube.boxes[:, 3] - tube.boxes[:, 1]
    assert (height > 100).all()
    findings = check_dataset(videos)
    assert not findings.fatal
    assert findings.of(FaultKind.EMPTY)[0].video == 'walk/empty.mp4'

    file = tmp_path / 'boxes_hog.json'
    text = file.read_text()
    assert len(read_annotations(file).videos) == 2
    file.write_text(text.replace('"actor": ', '"actor": 7'))
    again = open_dataset(DatasetSpec('.', 'clips', boxes='hog'), tmp_path)
    assert again.videos[0].instances[0].actor == int(f'7{instance.actor}')
    film(tmp_path / 'walk' / 'new.mp4', 3)
    with pytest.raises(AnnotationError, match=r'boxes_hog\.json is of other clips'):
        open_dataset(DatasetSpec('.', 'clips', boxes='hog'), tmp_path)


def test_shared_interactions_as_clips(shared, tmp_path):
    for path in sorted((shared / 'data' / 'ut_interaction' / 'positives').iterdir())[:12]:
        label = path.stem.split('_', 3)[3]
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / path.name).symlink_to(path)
    videos = open_dataset(DatasetSpec('.', 'clips', boxes='image'), tmp_path)
    findings = check_dataset(videos)
    assert not findings.faults, findings.text()
    assert findings.videos == 12
    assert len(findings.classes) == 6


# All of them


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'format': 'voc'}, "format is 'voc'; formats are actloc"),
        ({'part': 'half'}, "part is 'half'"),
        ({'split': 0}, 'split is 0'),
        ({'boxes': 'hog'}, 'actloc has boxes of its own'),
    ],
)
def test_wrong_sources_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        DatasetSpec('a.json', **wrong)


def test_any_format_becomes_the_plain_one(tmp_path):
    ava(tmp_path, 'abc,1,0.25,0.1,0.75,0.9,12,7\nabc,2,0,0,0.25,0.5,14,8\n')
    videos = open_dataset(DatasetSpec('.', 'ava'), tmp_path)
    write_annotations(tmp_path / 'plain.json', writable(videos.annotations))
    plain = open_dataset(DatasetSpec('plain.json'), tmp_path)
    assert actions_of(plain) == actions_of(videos)
    assert plain.videos[0].labelled.tolist() == [10, 20]
    shutil.rmtree(tmp_path / 'videos')
    assert check_dataset(plain).of(FaultKind.FILE)

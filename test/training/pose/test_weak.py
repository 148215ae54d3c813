"""Train `skeleton_n` by `actloc train` on labels that do not say who does something."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actloc_ros.cli.main import main
from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.io.sources import open_source
from actloc_ros.io.video_writer import VideoWriter
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.open import open_localizer
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.pose.config import POINTS, TIME, VIDEO
from actloc_ros.training.pose.skeleton import train_head, with_rows
from actloc_ros.training.pose.tracks import LabelledTrack
from actloc_ros.training.pose.weak_labels import WeakTruth, spans
from actloc_ros.training.pose.weak_set import bag_tracks
from actloc_ros.training.skeleton_n.labels import NO, UNKNOWN, YES
from actloc_ros.truth.annotations import Annotations, Happening, Video
from actloc_ros.truth.plain_json import read_annotations

LABELS = ('still', 'shaking', 'calm')
SECOND = 1_000_000_000
FRAMES, RATE = 40, 10.0
SHAKING = slice(10, 25)  # of whoever shakes


def weak_set(supervision, recordings=12):
    """Return recordings of three people each; in every second one, somebody shakes."""
    rng = np.random.default_rng(0)
    videos, tracks = [], []
    for number in range(recordings):
        happens = number % 2 == 0
        times = {
            VIDEO: (None, None),
            TIME: (1 * SECOND, 5 * SECOND // 2),
            POINTS: (17 * SECOND // 10, None),
        }[supervision]
        said = (Happening('shaking', *times),) if happens else ()
        video = Video(f'{number}.mp4', RATE, 100, 100, FRAMES, (), (), happenings=said)
        videos.append(video)
        truth = WeakTruth(video, LABELS, ('shaking',), supervision)
        for person in range(3):
            features = rng.normal(0, 0.3, (FRAMES, FEATURES)).astype(np.float32)
            features[:, :40] -= 2
            if happens and person == number // 2 % 3:
                features[SHAKING, :40] += 4
            features[:, 60:80] += rng.normal(0, 2)  # what else differs from person to person
            targets = [truth.targets(f, np.zeros((1, 4)), np.ones(1))[0] for f in range(FRAMES)]
            stamps = [video.stamp(frame) for frame in range(FRAMES)]
            tracks.append(LabelledTrack(number, 0, list(features), [0.1] * FRAMES, targets, stamps))
    return [AnnotatedVideos(Path('x'), Annotations(LABELS, tuple(videos)))], tracks


@pytest.mark.parametrize('supervision', [TIME, POINTS, VIDEO])
def test_who_does_it_and_when_is_found(supervision):
    torch.manual_seed(0)
    network = with_rows(SkeletonNet(1, 32, 1), len(LABELS))
    sets, tracks = weak_set(supervision)
    known, lack = bag_tracks(network, tracks, sets, LABELS, supervision)
    assert lack.unused == 0
    [outcome] = train_head(network, known, LABELS, 1, [0.5] * 3, 0)
    assert outcome.label == 'shaking'
    assert outcome.after > 0.8
    weight, bias = network.head.weight[1], network.head.bias[1]
    reported = (known.frames.inputs @ weight + bias > 0).numpy().reshape(-1, FRAMES - 1)
    shown = np.zeros((len(tracks), FRAMES), bool)
    for number in range(0, 12, 2):
        shown[3 * number + number // 2 % 3, SHAKING] = True
    assert (reported == shown[:, 1:]).mean() > 0.98
    assert reported[shown[:, 1:]].mean() > 0.75


def test_recordings_with_boxes_teach_beside_others():
    torch.manual_seed(0)
    network = with_rows(SkeletonNet(1, 32, 1), len(LABELS))
    [weak], tracks = weak_set(VIDEO)
    for track in tracks[-3:]:  # of the last recording it is known that nobody shakes
        for targets in track.targets:
            targets[1] = NO
        track.targets[5][1] = YES  # but once
    few = AnnotatedVideos(Path('x'), replace(weak.annotations, videos=weak.videos[:-1]))
    known, _ = bag_tracks(network, tracks, [few], LABELS, VIDEO)
    assert known.truth[known.rated.videos == 11, 1].tolist().count(YES) == 3
    assert (known.rated.videos == 11).sum() == 3 * (FRAMES - 1)
    assert (known.rated.videos == 0).sum() == 1


def test_points_leave_open_what_is_not_near_and_times_rule_out_the_rest():
    said = (Happening('shaking', 2 * SECOND, 3 * SECOND),)
    video = Video('v.mp4', RATE, 100, 100, FRAMES, (), (), happenings=said)
    found = np.zeros((1, 4)), np.ones(1)
    time, points, whole = (
        WeakTruth(video, LABELS, ('shaking', 'calm'), how) for how in (TIME, POINTS, VIDEO)
    )
    assert time.targets(5, *found).tolist() == [[UNKNOWN, NO, NO]]
    assert time.targets(19, *found).tolist() == [[UNKNOWN, UNKNOWN, NO]]  # at the action's start
    for truth in (points, whole):
        assert truth.targets(5, *found).tolist() == [[UNKNOWN, UNKNOWN, NO]]
    assert spans(video, POINTS) == [('shaking', 9 * SECOND // 4, 11 * SECOND // 4)]
    assert spans(video, VIDEO) == [('shaking', 0, 4 * SECOND)]


@pytest.fixture(scope='module')
def footage(tmp_path_factory):
    """Return a folder with four rendered videos in `set`, and a list of what happens when."""
    path = tmp_path_factory.mktemp('weak')
    command = ['synth', str(path / 'set'), '--count', '4', '--seconds', '3', '--rate', '8']
    assert main([*command, '--size', '160x128']) == 0
    rows = ['recording,label,start,end']
    for video in read_annotations(path / 'set' / 'annotations.json').videos:
        rows.append(f'{video.path},,,')
        rows += [
            f'{video.path},strolling,{each.start / SECOND},{each.end / SECOND}'
            for each in video.instances
            if each.label == 'walking'
        ]
    (path / 'set' / 'labels.csv').write_text('\n'.join(rows))
    return path


def write(folder, **values):
    data = {'train': [{'path': 'set', 'format': 'labels'}]}
    path = folder / 'settings.yaml'
    path.write_text(yaml.safe_dump({'model': 'skeleton_n', 'name': 'mine', 'data': data, **values}))
    return path


@pytest.mark.timeout(200)
def test_a_list_of_times_teaches_a_new_label(footage, capsys):
    out = footage / 'run'
    settings = write(footage, supervision='time')
    assert main(['train', str(settings), '--check']) == 0
    assert not out.exists()
    assert main(['train', str(settings), '--out', str(out)]) == 0
    assert 'strolling: new' in capsys.readouterr().out
    options = LocalizerOptions(weights=str(out / 'mine.onnx'), device='cpu')
    localizer = open_localizer('people_n+skeleton_n', options)
    known, new = localizer.labels.index('walking'), localizer.labels.index('strolling')
    scores = []
    for video in read_annotations(footage / 'set' / 'annotations.json').videos:
        localizer.reset()
        for frame in open_source(footage / 'set' / video.path):
            scores.append(localizer.step([frame])[0].actions[:, [known, new]])
    known_scores, new_scores = np.concatenate(scores).T
    walks = known_scores >= 0.5
    assert walks.any()
    assert not walks.all()
    assert new_scores[walks].mean() > 2 * new_scores[~walks].mean()
    localizer.close()


@pytest.mark.timeout(200)
def test_labels_of_nobody_are_counted(footage, capsys):
    with VideoWriter(footage / 'set' / 'empty.mp4', 8) as writer:
        for frame in range(12):
            writer.write(frame * SECOND // 8, np.zeros((128, 160, 3), np.uint8))
    listed = (footage / 'set' / 'labels.csv').read_text()
    (footage / 'set' / 'more.csv').write_text(f'{listed}\nempty.mp4,strolling,,\n')
    data = {'train': [{'path': 'set/more.csv', 'format': 'labels'}]}
    settings = write(footage, supervision='video', data=data)
    assert main(['train', str(settings), '--out', str(footage / 'more')]) == 0
    shown = capsys.readouterr().out
    assert 'not used: nobody is found where they hold; nobody at all in 1 recording:' in shown
    assert shown.count('empty.mp4') == 1


def test_what_cannot_be_meant_is_refused(footage, capsys):
    labels = {'path': 'set', 'format': 'labels'}
    (footage / 'set' / 'whole.csv').write_text('recording,label\nsynth_000012.mp4,strolling\n')
    whole = {'path': 'set/whole.csv', 'format': 'labels'}
    for values, message in (
        ({'supervision': 'none'}, "supervision is 'none'; expected one of boxes, time"),
        ({'supervision': 'video', 'model': 'pose_n'}, 'give model: skeleton_n'),
        ({'supervision': 'boxes'}, 'set (labels, train, split 1) does not say who'),
        ({'data': {'train': ['set'], 'boxes': ['set']}}, 'name them under train'),
        (
            {'supervision': 'time', 'data': {'train': [whole]}},
            "needs labels with start and end; 1 have none, the first: 'strolling' in synth_000012",
        ),
        ({'supervision': 'video', 'data': {'train': [labels], 'boxes': [whole]}}, 'does not say'),
    ):
        settings = write(footage, **values)
        assert main(['train', str(settings), '--out', str(footage / 'bad')]) == 2, values
        assert message in capsys.readouterr().err

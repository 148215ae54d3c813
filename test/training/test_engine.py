"""Check training: data in time and space, resuming to the same curve, and learning at all."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_training import settings, trainer
from torch.optim.swa_utils import AveragedModel

from actloc_ros.datasets.annotated_videos import AnnotatedVideos, LabelledClip
from actloc_ros.io.video_reader import VideoReader
from actloc_ros.models.checkpoints import Checkpoint, read_checkpoint
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.registry import architectures
from actloc_ros.models.stream.decode import decode
from actloc_ros.training.adapter import new_adapter
from actloc_ros.training.assign import pairwise_overlap
from actloc_ros.training.config import (
    Augmentation,
    ConfigError,
    Data,
    read_config,
)
from actloc_ros.training.data.augment import (
    NO_AUGMENTATION,
    ColumnNames,
    augment,
    choose_crop,
    choose_frames,
)
from actloc_ros.training.data.mirror import choose_pairs, mirror_pairs, mirrored_classes
from actloc_ros.training.data.sampling import KeyFrames
from actloc_ros.training.engine import CHECKPOINT
from actloc_ros.training.initial_weights import load_weights
from actloc_ros.training.schedule import EMA_RAMP, moving_average
from actloc_ros.truth.annotations import ActorTrack, Instance, Video
from actloc_ros.truth.plain_json import read_annotations

SUPPORT = Path(__file__).resolve().parents[1] / 'support'


@pytest.fixture(scope='module')
def footage(tmp_path_factory) -> Path:
    """Return the annotations of two rendered videos."""
    folder = tmp_path_factory.mktemp('footage') / 'set'
    command = ['actloc', 'synth', folder, '--count', '2', '--seconds', '3', '--size', '160x128']
    subprocess.run([*command, '--rate', '15'], check=True, timeout=100)
    return folder / 'annotations.json'


def test_video_reader_gives_the_frames_that_decoding_in_order_gives(footage):
    path = footage.parent / read_annotations(footage).videos[0].path
    reader = VideoReader(path)
    assert len(reader) == 45
    everything = reader.read(range(45))
    picked = [44, 3, 3, 20, 21, 0]
    assert np.array_equal(reader.read(picked), everything[picked])
    with pytest.raises(ValueError, match='frames 0 to 44'):
        reader.read([45])


def test_truth_follows_the_annotation(footage):
    videos = AnnotatedVideos(footage)
    video = videos.videos[0]
    clip = videos.clip(0, np.arange(video.frames))
    for column, tube in enumerate(video.tracks):
        assert np.flatnonzero(clip.visible[:, column]).tolist() == tube.frames.tolist()
        assert np.allclose(clip.boxes[tube.frames, column], tube.boxes)
    for each in video.instances:
        column = [tube.actor for tube in video.tracks].index(each.actor)
        for frame in range(video.frames):
            during = each.start <= video.stamp(frame) < each.end
            if during:
                assert clip.actions[frame, column, videos.labels.index(each.label)] == 1


def a_recording(frames: int, *instances: Instance) -> Video:
    """Return a video at 30 Hz of one actor who is always seen."""
    tube = ActorTrack(1, np.arange(frames), np.tile([0.0, 0, 9, 9], (frames, 1)))
    return Video('a.mp4', 30.0, 64, 64, frames, (tube,), instances)


def test_frames_are_chosen_by_time():
    rng = np.random.default_rng(0)
    numbers = choose_frames(rng, 100, a_recording(300), 4, 10.0, NO_AUGMENTATION)
    assert np.diff(numbers).tolist() == [3, 3, 3]
    assert 100 <= numbers[-1] <= 106
    how = Augmentation(rate=1.4, drop=0.3, freeze=0.2)
    keys = rng.integers(300, size=200)
    drawn = np.array([choose_frames(rng, int(k), a_recording(300), 8, 10.0, how) for k in keys])
    steps = np.diff(drawn, axis=1)
    assert (steps >= 0).all()
    assert (steps == 0).mean() > 0.1
    assert (steps > 6).any()
    assert drawn.min() >= 0
    assert drawn.max() < 300
    short = choose_frames(rng, 0, a_recording(2), 4, 10.0, NO_AUGMENTATION)
    assert short.tolist() in ([0, 0, 0, 0], [0, 0, 0, 1])


@pytest.mark.parametrize(('balance', 'share'), [(0.0, 0.1), (1.0, 0.5)])
def test_rare_labels_are_shown_more_often_than_they_come(balance, share):
    common = Instance(1, 'walking', 0, 9 * 10**9), Instance(1, 'falling', 9 * 10**9, 10**10)
    key_frames = KeyFrames([a_recording(300, *common)], ('walking', 'falling'), balance)
    rng = np.random.default_rng(0)
    drawn = np.array([key_frames.draw(rng)[1] for _ in range(1000)])
    assert (drawn >= 270).mean() == pytest.approx(share, abs=0.05)


def test_a_mirror_image_swaps_sides_and_their_labels():
    images = np.zeros((1, 8, 16, 3), np.uint8)
    images[0, 2:6, 0:4] = 255
    clip = LabelledClip(
        images,
        boxes=np.array([[[0, 2, 4, 6]]], np.float32),
        actions=np.array([[[1, 0, 0]]], np.float32),
        visible=np.ones((1, 1), bool),
        known=None,
        keypoints=np.array([[[[1, 3], [2, 5]]]], np.float32),
    )
    how = Augmentation(1, 1, 1.0, (('left', 'right'),), 0, 1, 0, 0)
    names = ColumnNames(('left', 'right', 'up'), ('left_hand', 'right_hand'))
    sample = augment(np.random.default_rng(0), clip, (8, 16), names, how)
    assert sample.boxes.tolist() == [[[12, 2, 16, 6]]]
    assert sample.actions.tolist() == [[[0, 1, 0]]]
    assert sample.keypoints.tolist() == [[[[14, 5], [15, 3]]]]
    assert (sample.images[:, 0, 2:6, 12:16] == 255).all()
    assert sample.images.sum() == 255 * 3 * 16


def test_labels_that_name_sides_swap_unless_settings_say_otherwise():
    labels = ('turn left', 'Left_hand up', 'leftover', 'turn right', 'Right_hand up', 'rightover')
    pairs = (('turn left', 'turn right'), ('Left_hand up', 'Right_hand up'))
    assert choose_pairs(labels, None) == mirror_pairs(labels) == pairs
    assert mirrored_classes(labels, pairs) == [3, 4, 2, 0, 1, 5]
    assert choose_pairs(labels, ()) == ()
    named = (('leftover', 'rightover'),)
    assert choose_pairs(labels, named) == named
    with pytest.raises(ConfigError, match="flip_pairs names 'up'"):
        choose_pairs(labels, (('leftover', 'up'),))
    with pytest.raises(ConfigError, match="'leftover' twice"):
        choose_pairs(labels, (('leftover', 'rightover'), ('leftover', 'turn left')))


def test_weights_are_taken_whole_or_not_at_all():
    architecture = architectures()['stream_n']
    given = new_adapter(architecture, ('a', 'b', 'c'))
    for parameter in given.network.parameters():
        torch.nn.init.normal_(parameter)
    state = given.network.state_dict()
    taker = new_adapter(architecture, ('c', 'new', 'a'))
    before = {k: v.clone() for k, v in taker.network.state_dict().items()}
    lacking = {k: v for k, v in state.items() if k != 'fusion.0.gamma'}
    with pytest.raises(WeightsError, match=r'missing in the file: fusion\.0\.gamma'):
        load_weights(taker, Checkpoint(lacking, given.entry), 'x')
    with pytest.raises(WeightsError, match='which labels'):
        load_weights(taker, Checkpoint(state, None), 'x')
    for key, value in taker.network.state_dict().items():
        assert torch.equal(value, before[key])

    lines = load_weights(taker, Checkpoint(state, given.entry), 'x')
    assert lines[1:] == [
        '  taken for labels: c, a',
        '  new labels, from random weights: new',
        '  left out: b',
    ]
    by_label = {f'heads.{i}.actions.{kind}' for i in range(3) for kind in ('weight', 'bias')}
    for key, value in taker.network.state_dict().items():
        if key in by_label:
            expected = torch.stack([state[key][2], before[key][1], state[key][0]])
            assert torch.equal(value, expected)
        else:
            assert torch.equal(value, state[key])


def test_boxes_follow_the_crop():
    rng = np.random.default_rng(1)
    image = np.zeros((1, 60, 80, 3), np.uint8)
    image[0, 20:40, 30:50] = 255
    clip = LabelledClip(
        image,
        boxes=np.array([[[30, 20, 50, 40]]], np.float32),
        actions=np.ones((1, 1, 1), np.float32),
        visible=np.ones((1, 1), bool),
        known=None,
        keypoints=np.zeros((1, 1, 0, 2), np.float32),
    )
    how = Augmentation(0.5, 1.3, 0.5, (), 0, 1, 0, 0)
    seen = 0
    for _ in range(50):
        sample = augment(rng, clip, (96, 96), ColumnNames(('a',)), how)
        rows, columns = torch.nonzero(sample.images[0, 0] > 127, as_tuple=True)
        if not sample.valid[0, 0]:
            continue
        seen += 1
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.allclose(sample.boxes[0, 0], [float(x) for x in found], atol=2.5)
    assert seen > 20


def test_a_crop_with_focus_shows_somebody():
    clip = LabelledClip(
        np.zeros((2, 60, 80, 3), np.uint8),
        boxes=np.array([[[0, 0, 8, 8]], [[70, 50, 80, 60]]], np.float32),
        actions=np.ones((2, 1, 1), np.float32),
        visible=np.array([[True], [False]]),
        known=None,
        keypoints=np.zeros((2, 1, 0, 2), np.float32),
    )
    shown = []
    for focus in (0.0, 1.0):
        how = Augmentation(0.3, 1, 0, (), 0, 1, 0, 0, focus)
        rng = np.random.default_rng(0)
        crops = np.array([choose_crop(rng, 60, 80, how, clip) for _ in range(100)])
        assert (crops[:, :2] >= 0).all()
        assert (crops[:, 0] + crops[:, 2] <= 60).all()
        assert (crops[:, 1] + crops[:, 3] <= 80).all()
        shown.append(((crops[:, 0] < 4) & (crops[:, 1] < 4)).mean())
    assert shown[0] < 0.9
    assert shown[1] == 1.0


@pytest.mark.timeout(600)
def test_a_killed_training_resumes_to_the_same_curve(footage, tmp_path):
    config = settings(footage, steps=6, batch=1, checkpoint_every=2, warmup=2)
    whole = []
    folder = tmp_path / 'whole'
    folder.mkdir()
    trainer(config, folder).run(lambda p: whole.append(p.losses))

    program = (
        'import os, signal, sys, json\n'
        f'sys.path.insert(0, {str(SUPPORT)!r})\n'
        'from small_training import settings, trainer\n'
        'from pathlib import Path\n'
        f'footage = Path({str(footage)!r})\n'
        'config = settings(footage, steps=6, batch=1, checkpoint_every=2, warmup=2)\n'
        'def stop(p):\n'
        '    if p.step == 3: os.kill(os.getpid(), signal.SIGKILL)\n'
        f'trainer(config, Path({str(tmp_path)!r})).run(stop)\n'
    )
    killed = subprocess.run([sys.executable, '-c', program], timeout=400, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    rest = []
    resumed = trainer(config, tmp_path)
    assert resumed.step == 2
    resumed.run(lambda p: rest.append(p.losses))
    assert rest == whole[2:]

    other = settings(footage, steps=7, batch=1)
    with pytest.raises(ConfigError, match='other settings'):
        trainer(other, tmp_path)
    assert (tmp_path / CHECKPOINT).exists()


def test_the_average_follows_weights_and_counters():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7))
    average = AveragedModel(network, multi_avg_fn=moving_average(0.9), use_buffers=True)
    average.update_parameters(network)
    for steps in range(1, 4):
        before = {k: v.clone() for k, v in average.module.state_dict().items()}
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
        network(torch.randn(8, 5))
        average.update_parameters(network)
        weight = max(1 - 0.9, EMA_RAMP / (EMA_RAMP + 1 + steps))
        for key, value in network.state_dict().items():
            counts = key.endswith('num_batches_tracked')
            expected = value if counts else before[key].lerp(value, weight)
            assert torch.equal(average.module.state_dict()[key], expected)


def test_dropout_is_the_same_after_a_stop(footage, tmp_path):
    config = settings(footage, steps=3, batch=1, warmup=1)
    config = replace(config, model='yowov2_nano', data=replace(config.data, height=64, width=64))
    whole, parts = [], []
    for name in ('whole', 'parts'):
        (tmp_path / name).mkdir()
    trainer(config, tmp_path / 'whole').run(lambda p: whole.append(p.losses))
    trainer(config, tmp_path / 'parts').run(lambda p: parts.append(p.losses), until=1)
    trainer(config, tmp_path / 'parts').run(lambda p: parts.append(p.losses))
    assert parts == whole


@pytest.fixture
def one_thread():
    """Compute on one thread: on a busy machine, two wait for each other many times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures('one_thread')
@pytest.mark.timeout(500)
def test_stream_learns_eight_clips_by_heart(footage, tmp_path):
    config = settings(footage, steps=260, batch=2, learning_rate=2e-3, warmup=10)
    run = trainer(config, tmp_path)
    clips = [run.dataset[i] for i in range(8)]
    run.dataset = Few(clips, run.dataset.labels)
    losses = []
    run.run(lambda p: losses.append(p.losses['total']))
    assert np.mean(losses[-8:]) < 0.2 * np.mean(losses[:8])

    run.export(tmp_path / 'net.safetensors')
    entry = read_checkpoint(tmp_path / 'net.safetensors').entry
    assert entry.labels == run.dataset.labels
    network = run.average.module.eval()
    found = right = actors = 0
    with torch.inference_mode():
        for clip in clips:
            output = network(run.detector.prepare(clip.images[None]))
            [seen] = decode(output, entry)
            for box, actions in zip(
                clip.boxes[-1][clip.valid[-1]], clip.actions[-1][clip.valid[-1]], strict=True
            ):
                actors += 1
                overlap = pairwise_overlap(box[None, None], seen.boxes[None])[0, 0]
                if len(overlap) and overlap.max() > 0.5:
                    found += 1
                    best = int(overlap.argmax())
                    right += bool(((seen.actions[best] > 0.5) == (actions > 0.5)).all())
    print(f'{actors} actors, {found} found, {right} with the right actions')
    assert actors > 8
    assert found >= 0.9 * actors
    assert right >= 0.9 * found


class Few:
    """Repeat a few clips without end."""

    def __init__(self, clips, labels):
        self.clips, self.labels = clips, labels

    def __getitem__(self, index):
        return self.clips[index % len(self.clips)]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model: stream_n', "'name' is missing"),
        ('model: 3\nname: a', 'model is 3; expected str'),
        ('speed: 3', "unknown key 'speed'"),
        ('[1]', 'expected keys and values'),
        ('a: [', 'no YAML'),
        ('data: {train: a.json}', 'data: train is .a.json.; expected a list'),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, message):
    path = tmp_path / 'train.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(path)


def test_settings_are_read(tmp_path):
    path = tmp_path / 'train.yaml'
    values = {
        'model': 'stream_n',
        'name': 'mine',
        'data': {'train': ['a.json'], 'rate': 10},
        'schedule': {'steps': 5},
        'augmentation': {'flip_pairs': [['a', 'b']]},
    }
    path.write_text(json.dumps(values))
    config = read_config(path)
    assert config.data == Data(train=('a.json',), rate=10.0)
    assert config.augmentation.flip_pairs == (('a', 'b'),)

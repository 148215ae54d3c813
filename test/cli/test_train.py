"""Test `actloc train SETTINGS.yaml`: that it trains, goes on, measures, and says what is wrong."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actloc_ros.cli.main import main
from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.checkpoints import read_checkpoint
from actloc_ros.models.loading import load_file
from actloc_ros.training.journal import TrainingLog
from actloc_ros.training.validation import Validation, key_frames
from actloc_ros.truth.annotations import ActorTrack, Annotations, Instance, Video
from actloc_ros.truth.plain_json import read_annotations, write_annotations

SIZE = 64
SETTINGS = {
    'model': 'stream_n',
    'name': 'mine',
    'data': {
        'train': ['set/annotations.json'],
        'valid': ['set/annotations.json'],
        'height': SIZE,
        'width': SIZE,
        'frames': 4,
        'rate': 5,
        'workers': 0,
    },
    'schedule': {'steps': 4, 'batch': 2, 'warmup': 1, 'checkpoint_every': 2, 'validate_every': 2},
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """Return a folder with two rendered videos in `set`."""
    path = tmp_path_factory.mktemp('train')
    command = ['synth', str(path / 'set'), '--count', '2', '--seconds', '1', '--rate', '8']
    assert main([*command, '--size', '96x64']) == 0
    return path


@pytest.fixture(scope='module')
def trained(folder) -> Path:
    """Return the folder of a whole training."""
    out = folder / 'run'
    assert main(['train', str(write(folder)), '--out', str(out)]) == 0
    return out


def write(folder: Path, file: str = 'settings.yaml', /, **changes) -> Path:
    """Write settings; a change to `data`, `schedule` or `augmentation` adds to what is there."""
    values = {
        key: {**SETTINGS.get(key, {}), **changes.get(key, {})}
        if isinstance(changes.get(key, SETTINGS.get(key)), dict)
        else changes.get(key, SETTINGS.get(key))
        for key in {**SETTINGS, **changes}
    }
    path = folder / file
    path.write_text(yaml.safe_dump(values))
    return path


def measurements(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / 'measurements.jsonl').read_text().splitlines()]


def test_a_training_leaves_a_model_that_opens(folder, trained):
    opened = load_file('stream_n', trained / 'mine.safetensors')
    entry = opened.entry
    assert entry.labels == read_annotations(folder / 'set/annotations.json').labels
    assert (entry.name, entry.frames, entry.rate, entry.multi_label) == ('mine', 4, 5.0, True)
    assert (entry.preprocessing.height, entry.preprocessing.width) == (SIZE, SIZE)


def test_a_training_is_measured(trained):
    found = measurements(trained)
    assert [each['step'] for each in found] == [2, 4]
    for each in found:
        assert 0 <= each['frame-mAP@0.5'] <= 1
        assert 0 <= each['actor-AP@0.5'] <= 1


def test_curves_and_pages_are_there_for_tensorboard(trained):
    events = EventAccumulator(str(trained / 'tensorboard'), size_guidance={'images': 0})
    events.Reload()
    scalars = {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}
    for name in ('loss/total', 'loss/actor', 'loss/box', 'loss/actions'):
        assert scalars[name] == [4]
    assert scalars['learning rate'] == scalars['clips per second'] == [4]
    assert scalars['measured/frame-mAP@0.5'] == scalars['measured/actor-AP@0.5'] == [2, 4]
    pages = {tag: [(e.step, e.width) for e in events.Images(tag)] for tag in ('examples',)}
    assert pages['examples'] == [(0, 4 * (4 * SIZE + 2) + 2)]
    assert [e.step for e in events.Images('predictions')] == [2, 4]


@pytest.mark.timeout(700)
def test_a_killed_command_goes_on_where_it_was(folder, capsys, monkeypatch):
    out = folder / 'killed'
    settings = write(folder, 'killed.yaml', data={'workers': 1}, schedule={'steps': 1000})
    process = subprocess.Popen(
        ['actloc', 'train', settings, '--out', out], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 500
    while not (out / 'last.ckpt').exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=30) == -signal.SIGKILL
    step = torch.load(out / 'last.ckpt', weights_only=True)['step']
    assert 2 <= step < 1000

    shorter = write(folder, 'shorter.yaml', data={'workers': 1}, schedule={'steps': 7})
    assert main(['train', str(shorter), '--out', str(out)]) == 2
    assert 'other settings' in capsys.readouterr().err
    monkeypatch.setattr(TrainingLog, 'add', interrupt(TrainingLog.add, step + 2))
    assert main(['train', str(settings), '--out', str(out)]) == 130
    assert f'go on after step {step}' in capsys.readouterr().out
    assert [each['step'] for each in measurements(out)] == list(range(2, step + 3, 2))


def interrupt(take, step: int):
    """Return what takes reports until a step, after which the user loses patience."""

    def impatient(self, progress) -> None:
        take(self, progress)
        if progress.step + 1 == step:
            raise KeyboardInterrupt

    return impatient


def test_a_finished_training_is_not_done_again(folder, trained, capsys):
    before = (trained / 'mine.safetensors').read_bytes()
    assert main(['train', str(write(folder)), '--out', str(trained)]) == 0
    assert 'go on after step 4' in capsys.readouterr().out
    assert (trained / 'mine.safetensors').read_bytes() == before
    assert [each['step'] for each in measurements(trained)] == [2, 4]


def test_a_training_ends_by_shifting_scores(folder, capsys, monkeypatch):
    half = 'actloc_ros.training.calibrate.best_shifts'
    monkeypatch.setattr(half, lambda scored: np.full(len(scored.all), 0.5))
    out = folder / 'shifted'
    assert main(['train', str(write(folder)), '--out', str(out)]) == 0
    assert 'standing +0.50, walking +0.50' in capsys.readouterr().out
    average = torch.load(out / 'last.ckpt', weights_only=True)['average']
    trained = read_checkpoint(out / 'mine.safetensors').state
    for level in range(3):
        name = f'heads.{level}.actions.bias'
        torch.testing.assert_close(trained[name], average[f'module.{name}'] + 0.5)


def test_a_training_begins_from_weights_with_other_labels(folder, trained, capsys):
    old = read_annotations(folder / 'set/annotations.json')
    labels = ('dancing', *old.labels[3:1:-1])
    videos = tuple(
        Video(
            f'../set/{v.path}', v.fps, v.width, v.height, v.frames, v.tracks,
            (Instance(v.tracks[0].actor, 'dancing', 0, 1_000_000_000),),
        )
        for v in old.videos
    )  # fmt: skip
    (folder / 'other').mkdir()
    other = Annotations(labels, videos, old.keypoints)
    write_annotations(folder / 'other/annotations.json', other)
    settings = write(
        folder,
        'other.yaml',
        weights='run/mine.safetensors',
        data={'train': ['other/annotations.json'], 'valid': []},
        schedule={'steps': 1, 'warmup': 10**9, 'validate_every': 0},
    )
    out = folder / 'fine'
    assert main(['train', str(settings), '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert f'taken for labels: {", ".join(labels[1:])}' in said
    assert 'new labels, from random weights: dancing' in said
    assert 'left out: standing' in said

    # The rate is as good as zero, so that what came out is what went in.
    given = read_checkpoint(trained / 'mine.safetensors').state
    got = read_checkpoint(out / 'mine.safetensors').state
    for key in ('heads.0.actions.weight', 'heads.2.actions.bias'):
        for row, label in enumerate(labels[1:], 1):
            assert torch.allclose(got[key][row], given[key][old.labels.index(label)], atol=1e-6)
        assert got[key].shape[0] == 3
    assert torch.allclose(got['trunk.0.0.0.weight'], given['trunk.0.0.0.weight'], atol=1e-6)


def test_a_training_begins_where_another_ended(folder, trained, capsys):
    settings = write(
        folder,
        'next.yaml',
        weights='run/last.ckpt',
        data={'valid': []},
        schedule={'steps': 1, 'warmup': 10**9, 'validate_every': 0},
    )
    out = folder / 'next'
    assert main(['train', str(settings), '--out', str(out)]) == 0
    assert 'last.ckpt had learned after step 4' in capsys.readouterr().out
    given, got = (
        torch.load(each / 'last.ckpt', weights_only=True)['learner'] for each in (trained, out)
    )
    keys = [key for key in given if key.endswith(('weight', 'bias'))]
    assert any('pose' in key for key in keys)
    for key in keys:
        assert torch.allclose(got[key], given[key], atol=1e-6), key


def test_weights_that_do_not_fit_are_refused(folder, trained, capsys):
    def refused(weights: str, **changes) -> str:
        settings = write(folder, 'refused.yaml', weights=weights, **changes)
        assert main(['train', str(settings), '--out', str(folder / 'refused')]) == 2
        return capsys.readouterr().err

    assert 'there is no checkpoint' in refused('nothing.safetensors')
    assert 'the settings ask for yowov2_nano' in refused(
        'run/mine.safetensors', model='yowov2_nano'
    )
    state = read_checkpoint(trained / 'mine.safetensors').state
    torch.save(state, folder / 'bare.pth')
    assert 'does not say which labels' in refused('bare.pth')
    (folder / 'strange').mkdir()
    torch.save(state, folder / 'strange/last.ckpt')
    assert 'no checkpoint of a run' in refused('strange/last.ckpt')
    whole = (trained / 'last.ckpt').read_bytes()
    (folder / 'strange/last.ckpt').write_bytes(whole[: len(whole) // 2])
    assert 'is damaged' in refused('strange/last.ckpt')
    assert 'of another shape' in refused('run/last.ckpt', model='stream_s')


def test_recordings_are_checked_before_the_first_step(folder, capsys):
    assert main(['train', str(write(folder)), '--check']) == 0
    said = capsys.readouterr().out
    assert '2 videos of 2.0 s' in said
    assert all(label in said for label in ('walking', 'waving'))

    annotations = read_annotations(folder / 'set/annotations.json')
    (folder / 'broken').mkdir()
    write_annotations(folder / 'broken/annotations.json', annotations)
    settings = write(folder, 'broken.yaml', data={'train': ['broken/annotations.json']})
    out = folder / 'never'
    for how in (['--check'], ['--out', str(out)]):
        assert main(['train', str(settings), *how]) == 2
        said = capsys.readouterr()
        assert 'files missing or unreadable: 2' in said.out
        assert 'broken/annotations.json: fix what is listed' in said.err
    assert not out.exists()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model': 'resnet'}, "model is 'resnet'; expected one of stream_n"),
        ({'model': 'yowo'}, "model is 'yowo'; expected one of stream_n"),
        ({'name': '../x'}, "name is '../x'; expected letters"),
        ({'precision': 'half'}, "precision is 'half'; expected one of 32-true"),
        ({'data': {'train': []}}, 'data: train is []; expected at least one set'),
        ({'data': {'train': [{'path': 'a', 'format': 'coco'}]}}, "format is 'coco'"),
        ({'data': {'train': [{'path': 'a', 'size': 3}]}}, "data: train[0]: unknown key 'size'"),
        ({'augmentation': {'crop': 0.7, 'widest': 0.5}}, 'widest is 0.5, less than crop'),
        ({'data': {'train': [3]}}, 'data: train[0] is 3; expected str'),
        ({'data': {'train': ['no.json']}}, 'no.json'),
        ({'data': {'train': ['set', 'set']}}, 'data names set twice'),
        ({'data': {'height': 100}}, 'data: height is 100; expected a multiple of 32'),
        ({'data': {'rate': 0}}, 'data: rate is 0.0; expected a number above 0'),
        ({'data': {'valid': []}}, 'validate_every is given, but data: valid names nothing'),
        ({'schedule': {'steps': 0}}, 'schedule: steps is 0; expected 1 or more'),
        ({'schedule': {'ema': 1.0}}, 'schedule: ema is 1.0; expected from 0 to below 1'),
        ({'schedule': {'learning_rate': float('nan')}}, 'learning_rate is nan'),
        ({'augmentation': {'drop': 1}}, 'augmentation: drop is 1.0'),
        ({'augmentation': {'flip_pairs': [['a', 'b', 'c']]}}, 'expected 2 values'),
        ({'augmentation': {'flip_pairs': [['walking', 'hop']]}}, "flip_pairs names 'hop'"),
    ],
)
def test_wrong_settings_end_with_one_clear_line(folder, capsys, changes, message):
    settings = write(folder, 'wrong.yaml', **changes)
    assert main(['train', str(settings), '--out', str(folder / 'wrong')]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / 'wrong').exists()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['a.yaml'], 'give either --out FOLDER'),
        (['a.yaml', '--out', 'a', '--check'], 'give either --out FOLDER'),
        (['a.yaml', '--out', 'a', '--model', 'hog-hof'], '--model is for classifiers'),
        (['a.yml', '--out', 'a', '--whole-image'], '--whole-image is for classifiers'),
        (['folder', '--out', 'a'], 'give settings (.yaml) to train a network'),
        (['folder', '--model', 'hog-hof', '--check'], '--check is for networks'),
        (['folder', '--model', 'hog-hof'], '--out None: give a .safetensors file'),
        (['none.yaml', '--check'], 'none.yaml'),
    ],
)
def test_mixed_options_are_refused(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(['train', *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.timeout(700)
def test_torchrun_trains_in_two_processes(folder):
    settings = write(folder, 'two.yaml', schedule={'steps': 2, 'validate_every': 0})
    out = folder / 'two'
    command = ['torchrun', '--nproc-per-node', '2', '--no-python', 'actloc', 'train', settings]
    done = subprocess.run(
        [*command, '--out', out],
        check=True,
        capture_output=True,
        text=True,
        timeout=650,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert done.stdout.count('mine.safetensors') == 1
    assert [each['step'] for each in measurements(out)] == [2]
    assert torch.load(out / 'last.ckpt', weights_only=True)['step'] == 2


class Oracle:
    """Sees what the annotations say, in pixels of the network's input, moved by `shift`."""

    span = 3

    def __init__(self, entry, shift: float = 0.0) -> None:
        self.entry, self.shift, self.asked = entry, shift, 0

    def find(self, images, network) -> ActorPredictions:
        """Return who is in the key frame whose turn it is."""
        assert images.shape == (3, self.span, SIZE, SIZE)
        key = self.keys[self.asked % len(self.keys)]
        self.asked += 1
        clip = key.videos.clip(key.video, np.array([key.number]))
        seen = clip.visible[0]
        boxes = torch.from_numpy(clip.boxes[0][seen]) * torch.tensor([SIZE / 96, 1.0] * 2)
        return ActorPredictions(
            boxes + self.shift, torch.ones(len(boxes)), torch.from_numpy(clip.actions[0][seen])
        )


def test_measuring_knows_right_from_wrong(folder, trained):
    videos = AnnotatedVideos(folder / 'set/annotations.json')
    entry = read_checkpoint(trained / 'mine.safetensors').entry
    results = []
    for shift in (0.0, 0.0, 1000.0):
        oracle = Oracle(entry, shift)
        validation = Validation([videos], oracle)
        oracle.keys = validation.keys
        assert len(validation.keys) == 2 * 8
        measured = validation.measure(torch.nn.Identity(), torch.device('cpu'))
        results.append((measured.actions, measured.actors))
        assert oracle.asked == len(validation.keys)
        assert 0 < len(measured.predictions) <= 16
    assert results == [(1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]


def test_measured_frames_are_spread_over_what_is_known():
    def video(frames: int, labelled=None) -> Video:
        tube = ActorTrack(1, np.arange(frames), np.tile([0.0, 0, 5, 5], (frames, 1)))
        return Video('a.mp4', 10.0, 8, 8, frames, (tube,), (), labelled)

    assert key_frames(video(320)).tolist() == list(range(10, 320, 20))
    assert key_frames(video(3)).tolist() == [0, 1, 2]
    assert key_frames(video(50, np.array([4, 40]))).tolist() == [4, 40]
    assert key_frames(video(50, np.zeros(0, np.int64))).tolist() == []

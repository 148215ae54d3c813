"""Test the training of actors' memory: from what a network sees, and what it refuses."""

import copy

import numpy as np
import pytest
import torch
import yaml

from actloc_ros.bags import read_detections
from actloc_ros.cli.main import main
from actloc_ros.datasets.clips import AnnotatedVideos
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models.actor_record import told
from actloc_ros.models.checkpoint_files import read_checkpoint
from actloc_ros.models.loading import open_network
from actloc_ros.models.stream_localizer import StreamLocalizer
from actloc_ros.training.sights import look

SETTINGS = {
    'model': 'stream_n',
    'name': 'knowing',
    'weights': 'stream_n',
    'part': 'memory',
    'data': {
        'train': ['set/annotations.json'],
        'valid': ['set/annotations.json'],
        'frames': 32,
    },
    'schedule': {'steps': 60, 'batch': 8, 'warmup': 5, 'learning_rate': 3e-3},
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Return a folder with rendered videos in `set`."""
    path = tmp_path_factory.mktemp('memory')
    command = ['synth', str(path / 'set'), '--count', '2', '--seconds', '3', '--rate', '12.5']
    assert main([*command, '--seed', '9900100']) == 0
    return path


def write(folder, name='memory.yaml', **changes):
    settings = copy.deepcopy(SETTINGS)
    for key, value in changes.items():
        part, _, own = key.partition('__')
        if own:
            settings[part][own] = value
        else:
            settings[key] = value
    path = folder / name
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope='module')
def trained(folder):
    """Return the folder of a training."""
    assert main(['train', str(write(folder)), '--out', str(folder / 'run')]) == 0
    return folder / 'run'


def test_the_memory_learns_and_all_else_stays(folder, trained):
    before = open_network('stream_n').network.state_dict()
    found = read_checkpoint(trained / 'knowing.safetensors')
    assert found.entry.name == 'knowing'
    changed = {key for key, value in found.state.items() if not torch.equal(value, before[key])}
    assert changed == {key for key in before if key.startswith('memory.')}


def test_what_was_learnt_tells_better_than_the_network_alone(folder, trained):
    opened = open_network('stream_n', str(trained / 'knowing.safetensors'))
    sets = [AnnotatedVideos(folder / 'set' / 'annotations.json')]
    examples = look(sets, StreamLocalizer(opened, LocalizerOptions(device='cpu')), folder / 'seen')
    misses = {name: [] for name in ('alone', 'now', 'afterwards')}
    for example in examples:
        assert (example.quality[example.quality > 0] >= 0.5).all()
        assert (example.quality > 0).sum() > 20
        shown = example.quality > 0
        now, afterwards = told(example.record, opened.network.memory)
        for name, logits in (('alone', example.record), ('now', now), ('afterwards', afterwards)):
            misses[name].append(
                torch.nn.functional.binary_cross_entropy_with_logits(
                    logits.actions[shown], example.actions[shown]
                ).item()
            )
    assert np.mean(misses['now']) < 0.9 * np.mean(misses['alone'])
    assert np.mean(misses['afterwards']) < 0.9 * np.mean(misses['alone'])


def test_the_same_again_looks_at_nothing_twice_and_learns_the_same(folder, trained):
    model = trained / 'knowing.safetensors'
    first, seen = model.read_bytes(), sorted(trained.glob('seen_*/*/*.safetensors'))
    assert len(seen) == 4
    times = [file.stat().st_mtime_ns for file in seen]
    assert main(['train', str(folder / 'memory.yaml'), '--out', str(trained)]) == 0
    assert model.read_bytes() == first
    assert [file.stat().st_mtime_ns for file in seen] == times


def test_a_network_that_learns_forgets_what_it_remembered(folder, trained):
    weights = str(trained / 'knowing.safetensors')
    data = {'height': 64, 'width': 64, 'frames': 2, 'workers': 0, 'valid': []}
    changes = {f'data__{key}': value for key, value in data.items()}
    settings = write(
        folder,
        'network.yaml',
        part='network',
        weights=weights,
        schedule={'steps': 1, 'batch': 1, 'warmup': 1},
        **changes,
    )
    assert main(['train', str(settings), '--out', str(folder / 'run_network')]) == 0
    assert open_network(
        'stream_n', str(folder / 'run_network' / 'knowing.safetensors')
    ).network.memory.blank


@pytest.mark.parametrize(
    ('changes', 'says'),
    [
        ({'part': 'head'}, "part is 'head'; expected one of network, memory"),
        ({'augmentation': {'flip': 0.1}}, 'leave out augmentation'),
        ({'weights': ''}, 'give weights, the checkpoint of a trained network'),
        ({'weights': 'none.safetensors'}, 'none.safetensors'),
        ({'data__width': 352}, 'width is 352, but the network of weights has 320'),
        ({'model': 'yowov2_nano'}, 'take stream_'),
    ],
)
def test_settings_that_cannot_be_are_refused(folder, capsys, changes, says):
    settings = write(folder, 'wrong.yaml', **changes)
    assert main(['train', str(settings), '--out', str(folder / 'wrong')]) == 2
    assert says in capsys.readouterr().err


def test_other_labels_than_the_network_s_are_refused(folder, capsys):
    text = (folder / 'set' / 'annotations.json').read_text().replace('"waving"', '"hailing"')
    (folder / 'set' / 'other.json').write_text(text)
    settings = write(folder, 'wrong.yaml', data__train=['set/other.json'], data__valid=[])
    assert main(['train', str(settings), '--out', str(folder / 'wrong')]) == 2
    assert 'train its network with these first' in capsys.readouterr().err


def test_a_recording_told_in_hindsight(folder, trained, capsys):
    video = str(next((folder / 'set').glob('*.mp4')))
    own = ['--model', 'stream_n', '--weights', str(trained / 'knowing.safetensors')]
    found = {}
    for name, options in {'now': [], 'hindsight': ['--hindsight']}.items():
        bag = folder / name
        assert main(['run', video, *own, *options, '--out', str(bag)]) == 0
        assert '38 frames in' in capsys.readouterr().out
        found[name] = list(read_detections(bag))
    stamps = {
        name: [(m.header.stamp.sec, m.header.stamp.nanosec) for m in messages]
        for name, messages in found.items()
    }
    assert stamps['now'] == stamps['hindsight']
    scores = {
        name: [[h.score for h in d.results] for m in messages for d in m.detections]
        for name, messages in found.items()
    }
    assert scores['now'] != scores['hindsight']
    assert main(['run', video, '--model', 'motion', '--hindsight']) == 2
    assert 'motion cannot look back' in capsys.readouterr().err


def test_evaluation_in_hindsight(folder, trained, capsys):
    command = ['eval', '--protocol', 'ucf24-act', '--hindsight', '--linking', 'tracks']
    command += ['--ground-truth', str(folder / 'set' / 'annotations.json')]
    own = ['--model', 'stream_n', '--weights', str(trained / 'knowing.safetensors')]
    videos = ['--videos', str(folder / 'set')]
    assert main([*command, *own, *videos]) == 0
    assert 'in hindsight' in capsys.readouterr().out
    assert main([*command, '--model', 'motion', *videos]) == 2
    assert 'cannot look back' in capsys.readouterr().err

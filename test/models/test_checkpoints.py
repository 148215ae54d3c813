"""Check that checkpoints load strictly, run no code, and say what is wrong with them."""

import argparse
import gzip
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path, PosixPath
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from actloc_ros.cli.main import main
from actloc_ros.localizer import LocalizerOptions
from actloc_ros.models import registry
from actloc_ros.models.architecture import skeleton
from actloc_ros.models.checkpoints import ENTRY_KEY, read_checkpoint, write_checkpoint
from actloc_ros.models.entry import Entry, Resize
from actloc_ros.models.errors import ModelError, WeightsError
from actloc_ros.models.loading import load_file, open_network
from actloc_ros.models.open import open_localizer

NANO = 'yowov2_nano_ucf24'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give every test an empty home, so that no one's downloads count."""
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    return tmp_path / 'home'


@pytest.fixture(scope='module')
def state():
    """Return a state dict of the nano model, as its authors' code would give it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return open_network(NANO, random_weights=True).network.state_dict()


def save(path, content):
    torch.save(content, path)
    return path


def test_published_layouts_are_understood(tmp_path, state):
    score = np.float64(0.78)
    layouts = {
        'flat.pth': state,
        'model.pth': {'model': state, 'epoch': 7},
        'parallel.pth': {
            'state_dict': {f'module.{k}': v for k, v in state.items()},
            'optimizer': {'state': {}, 'lr': score},
            'score': score,
        },
    }
    for name, content in layouts.items():
        opened = load_file('yowov2_nano', save(tmp_path / name, content))
        assert opened.entry.name == NANO
        assert all(torch.equal(v, state[k]) for k, v in opened.network.state_dict().items())


def test_old_pickles_load_too(tmp_path, state):
    path = tmp_path / 'old.pth.tar'
    torch.save({'model': state}, path, _use_new_zipfile_serialization=False)
    assert load_file('yowov2_nano', path).entry.name == NANO


def test_counters_that_old_files_lack_are_added(tmp_path, state):
    old = {k: v for k, v in state.items() if not k.endswith('num_batches_tracked')}
    network = load_file(NANO, save(tmp_path / 'a.pth', old)).network
    assert set(network.state_dict()) == set(state)


def test_every_kind_of_difference_is_shown_both_ways(tmp_path, state):
    wrong = dict(state)
    del wrong['conf_preds.0.bias']
    wrong['conf_preds.0.offset'] = torch.zeros(1)
    wrong['reg_preds.1.weight'] = torch.zeros(4, 32, 1, 1)
    wrong['reg_preds.2.bias'] = wrong['reg_preds.2.bias'].half()
    with pytest.raises(WeightsError) as caught:
        load_file(NANO, save(tmp_path / 'wrong.pth', wrong))
    text = str(caught.value)
    assert 'wrong.pth" does not fit yowov2_nano with 24 classes' in text
    assert '1 missing in the file: conf_preds.0.bias' in text
    assert '1 unknown to the model: conf_preds.0.offset' in text
    assert 'reg_preds.1.weight: file (4, 32, 1, 1), model (4, 64, 1, 1)' in text
    assert 'reg_preds.2.bias: file torch.float16, model torch.float32' in text
    assert 'fits no architecture known here' in text


def test_weights_of_another_model_name_the_one_that_fits(tmp_path, state):
    path = save(tmp_path / 'nano.pth', {'model': state})
    with pytest.raises(ModelError, match='does not fit yowov2_large') as caught:
        open_localizer('yowov2_large', LocalizerOptions(weights=str(path)))
    assert 'It fits yowov2_nano with 24 classes: ask for that model.' in str(caught.value)
    assert ', …' in str(caught.value)  # more differences than are shown


def test_other_number_of_classes_is_an_error_for_an_entry_and_none_for_an_architecture(tmp_path):
    architecture = registry.architectures()['yowov2_nano']
    five = architecture.build(5).state_dict()
    path = save(tmp_path / 'five.pth', five)
    with pytest.raises(WeightsError, match=r'with 24 classes:\n.*5, 64, 1, 1'):
        load_file(NANO, path)
    entry = load_file('yowov2_nano', path).entry
    assert entry.labels == tuple(f'class {i}' for i in range(5))
    assert entry.url == ''
    assert entry.preprocessing == registry.entries()[NANO].preprocessing


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f'touch {self.trace}',)


@pytest.mark.parametrize('place', ['root', 'nested', 'bare pickle'])
def test_pickle_bomb_is_refused_and_does_not_go_off(tmp_path, state, place):
    trace, path = tmp_path / 'went_off', tmp_path / 'bomb.pth'
    if place == 'bare pickle':
        path.write_bytes(pickle.dumps(Bomb(trace), protocol=2))
    else:
        save(path, Bomb(trace) if place == 'root' else {'model': state, 'extra': Bomb(trace)})
    with pytest.raises(ModelError, match=r'bomb.pth" is refused.*could run code.*system'):
        open_localizer('yowov2_nano', LocalizerOptions(weights=str(path)))
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))  # it was a live one
    assert trace.exists()


def test_whole_pickled_module_is_refused(tmp_path):
    path = save(tmp_path / 'module.pth', torch.nn.Linear(2, 2))
    with pytest.raises(WeightsError, match=r'asks for torch\.nn.*save a state dict only'):
        read_checkpoint(path)


def test_other_archives_say_what_they_are(tmp_path):
    path = tmp_path / 'a.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('weights.pth', bytes(range(200)))
    with pytest.raises(WeightsError, match=r'is a zip archive of weights\.pth; unpack it'):
        read_checkpoint(path)
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(path)
    with pytest.raises(WeightsError, match='no checkpoint but TorchScript'):
        read_checkpoint(path)


def test_archive_that_grows_is_refused(tmp_path):
    path = tmp_path / 'grows.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data/0', bytes(10_000_000))
    with pytest.raises(WeightsError, match='would grow to 10000000'):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ('content', 'text'),
    [
        (b'', 'is no checkpoint: it is empty'),
        (b'Not Found', "is no checkpoint: it is text .'Not Found'"),
        (b'\n <!DOCTYPE HTML>\n<title>Sign in', 'is no checkpoint: it is an HTML page'),
        (b'<html lang="en">', 'is no checkpoint: it is an HTML page'),
        (b'<?xml version="1.0"?><Error>AccessDenied', 'is no checkpoint: it is XML'),
        (b'\xef\xbb\xbf{"error": "quota"}', 'is no checkpoint: it is JSON'),
        (b'[1, 2]', 'is no checkpoint: it is JSON'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:1', 'run `git lfs pull`'),
        (gzip.compress(b'a checkpoint', mtime=0), 'unpack it by `gunzip`'),
        (b'a.pth'.ljust(257, b'\0') + b'ustar\x0000', 'unpack it by `tar xf`'),
        (b'{"metadata": {}, "weight_map": {"a": "1.bin"}}', 'it lists the files'),
        (bytes(range(256)), 'is no checkpoint, or damaged'),
        ('日本語'.encode(), 'is no checkpoint, or damaged'),
        (b'PK\x03\x04 and nothing more', 'damaged'),
        (b'PK\x05\x06' + b'\xff' * 16 + bytes(2), 'damaged'),
        (b'\xff' * 8 + b'{"a": 1}', 'damaged'),
        (b'\x08\0\0\0\0\0\0\0{"a": 1}' + bytes(20), 'damaged safetensors'),
    ],
)
def test_damaged_files_are_named(tmp_path, content, text):
    path = tmp_path / 'damaged.pth'
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=text) as caught:
        read_checkpoint(path)
    assert 'damaged.pth' in str(caught.value)


def wrapped(prefix, state):
    return {f'{prefix}{key}': value for key, value in state.items()}


LAYOUTS = {
    'torch.compile': lambda s: wrapped('_orig_mod.', s),
    'compiled and parallel': lambda s: {'model': wrapped('module._orig_mod.', s)},
    'parts compiled': lambda s: {k.replace('.', '._orig_mod.', 1): v for k, v in s.items()},
    'timm': lambda s: {'state_dict_ema': s, 'epoch': 3, 'arch': 'n', 'metric': 0.5},
    'EMA equal to the model': lambda s: {'state_dict': s, 'state_dict_ema': dict(s)},
    'EMA alone': lambda s: {'ema': wrapped('module.', s), 'updates': 10},
    'Lightning': lambda s: {'state_dict': wrapped('model.', s), 'loops': {}, 'callbacks': {}},
    'Lightning, loss': lambda s: {
        'state_dict': {**wrapped('net.', s), 'loss.weight': torch.ones(24), 'step': torch.ones(1)}
    },
    'another name': lambda s: {'state_dict': wrapped('my_detector.', s)},
    'SlowFast': lambda s: {'epoch': 3, 'model_state': s, 'optimizer_state': ADAM, 'cfg': 'A: 1'},
    'Adam': lambda s: {'weights': s, 'optim': ADAM},
    'AveragedModel': lambda s: {'n_averaged': torch.tensor(7), **wrapped('module.', s)},
    'deep': lambda s: {'checkpoint': {'trainer': {'net': s}}},
    'counters beside': lambda s: {**s, 'epoch': 3, 'best': None},
}
ADAM = {'state': {0: {'step': torch.ones(1), 'exp_avg': torch.ones(9)}}, 'param_groups': [{}]}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_what_training_frameworks_wrap_is_found(tmp_path, state, layout):
    found = read_checkpoint(save(tmp_path / 'a.pth', LAYOUTS[layout](state))).state
    assert found.keys() == state.keys()
    assert all(found[key] is not None and torch.equal(found[key], state[key]) for key in state)


def test_wrapped_safetensors_are_found_too(tmp_path, state):
    path = tmp_path / 'a.safetensors'
    save_file(wrapped('module._orig_mod.', state), path)
    assert read_checkpoint(path).state.keys() == state.keys()


@pytest.mark.parametrize(
    ('layout', 'names'),
    [
        (lambda s, o: {'model': s, 'ema': o}, r"dicts.*\['model'\], \['ema'\]"),
        (
            lambda s, o: wrapped('student.', s) | wrapped('teacher.', o),
            'prefixes.*student, teacher',
        ),
    ],
)
def test_between_weights_that_differ_nothing_is_chosen(tmp_path, state, layout, names):
    other = {key: value + 1 for key, value in state.items()}
    with pytest.raises(WeightsError, match=f'a.pth" holds several {names}'):
        read_checkpoint(save(tmp_path / 'a.pth', layout(state, other)))


def test_options_of_the_training_are_data(tmp_path, state):
    options = argparse.Namespace(lr=0.1, out=PosixPath('run'), more=SimpleNamespace(a=[1]))
    content = {'model': state, 'args': options, 'scores': np.array([0.5, 0.7])}
    assert read_checkpoint(save(tmp_path / 'a.pth', content)).state.keys() == state.keys()


def test_options_that_run_code_are_refused(tmp_path, state):
    trace = tmp_path / 'went_off'
    content = {'model': state, 'args': argparse.Namespace(lr=0.1, hook=Bomb(trace))}
    with pytest.raises(WeightsError, match=r'could run code.*system'):
        read_checkpoint(save(tmp_path / 'a.pth', content))
    assert not trace.exists()


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize(
    'key', ['conf_preds.0.bias', 'backbone_2d.backbone.backbone.conv1.1.running_var']
)
def test_weights_that_are_not_finite_are_refused(tmp_path, state, key, value):
    wrong = {k: v.clone() for k, v in state.items()}
    wrong[key][-1] = value
    text = f'a.pth": 1 of {len(state)} tensors hold NaN or infinite numbers, first {key}'
    with pytest.raises(WeightsError, match=text):
        load_file(NANO, save(tmp_path / 'a.pth', wrong))
    entry, path = registry.entries()[NANO], tmp_path / 'a.safetensors'
    write_checkpoint(path, wrong, entry)
    with pytest.raises(WeightsError, match='NaN or infinite'):
        load_file(NANO, path)


def test_keys_that_are_no_names_are_named(tmp_path):
    with pytest.raises(WeightsError, match='holds no state dict: its keys are no names'):
        read_checkpoint(save(tmp_path / 'a.pth', {0: torch.zeros(1), (1, 2): torch.zeros(1)}))


def test_tensors_that_share_memory_are_converted(tmp_path, state):
    one = torch.full((), 0.01)
    shared = {k: one.expand(v.shape) if v.is_floating_point() else v for k, v in state.items()}
    path, out = save(tmp_path / 'a.pth', shared), tmp_path / 'a.safetensors'
    assert path.stat().st_size < 1_000_000
    assert main(['convert', str(path), '--model', NANO, '--out', str(out)]) == 0
    found = load_file(NANO, out).network.state_dict()
    assert all(torch.equal(found[key], shared[key]) for key in shared)


def test_the_checkpoint_is_not_written_over(tmp_path, state, capsys):
    path = save(tmp_path / 'a.pth', state)
    before = path.read_bytes()
    assert main(['convert', str(path), '--model', NANO, '--out', str(path)]) == 2
    assert 'a.pth is the source' in capsys.readouterr().err
    assert path.read_bytes() == before


def test_truncated_file_is_named(tmp_path, state):
    path = save(tmp_path / 'cut.pth', state)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(WeightsError, match=r'cut.pth" is damaged'):
        read_checkpoint(path)


@pytest.mark.parametrize('content', [[1, 2], {}, {'model': {'a': 3}}, torch.zeros(3)])
def test_what_is_no_state_dict_is_named(tmp_path, content):
    with pytest.raises(WeightsError, match='holds no state dict'):
        read_checkpoint(save(tmp_path / 'other.pth', content))


def test_safetensors_carry_their_entry(tmp_path, state):
    path = tmp_path / 'mine.safetensors'
    entry = replace(
        registry.entries()[NANO], name='mine', labels=tuple(f'act {i}' for i in range(24))
    )
    write_checkpoint(path, state, entry)
    opened = load_file('yowov2_nano', path)
    assert opened.entry == entry
    assert opened.entry.preprocessing.resize is Resize.BICUBIC_ANTIALIASED
    assert not list(tmp_path.glob('*.partial'))
    (tmp_path / 'other').touch()
    assert path.stat().st_mode == (tmp_path / 'other').stat().st_mode  # others may read it, too


def test_safetensors_of_another_model_are_refused(tmp_path, state):
    path = tmp_path / 'nano.safetensors'
    write_checkpoint(path, state, registry.entries()[NANO])
    with pytest.raises(WeightsError, match='It fits yowov2_nano'):
        load_file('yowov2_tiny', path)


def test_entry_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / 'odd.safetensors'
    save_file({'a': torch.zeros(1)}, path, {ENTRY_KEY: '{"name": "x", "preprocessing": {}}'})
    with pytest.raises(WeightsError, match='embedded entry cannot be read'):
        read_checkpoint(path)


@pytest.mark.parametrize('name', sorted(registry.entries()))
def test_entries_are_whole_and_survive_json(name):
    entry = registry.entries()[name]
    assert Entry.from_json(entry.to_json()) == entry
    assert entry.architecture in registry.architectures()
    assert len(set(entry.labels)) == len(entry.labels) > 0
    assert entry.frames >= 1
    assert entry.rate > 0
    assert entry.url or entry.source
    assert len(entry.sha256) in (0, 8, 64)  # PyTorch's file names carry the first 8 digits


def test_missing_weights_say_what_to_do():
    with pytest.raises(ModelError, match='actloc download yowov2_nano_ucf24') as caught:
        open_localizer('yowov2_nano', LocalizerOptions())
    assert 'random weights' in str(caught.value)
    with pytest.raises(ModelError, match=r'there is no checkpoint "/no/such/file.pth"'):
        open_localizer('yowov2_nano', LocalizerOptions(weights='/no/such/file.pth'))
    with pytest.raises(ModelError, match='yowov2_nano_ava are not here'):
        open_localizer('yowov2_nano', LocalizerOptions(weights='yowov2_nano_ava'))


def test_stored_weights_are_found_by_name(home, state):
    path = home / '.cache' / 'actloc_ros' / f'{NANO}.pth'
    path.parent.mkdir(parents=True)
    save(path, {'model': state})
    for model, weights in ((NANO, ''), ('yowov2_nano', ''), ('yowov2_nano', NANO)):
        network = open_network(model, weights).network
        assert torch.equal(network.state_dict()['conf_preds.0.bias'], state['conf_preds.0.bias'])


def test_random_weights_are_the_same_each_time_and_leave_the_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (open_network(NANO, random_weights=True).network for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize('name', sorted(registry.architectures()))
def test_skeletons_cost_no_memory_and_give_classes(name):
    architecture = registry.architectures()[name]
    entry = registry.find_entry(name)
    network = skeleton(architecture, entry)
    assert sum(p.numel() for p in network.parameters() if not p.is_meta) < 1000
    shapes = {k: tuple(v.shape) for k, v in network.state_dict().items()}
    assert architecture.classes(shapes) == len(entry.labels)

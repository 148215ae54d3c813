"""Check `actloc models`, `convert` and `export`."""

import onnxruntime
import pytest
import torch

from actloc_ros.cli.main import main
from actloc_ros.models import registry
from actloc_ros.models.architecture import Architecture
from actloc_ros.models.checkpoints import ENTRY_KEY, read_checkpoint
from actloc_ros.models.entry import Activation, Entry, Preprocessing, Task
from actloc_ros.models.export import export
from actloc_ros.models.loading import OpenedNetwork, open_network

NANO = 'yowov2_nano_ucf24'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'home'


@pytest.fixture
def checkpoint(tmp_path):
    """Return a checkpoint of the nano model as its authors publish it."""
    network = open_network(NANO, random_weights=True).network
    torch.save({'model': network.state_dict()}, tmp_path / 'nano.pth')
    return tmp_path / 'nano.pth'


def test_models_are_listed_with_cost_licence_and_whereabouts(capsys):
    assert main(['models']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ['model', 'task', 'classes', 'parameters', 'GMAC']
    nano = next(line for line in lines if line.startswith(f'{NANO} '))
    assert nano.split()[1:6] == ['localization', '24', '3.5', 'M', '1.3']
    assert 'MIT' in nano
    assert ' no ' in nano
    listed = {line.split()[0] for line in lines if line}
    assert listed >= {'motion', 'hog_hof', *registry.entries()}


def test_convert_embeds_the_entry_and_puts_the_file_in_place(checkpoint, home, capsys):
    assert main(['convert', str(checkpoint)]) == 0
    path = home / '.cache' / 'actloc_ros' / f'{NANO}.safetensors'
    assert f'yowov2_nano, 24 classes, MIT: {path}' in capsys.readouterr().out
    assert open_network(NANO).entry.labels[9] == 'HorseRiding'
    assert main(['models', '--local']) == 0
    assert f'{NANO} ' in capsys.readouterr().out


def test_convert_takes_labels_and_licence(checkpoint, tmp_path):
    labels = tmp_path / 'labels.txt'
    labels.write_text('\n'.join(f'act {i}' for i in range(24)))
    out = tmp_path / 'mine.safetensors'
    arguments = ['--labels', str(labels), '--licence', 'BSD-3-Clause', '--out', str(out)]
    assert main(['convert', str(checkpoint), *arguments]) == 0
    entry = read_checkpoint(out).entry
    assert entry.labels[23] == 'act 23'
    assert entry.licence == 'BSD-3-Clause'


@pytest.mark.parametrize(
    ('text', 'error'),
    [('a\nb\n', 'has 2 labels; the network has 24'), ('a\n' * 24, 'the label "a" twice')],
)
def test_convert_refuses_labels_that_do_not_fit(checkpoint, tmp_path, capsys, text, error):
    (tmp_path / 'labels.txt').write_text(text)
    assert main(['convert', str(checkpoint), '--labels', 'labels.txt']) == 2
    assert error in capsys.readouterr().err


def test_convert_says_what_differs(checkpoint, tmp_path, capsys):
    assert main(['convert', str(checkpoint), '--model', 'yowov2_tiny']) == 2
    assert 'It fits yowov2_nano' in capsys.readouterr().err
    torch.save({'a': torch.zeros(1)}, tmp_path / 'other.pth')
    assert main(['convert', 'other.pth']) == 2
    assert 'fits no architecture' in capsys.readouterr().err


def test_export_to_onnx_agrees_with_eager_and_carries_its_entry(tmp_path, capsys):
    assert main(['export', NANO, '--random-weights', '--format', 'onnx']) == 0
    assert 'differs from the original by' in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / f'{NANO}.onnx')
    assert [x.name for x in session.get_outputs()][:3] == ['conf0', 'cls0', 'reg0']
    entry = Entry.from_json(session.get_modelmeta().custom_metadata_map[ENTRY_KEY])
    assert entry == registry.entries()[NANO]
    clip = torch.rand(1, 3, 16, 224, 224, generator=torch.Generator().manual_seed(4)) * 255
    network = open_network(NANO, random_weights=True).network
    with torch.inference_mode():
        wanted = network(clip)
    for mine, theirs in zip(session.run(None, {'clip': clip.numpy()}), wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(mine), theirs, rtol=1e-3, atol=1e-4)


class Small(torch.nn.Module):
    """A classifier that exports in a moment."""

    def __init__(self, classes):
        super().__init__()
        self.conv = torch.nn.Conv3d(3, 4, 3, padding=1, bias=False)
        self.norm = torch.nn.BatchNorm3d(4)
        self.head = torch.nn.Linear(4, classes)

    def forward(self, clip):
        """Return logits."""
        return self.head(self.norm(self.conv(clip)).relu().mean((2, 3, 4)))


@pytest.mark.parametrize('form', ['onnx', 'torchscript', 'torch.export'])
def test_every_form_is_read_back_and_compared(tmp_path, form):
    architecture = Architecture('small', Task.CLASSIFICATION, Small, lambda _: 2, ('logits',))
    how = Preprocessing(32, 48)
    entry = Entry('small', 'small', ('a', 'b'), how, 4, 10.0, Activation.SOFTMAX)
    opened = OpenedNetwork(architecture, entry, Small(2).eval())
    path = tmp_path / {'onnx': 'a.onnx', 'torchscript': 'a.pt', 'torch.export': 'a.pt2'}[form]
    assert export(opened, form, path, batch=2) < 1e-5
    assert b'"architecture": "small"' in path.read_bytes().replace(b'\\"', b'"')


def test_export_needs_weights_and_a_batch(capsys):
    assert main(['export', NANO]) == 2
    assert f'actloc download {NANO}' in capsys.readouterr().err
    assert main(['export', NANO, '--batch', '0']) == 2
    assert '--batch is 0' in capsys.readouterr().err

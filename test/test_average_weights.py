"""Check the script that averages checkpoints: values, absent layers, and what does not fit."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from actloc_ros.models.catalog import architectures, find_entry
from actloc_ros.models.checkpoint_files import read_checkpoint, write_checkpoint
from actloc_ros.models.weights import build_network

SCRIPT = Path(__file__).parents[1] / 'scripts' / 'average_weights.py'


def average(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Return two checkpoints, the first without the layer that knows the place in the view."""
    folder = tmp_path_factory.mktemp('average')
    entry = find_entry('stream_n')
    for number, name in enumerate(('old', 'new')):
        torch.manual_seed(number)
        network = build_network(architectures()['stream_n'], entry)
        for head in network.heads:
            torch.nn.init.normal_(head.place.weight)
        torch.nn.init.normal_(network.memory.now.actions.weight)
        state = network.state_dict()
        if name == 'old':
            state = {key: value for key, value in state.items() if 'place' not in key}
        write_checkpoint(folder / f'{name}.safetensors', state, entry)
    return folder / 'old.safetensors', folder / 'new.safetensors'


@pytest.mark.parametrize(
    ('options', 'share'), [((), 1.0), (('--absent-zero', 'place.weight'), 0.5)]
)
def test_the_mean_of_two(files, tmp_path, options, share):
    out = tmp_path / 'mean.safetensors'
    done = average(*files, '--out', out, *options)
    assert done.returncode == 0, done.stderr
    old, new, mean = (read_checkpoint(path).state for path in (*files, out))
    key = 'heads.1.actions.weight'
    torch.testing.assert_close(mean[key], (old[key] + new[key]) / 2)
    place = 'heads.1.place.weight'
    torch.testing.assert_close(mean[place], new[place] * share)
    assert read_checkpoint(out).entry == find_entry('stream_n')
    assert new['memory.now.actions.weight'].any()
    assert not mean['memory.now.actions.weight'].any()  # what it remembered was seen by another


def test_the_same_files_give_the_same_bytes(files, tmp_path):
    outs = [tmp_path / f'{number}.safetensors' for number in range(2)]
    for out in outs:
        assert average(*files, '--out', out).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_checkpoints_of_other_shapes_are_refused(files, tmp_path):
    other = tmp_path / 'other.safetensors'
    wider = read_checkpoint(files[1])
    key = 'heads.0.box.weight'
    wide = {**wider.state, key: wider.state[key].repeat(2, 1, 1, 1)}
    write_checkpoint(other, wide, wider.entry)
    done = average(files[1], other, '--out', tmp_path / 'mean.safetensors')
    assert done.returncode == 1
    assert key in done.stderr
    assert not (tmp_path / 'mean.safetensors').exists()

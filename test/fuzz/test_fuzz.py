"""Check that fuzzing finds what readers may not do, and that ours do none of it."""

from pathlib import Path
from random import Random

import pytest

from fuzz import targets
from fuzz.__main__ import run_all
from fuzz.driver import Plan
from fuzz.mutate import mutate_bytes, mutate_text, mutate_tree

COUNT, SECONDS = 500, 40.0


def test_readers_refuse_what_is_broken(tmp_path):
    plan = Plan(COUNT, SECONDS, seed=1, memory=1024, folder=tmp_path)
    found = run_all(list(targets.TARGETS), plan)
    assert {at: fault for each in found.values() for at, fault in each.faults.items()} == {}
    assert sum(tally.inputs for tally in found.values()) > 0


@pytest.mark.parametrize(
    ('name', 'outcome', 'fault'),
    [
        ('read_text', 'accepted', ''),
        ('refuse', 'refused', ''),
        ('refuse_without_name', 'failed', 'does not name input.txt'),
        ('refuse_in_lines', 'failed', 'several lines'),
        ('stumble', 'failed', 'ValueError is no refusal'),
        ('fail', 'failed', 'KeyError is no refusal'),
        ('fill', 'failed', 'MemoryError is no refusal'),
        ('take', 'failed', 'MB; '),
        ('crash', 'crashed', 'SIGSEGV'),
        ('hang', 'hung', ' s)'),
    ],
)
def test_what_a_reader_may_not_do_is_found(tmp_path, name, outcome, fault):
    plan = Plan(2, 60.0, 0, 256, tmp_path, hang=0.3, source='bad_readers')
    tally = run_all([name], plan)[name]
    assert tally.counts == {outcome: 2}
    kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert kept == set(tally.faults) == ({f'{name}_0', f'{name}_1'} if fault else set())
    for folder, text in tally.faults.items():
        assert fault in text
        assert (tmp_path / folder / 'input.txt').read_text() == 'x'
        assert (tmp_path / folder / 'fault.txt').exists()


def test_the_same_seed_gives_the_same_inputs(tmp_path):
    def files(name, key):
        folder = tmp_path / f'{name}_{len(list(tmp_path.iterdir()))}'
        folder.mkdir()
        value = targets.TARGETS[name].make(Random(key), folder)
        content = {path.name: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
        return content or repr(value)

    for name in ('image', 'image_folder', 'params_file', 'set_cvat', 'video'):
        assert files(name, '0/3') == files(name, '0/3')
        assert files(name, '0/3') != files(name, '0/4')


def test_mutations_change_copies():
    tree = {'a': [1, {'b': 'c'}], 'd': 0.5}
    changed = [mutate_tree(Random(number), tree) for number in range(50)]
    assert tree == {'a': [1, {'b': 'c'}], 'd': 0.5}
    assert sum(each != tree for each in changed) > 40
    assert len({mutate_bytes(Random(number), b'some bytes' * 9) for number in range(50)}) > 40
    assert len({mutate_text(Random(number), 'a: 1\nb: [2, 3]\n') for number in range(50)}) > 25


def test_names_of_targets_are_short_names_of_folders():
    assert all(name.replace('_', '').isalnum() for name in targets.TARGETS)
    assert len({Path(name) for name in targets.TARGETS}) == len(targets.TARGETS)

"""Test the parameter file: that it is what the node has, and that offline tools read it alike."""

import runpy
from pathlib import Path

import pytest
import yaml

from actloc_ros.params_file import read_params
from actloc_ros.settings import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'config' / 'actloc.yaml'


def test_file_is_made_from_the_parameters():
    """Where this fails, make it again: python scripts/make_config.py > config/actloc.yaml."""
    made = runpy.run_path(str(ROOT / 'scripts' / 'make_config.py'))['config_text']()
    assert CONFIG.read_text() == made


def test_file_gives_the_defaults():
    sections = yaml.safe_load(CONFIG.read_text())['/**']['ros__parameters']
    assert read_params(CONFIG, DEFAULTS) == DEFAULTS
    assert set(flat('', sections)) == set(DEFAULTS)


def flat(prefix, tree):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(f'{prefix}{key}.', value)
        else:
            yield prefix + key


def write(tmp_path, text):
    path = tmp_path / 'params.yaml'
    path.write_text(text)
    return path


def test_sections_of_this_node_count_and_later_ones_win(tmp_path):
    path = write(
        tmp_path,
        """
/**: {ros__parameters: {max_rate: 1.0, tubes.iou_min: 0.4, use_sim_time: true}}
/robot:
  action_localizer: {ros__parameters: {max_rate: 2.0, tubes: {max_gap: 3.0}}}
/action_*: {ros__parameters: {device: cpu}}
camera: {ros__parameters: {max_rate: 9.0, exposure: 3}}
""",
    )
    values = read_params(path, DEFAULTS)
    changed = {name: value for name, value in values.items() if value != DEFAULTS[name]}
    assert changed == {
        'max_rate': 2.0,
        'tubes.iou_min': 0.4,
        'tubes.max_gap': 3.0,
        'device': 'cpu',
    }


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        ('[1]', 'must hold node names'),
        ('a: {b: [', 'is not YAML'),
        ('/**: 3', 'holds neither ros__parameters nor node names'),
        ('/**: {ros__parameters: {max_rat: 1.0}}', 'sets max_rat, which action_localizer does not'),
        ('/**: {ros__parameters: {max_rate: 1}}', 'must be of the type float'),
        ('/**: {ros__parameters: [1]}', 'holds no parameters'),
    ],
)
def test_bad_files_are_refused(tmp_path, text, fault):
    with pytest.raises(ValueError, match=f'params.yaml.*{fault}'):
        read_params(write(tmp_path, text), DEFAULTS)

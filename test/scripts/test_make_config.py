"""Test the parameter file: that it is what the node has, and that offline tools read it alike."""

import runpy
from pathlib import Path

import pytest
import yaml

from actloc_ros.params_file import read_params
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'config' / 'actloc.yaml'


@pytest.mark.parametrize('name', ['actloc.yaml', 'planner_bridge.yaml'])
def test_file_is_made_from_the_parameters(name):
    """Where this fails, make it again: python scripts/make_config.py NAME > config/NAME."""
    made = runpy.run_path(str(ROOT / 'scripts' / 'make_config.py'))['config_text'](name)
    assert (CONFIG.parent / name).read_text() == made


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
        ('a: {b: [', 'is no YAML'),
        ('/**: 3', 'holds neither ros__parameters nor node names'),
        (
            'action_localizer: {ros__parameters: {max_rat: 1.0}}',
            r'sets max_rat, which action_localizer does not have .is max_rate meant',
        ),
        ('/**: {ros__parameters: {max_rate: 1}}', 'must be of the type float'),
        ('/**: {ros__parameters: {max_rate: 1:30}}', 'must be of the type float'),
        (
            '/**: {ros__parameters: {cameras: [1, 2]}}',
            "cameras holds 1, which is no text; write '1'",
        ),
        ('/**: {ros__parameters: {cameras: [a, true]}}', 'cameras holds True, which is no text'),
        ('/**: {ros__parameters: {instances: {overrides: [1.5]}}}', 'overrides holds 1.5'),
        ('/**: {ros__parameters: {cameras: front}}', 'must be of the type list'),
        (f'/**: {{ros__parameters: {{max_rate: {"1" * 5000}}}}}', 'is no YAML'),
        ('/**: {ros__parameters: &a {b: *a}}', 'leave out aliases'),
        ('/**: {ros__parameters: [1]}', 'holds no parameters'),
    ],
)
def test_bad_files_are_refused(tmp_path, text, fault):
    with pytest.raises(ValueError, match=f'params.yaml.*{fault}'):
        read_params(write(tmp_path, text), DEFAULTS)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1e1', 10.0),
        ('1E+1', 10.0),
        ('1.e1', 10.0),
        ('.5e1', 5.0),
        ('5.', 5.0),
        ('.25', 0.25),
        ('2.5e-1', 0.25),
    ],
)
def test_numbers_are_those_of_ros(tmp_path, text, value):
    path = write(tmp_path, f'action_localizer: {{ros__parameters: {{max_rate: {text}}}}}')
    assert read_params(path, DEFAULTS)['max_rate'] == value


def test_texts_that_look_like_times_are_texts(tmp_path):
    path = write(tmp_path, '/**: {ros__parameters: {weights: 12:30:15, target_frame: 2026-01-01}}')
    values = read_params(path, DEFAULTS)
    assert (values['weights'], values['target_frame']) == ('12:30:15', '2026-01-01')


@pytest.mark.parametrize('pattern', ['/**', '/**/action_*', '/robot/**'])
def test_what_is_for_several_nodes_may_be_unknown(tmp_path, pattern, caplog):
    text = f'{pattern}: {{ros__parameters: {{robot_radius: 0.2, max_rat: 1.0, max_rate: 2.0}}}}'
    assert read_params(write(tmp_path, text), DEFAULTS)['max_rate'] == 2.0
    warnings = [record.getMessage() for record in caplog.records]
    assert ['sets robot_radius' in w for w in warnings] == [True, False]
    assert 'is max_rate meant?' in warnings[1]


@pytest.mark.parametrize('name', ['cameras', 'instances.overrides'])
def test_an_empty_list_is_the_default(tmp_path, name):
    path = write(tmp_path, f'/**: {{ros__parameters: {{{name}: []}}}}')
    assert read_params(path, DEFAULTS) == DEFAULTS


def test_byte_order_marks_do_not_matter(tmp_path):
    path = tmp_path / 'params.yaml'
    for coding in ('utf-8-sig', 'utf-16'):
        path.write_text('/**: {ros__parameters: {max_rate: 2.0}}', encoding=coding)
        assert read_params(path, DEFAULTS)['max_rate'] == 2.0


@pytest.mark.parametrize('names', [['front', '/front'], ['a/b', '/a/b', 'c']])
def test_a_camera_is_not_named_twice(names):
    with pytest.raises(ValueError, match='holds a name twice'):
        settings_of(DEFAULTS | {'cameras': names})

"""Fuzz parameters: their values, parameter files, the settings of trainings, and recipes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hypothesis import strategies as st

from actloc_ros.params_file import read_params
from actloc_ros.settings import settings_of
from actloc_ros.settings.specs import DEFAULTS, SPECS
from fuzz.mutate import TEXTS, mutate_text, mutate_tree
from fuzz.target import WORDS, Target, draw, fault_of

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
model: stream_n
name: mine
weights: last.safetensors
data:
  train:
    - annotations.json
    - {path: clips, format: clips, part: all, boxes: image}
  valid: []
  height: 96
  frames: 8
  rate: 12.5
  balance: 0.5
schedule: {steps: 10, batch: 2, learning_rate: 1.0e-3, warmup: 2, validate_every: 0}
augmentation: {crop: 0.6, flip: 0.5, flip_pairs: [[left, right]], drop: 0.1}
precision: 32-true
"""
OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(),
    float: st.one_of(st.floats(), st.floats(0, 1), st.floats(0, 10)),
    str: st.one_of(WORDS, st.sampled_from(['cpu', 'cuda:0', 'auto', *TEXTS])),
    list: st.lists(
        st.one_of(
            WORDS,
            st.sampled_from(['front', '/rear', 'a/b', 'walk:start_score=0.5,merge_gap=1', 'x:=']),
        ),
        max_size=3,
    ),
}


def _make_values(random: Random, _folder: Path) -> dict[str, Any]:
    """Return values of the right types, as ROS and parameter files give them."""
    values = dict(DEFAULTS)
    for spec in random.sample(SPECS, random.randint(1, 3)):
        values[spec.name] = draw(OF_TYPE[type(spec.default)], random)
        if spec.choices and random.random() < 0.5:
            values[spec.name] = random.choice(spec.choices)
    return values


def _run_values(values: dict[str, Any]) -> None:
    settings_of(values)


def _make_yaml(seeds: tuple[str, ...], random: Random, folder: Path) -> Path:
    """Write a YAML file of which values or the text itself are broken."""
    name = random.choice(seeds)
    path, text = folder / f'{name}.yaml', _seeds()[name]
    if random.random() < 0.5:
        tree = mutate_tree(random, yaml.safe_load(text))
        path.write_bytes(yaml.safe_dump(tree, allow_unicode=True, encoding='utf-8'))
    else:
        path.write_bytes(mutate_text(random, text))
    return path


@cache
def _seeds() -> dict[str, str]:
    return {
        'params': (ROOT / 'config' / 'actloc.yaml').read_text(),
        'training': TRAINING,
        'people_n': (ROOT / 'recipes' / 'people_n.yaml').read_text(),
        'skeleton_n': (ROOT / 'recipes' / 'skeleton_n.yaml').read_text(),
    }


def _run_params(path: Path) -> None:
    values = read_params(path, DEFAULTS)
    try:
        settings_of(values)
    except ValueError as error:  # the text does not name the file, but the parameter
        if fault_of(error, values):
            raise


def _run_training(path: Path) -> None:
    from actloc_ros.training import config
    from actloc_ros.training.people_n import fit as people
    from actloc_ros.training.skeleton_n import fit as skeleton

    readers: dict[str, Callable[[Path], Any]] = {
        'training': config.read_config,
        'people_n': people.read_recipe,
        'skeleton_n': skeleton.read_recipe,
    }
    readers[path.stem](path)


def _import_training() -> None:
    import actloc_ros.training.people_n.fit
    import actloc_ros.training.skeleton_n.fit  # noqa: F401


TRAINING_FILES = ('training', 'training', 'people_n', 'skeleton_n')
TARGETS = (
    Target('parameters', _make_values, _run_values, 8),
    Target('params_file', partial(_make_yaml, ('params',)), _run_params, 6, _seeds),
    Target(
        'training_file', partial(_make_yaml, TRAINING_FILES), _run_training, 8, _import_training
    ),
)

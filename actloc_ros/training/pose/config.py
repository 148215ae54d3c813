"""Read the settings of training on: one YAML file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.files import read_yaml
from actloc_ros.training.config import ConfigError, build_settings

PEOPLE_N, SKELETON_N, POSE_N = 'people_n', 'skeleton_n', 'pose_n'
MODELS = (POSE_N, PEOPLE_N, SKELETON_N)


@dataclass(frozen=True)
class TuningData:
    """What is trained on.

    Attributes:
        train: Files or folders with annotations in the plain format, relative to the settings'
            file; or mappings with the keys of `DatasetSpec` for other formats.
        rate: Frames a second at which recordings are read, at most.
    """

    train: tuple[str | DatasetSpec, ...]
    rate: float = 15.0


@dataclass(frozen=True)
class TuningConfig:
    """All settings.

    Attributes:
        model: What is trained: `skeleton_n`, `people_n`, or `pose_n` for both.
        name: What the result is called.
        data: What is trained on.
        people: What finds people where `skeleton_n` is trained, as in `PEOPLE+skeleton_n`.
        weights: ONNX file of `skeleton_n`, or of `people_n`, to start from, relative to the
            settings' file; empty: what ships.
        steps: Of the optimizer, at most, for `people_n`.
        seed: Of all choices.
    """

    model: str
    name: str
    data: TuningData
    people: str = PEOPLE_N
    weights: str = ''
    steps: int = 150
    seed: int = 0


def names_pose(values: Any) -> bool:
    """Return whether what YAML gave names a model that is trained here."""
    return isinstance(values, dict) and values.get('model') in MODELS


def is_tuning(path: Path) -> bool:
    """Return whether a settings file is for this kind of training; what is no YAML is not.

    Raises:
        OSError: It cannot be read.
    """
    try:
        return names_pose(read_yaml(path))
    except ValueError:
        return False


def read_tuning(path: Path) -> TuningConfig:
    """Read and check a YAML file for which `is_tuning` holds.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    config = build_settings(TuningConfig, read_yaml(path), str(path))
    problem = _problem(config)
    if problem:
        raise ConfigError(f'{path}: {problem}')
    return config


def _problem(config: TuningConfig) -> str:
    """Return what is wrong with the values, or nothing."""
    if not re.fullmatch(r'\w[\w.-]*', config.name):
        return f'name is {config.name!r}; expected letters, digits and -._'
    if not config.data.train:
        return 'data: train names nothing; expected at least one set of recordings'
    if not 0 < config.data.rate < float('inf'):
        return f'data: rate is {config.data.rate}; expected a number above 0'
    if config.steps < 1 or config.seed < 0:
        return f'steps is {config.steps}, seed {config.seed}; expected 1 or more, and 0 or more'
    if config.model == POSE_N and (config.weights or config.people != PEOPLE_N):
        return f'people and weights are for {PEOPLE_N} or {SKELETON_N} alone; leave them out'
    return ''

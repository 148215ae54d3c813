"""Read the settings of training on: one YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.files import read_yaml
from actloc_ros.training.config import (
    ConfigError,
    model_of,
    name_problem,
    read_checked,
    recordings_problem,
)

PEOPLE_N, SKELETON_N, POSE_N = 'people_n', 'skeleton_n', 'pose_n'
MODELS = (POSE_N, PEOPLE_N, SKELETON_N)
BOXES, TIME, POINTS, VIDEO = 'boxes', 'time', 'points', 'video'
SUPERVISIONS = (BOXES, TIME, POINTS, VIDEO)


@dataclass(frozen=True)
class TuningData:
    """What is trained on.

    Attributes:
        train: Files or folders with annotations in the plain format, relative to the settings'
            file; or mappings with the keys of `DatasetSpec` for other formats.
        boxes: Recordings in which it is known who does what, where `supervision` says that it is
            not known of those to train on.
        rate: Frames a second at which recordings are read, at most.
    """

    train: tuple[str | DatasetSpec, ...]
    boxes: tuple[str | DatasetSpec, ...] = ()
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
        supervision: What of the labels of `data: train` is used: `boxes`, who does what and when;
            `time`, when somebody does it; `points`, one moment of each action; `video`, what
            happens at all.
    """

    model: str
    name: str
    data: TuningData
    people: str = PEOPLE_N
    weights: str = ''
    steps: int = 150
    seed: int = 0
    supervision: str = BOXES

    @property
    def weak(self) -> bool:
        """Whether it is not used who does what."""
        return self.supervision != BOXES


def names_pose(values: Any) -> bool:
    """Return whether what YAML gave names a model that is trained here."""
    return isinstance(values, dict) and values.get('model') in MODELS


def refuse_supervision(path: Path) -> None:
    """Refuse settings of another model that say how it is supervised; what is no YAML passes.

    Raises:
        ConfigError: The file has such settings.
        OSError: It cannot be read.
    """
    try:
        values = read_yaml(path)
    except ValueError:
        return
    if isinstance(values, dict) and 'supervision' in values and not names_pose(values):
        raise ConfigError(
            f'{path}: supervision is {values["supervision"]!r:.60}, but {values.get("model")!r:.60}'
            f' has no such choice; model: {SKELETON_N} learns from labels without boxes'
        )


def is_tuning(path: Path) -> bool:
    """Return whether a settings file is for this kind of training; what is no YAML is not.

    Raises:
        OSError: It cannot be read.
    """
    return model_of(path) in MODELS


def read_tuning(path: Path) -> TuningConfig:
    """Read and check a YAML file for which `is_tuning` holds.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    return read_checked(TuningConfig, path, _problem)


def _problem(config: TuningConfig) -> str:
    """Return what is wrong with the values, or nothing."""
    problem = name_problem(config.name) or recordings_problem(config.data.train)
    if problem:
        return problem
    if not 0 < config.data.rate < float('inf'):
        return f'data: rate is {config.data.rate}; expected a number above 0'
    if config.steps < 1 or config.seed < 0:
        return f'steps is {config.steps}, seed {config.seed}; expected 1 or more, and 0 or more'
    if config.model == POSE_N and (config.weights or config.people != PEOPLE_N):
        return f'people and weights are for {PEOPLE_N} or {SKELETON_N} alone; leave them out'
    return _supervision_problem(config)


def _supervision_problem(config: TuningConfig) -> str:
    how = config.supervision
    if how not in SUPERVISIONS:
        return f'supervision is {how!r}; expected one of {", ".join(SUPERVISIONS)}'
    if config.weak and config.model != SKELETON_N:
        return (
            f'supervision is {how!r}, which does not say where people are, and {config.model} '
            f'learns boxes too; give model: {SKELETON_N}'
        )
    if config.data.boxes and not config.weak:
        return 'data: boxes is for recordings beside weakly labelled ones; name them under train'
    return ''

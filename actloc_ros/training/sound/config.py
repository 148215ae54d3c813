"""Read the settings of a training of sounds: one YAML file with `model: sound`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actloc_ros.training.config import ConfigError, name_problem, read_settings_of

SOUND = 'sound'


@dataclass(frozen=True)
class SoundLabel:
    """A sound to learn.

    Attributes:
        name: What it is called.
        of: Labels of clips that are this sound; empty: those of its own name.
    """

    name: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class SoundData:
    """What is trained on.

    Attributes:
        clips: Lists of clips (`index.json`), or folders with a folder of clips for each label;
            relative to the settings' file. Clips of no label below teach what is none of them.
        labels: What is learned.
    """

    clips: tuple[str, ...]
    labels: tuple[SoundLabel, ...]


@dataclass(frozen=True)
class SoundConfig:
    """All settings.

    Attributes:
        model: `sound`.
        name: What the result is called: the ONNX file's name.
        data: What is trained on.
        licence: Of the weights.
        steps: Of the optimizer.
        batch: Windows a step.
        windows: Windows that are made of the clips, before training.
        learning_rate: The highest.
        folds: Into how many parts the clips are split, by source, to measure on each what the
            others taught; 0 does not measure.
        seed: Of all choices.
    """

    model: str
    name: str
    data: SoundData
    licence: str = 'unknown'
    steps: int = 2500
    batch: int = 256
    windows: int = 12000
    learning_rate: float = 3e-3
    folds: int = 4
    seed: int = 0


def read_sound_config(path: Path) -> SoundConfig:
    """Read and check a YAML file.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    config = read_settings_of(SoundConfig, path, SOUND)
    problem = _problem(config)
    if problem:
        raise ConfigError(f'{path}: {problem}')
    return config


def _problem(config: SoundConfig) -> str:
    """Return what is wrong with the values, or nothing."""
    names = [label.name for label in config.data.labels]
    if problem := name_problem(config.name):
        return problem
    if not config.data.clips or not names or len(set(names)) < len(names):
        return (
            f'data: {len(config.data.clips)} sets of clips and labels {names}; expected one or'
            ' more of each, each label once'
        )
    if min(config.steps, config.batch, config.windows) < 1 or config.seed < 0 or config.folds < 0:
        return 'steps, batch and windows must be 1 or more, folds and seed 0 or more'
    if config.folds == 1:
        return 'folds is 1, which leaves nothing to learn from; expected 0, or 2 or more'
    if not 0 < config.learning_rate < 1:
        return f'learning_rate is {config.learning_rate}; expected a number above 0, below 1'
    return ''

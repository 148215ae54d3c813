"""Read the settings of a training of ActionFormer: one YAML file with `model: actionformer_…`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.models.actionformer.segmenter import OF_I3D, RECIPES
from actloc_ros.training.config import model_of, name_problem, read_checked, recordings_problem

MODELS = tuple(name for name, recipe in RECIPES.items() if recipe is OF_I3D)
"""What can be trained: the networks whose features are computed here."""
FAMILY = 'actionformer'


@dataclass(frozen=True)
class SegmentData:
    """What is trained on.

    Attributes:
        train: Files or folders with annotations in the plain format, relative to the settings'
            file; or mappings with the keys of `DatasetSpec` for other formats.
        valid: The same to measure on; may be empty.
        features: Folder of the recordings' features, `NAME.npy` of shape (times, 2048) for
            `NAME.mp4`, relative to the settings' file; empty: they are computed by I3D.
    """

    train: tuple[str | DatasetSpec, ...]
    valid: tuple[str | DatasetSpec, ...] = ()
    features: str = ''


@dataclass(frozen=True)
class SegmentSchedule:
    """How long and how fast to train.

    Attributes:
        steps: Steps of the optimizer.
        batch: Recordings a step.
        learning_rate: Highest learning rate, reached after `warmup` steps; falls as a cosine.
        warmup: Steps.
        weight_decay: Decoupled; of the convolutions' weights alone.
        clip_gradient: Largest norm of the gradient.
        ema: Decay of the averaged weights, which are the ones that are kept.
        seed: Of weights, order, crops.
    """

    steps: int = 1000
    batch: int = 2
    learning_rate: float = 5e-4
    warmup: int = 100
    weight_decay: float = 0.05
    clip_gradient: float = 1.0
    ema: float = 0.999
    seed: int = 0


@dataclass(frozen=True)
class SegmentConfig:
    """All settings.

    Attributes:
        model: One of `MODELS`.
        name: What the trained model is called.
        data: What is trained on.
        schedule: How long.
        licence: Of the trained weights.
    """

    model: str
    name: str
    data: SegmentData
    schedule: SegmentSchedule = field(default_factory=SegmentSchedule)
    licence: str = 'unknown'


def is_segment_training(path: Path) -> bool:
    """Return whether a settings file names a model of this family; what is no YAML does not.

    Raises:
        OSError: It cannot be read.
    """
    return model_of(path).startswith(FAMILY)


def read_segment_config(path: Path) -> SegmentConfig:
    """Read and check a YAML file for which `is_segment_training` holds.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    return read_checked(SegmentConfig, path, _problem)


def _problem(config: SegmentConfig) -> str:
    """Return what is wrong with the values, or nothing."""
    if config.model not in MODELS:
        return f'model is {config.model!r}; those that can be trained are {", ".join(MODELS)}'
    problem = name_problem(config.name) or recordings_problem(config.data.train)
    return problem or _schedule_problem(config.schedule)


def _schedule_problem(schedule: SegmentSchedule) -> str:
    for key in ('steps', 'batch'):
        if getattr(schedule, key) < 1:
            return f'schedule: {key} is {getattr(schedule, key)}; expected 1 or more'
    for key in ('warmup', 'weight_decay', 'seed'):
        if not 0 <= getattr(schedule, key) < float('inf'):
            return f'schedule: {key} is {getattr(schedule, key)}; expected 0 or more'
    for key in ('learning_rate', 'clip_gradient'):
        if not 0 < getattr(schedule, key) < float('inf'):
            return f'schedule: {key} is {getattr(schedule, key)}; expected a number above 0'
    if not 0 <= schedule.ema < 1:
        return f'schedule: ema is {schedule.ema}; expected from 0 to below 1'
    return ''

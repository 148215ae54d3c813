"""Read a training's settings from one YAML file into typed, checked values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from actloc_ros.training.augment import Augmentation

T = TypeVar('T')


class ConfigError(ValueError):
    """Settings that cannot be used; the text names the key, the value and what to do."""


@dataclass(frozen=True)
class Data:
    """What is learnt from.

    Attributes:
        train: Annotation files (JSON), relative to the settings' file.
        valid: Annotation files to measure on; may be empty.
        height: Of the network's input in pixels.
        width: Of the network's input in pixels.
        frames: Frames of a clip.
        rate: Frame rate in Hz that the network expects.
        workers: Processes that prepare clips; 0 prepares them between steps.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    height: int = 224
    width: int = 224
    frames: int = 16
    rate: float = 12.5
    workers: int = 1


@dataclass(frozen=True)
class Schedule:
    """How long and how fast is learnt.

    Attributes:
        steps: Steps of the optimizer.
        batch: Clips a step and device.
        learning_rate: Highest learning rate, reached after `warmup` steps; falls as a cosine.
        warmup: Steps.
        weight_decay: Of AdamW; not on biases and norms.
        clip_gradient: Largest norm of the gradient.
        ema: Decay of the averaged weights, which are the ones that are kept.
        seed: Of weights, order, augmentation.
        checkpoint_every: Steps between checkpoints.
        validate_every: Steps between measurements; 0 measures at the end alone.
    """

    steps: int
    batch: int = 4
    learning_rate: float = 1e-3
    warmup: int = 200
    weight_decay: float = 0.05
    clip_gradient: float = 10.0
    ema: float = 0.999
    seed: int = 0
    checkpoint_every: int = 200
    validate_every: int = 0


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a training.

    Attributes:
        model: Name of an architecture: `stream_n`, `yowov2_nano`, …
        name: What the trained model is called.
        licence: Of the trained weights.
        weights: Checkpoint to begin from; layers whose shape depends on the labels may differ.
            Empty begins from random weights.
        data: What is learnt from.
        schedule: How long.
        augmentation: How clips are changed.
        precision: Of Lightning Fabric: `32-true`, `bf16-mixed`, `16-mixed`.
    """

    model: str
    name: str
    data: Data
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)
    weights: str = ''
    licence: str = 'unknown'
    precision: str = '32-true'


def read_config(path: Path) -> TrainingConfig:
    """Read and check a YAML file.

    Raises:
        ConfigError: It is no such file, a key is unknown or missing, or a value has another type.
        OSError: It cannot be read.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f'{path} is no YAML: {error}') from error
    return _build(TrainingConfig, values, str(path))


def _build(cls: type[T], values: Any, where: str) -> T:
    if not isinstance(values, dict):
        raise ConfigError(f'{where}: expected keys and values, got {values!r}')
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(f'{where}: unknown key {unknown[0]!r}; keys are {", ".join(hints)}')
    given = {key: _convert(hints[key], value, f'{where}: {key}') for key, value in values.items()}
    missing = [
        f.name
        for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        if f.name not in given
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f'{where}: {missing[0]!r} is missing')
    return cls(**given)


def _convert(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where)  # type: ignore[arg-type]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str):
        if type(value) is not kind:
            raise ConfigError(f'{where} is {value!r}; expected {kind.__name__}')
        return value
    if not isinstance(value, list):
        raise ConfigError(f'{where} is {value!r}; expected a list')
    return tuple(tuple(v) if isinstance(v, list) else v for v in value)

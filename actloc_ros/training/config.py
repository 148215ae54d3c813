"""Read a training's settings from one YAML file into typed, checked values."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.files import read_yaml
from actloc_ros.training.limits import find_impossible

T = TypeVar('T')
LARGEST = 2**53  # whole number that a float holds


class ConfigError(ValueError):
    """Settings that cannot be used; the text names the key, the value and what to do."""


@dataclass(frozen=True)
class Data:
    """What is trained on.

    Attributes:
        train: Files or folders with annotations in the plain format, relative to the settings'
            file; or mappings with the keys of `DatasetSpec` for other formats.
        valid: The same to measure on; may be empty.
        height: Of the network's input in pixels.
        width: Of the network's input in pixels.
        frames: Frames of a clip.
        rate: Frame rate in Hz that the network expects.
        workers: Processes that prepare clips; 0 prepares them between steps.
        balance: How much more often than they come rare labels are shown: 0 as they come, 1 all
            about equally often.
        keypoints: Whether keypoints are trained where they are known, by detectors that can.
    """

    train: tuple[str | DatasetSpec, ...]
    valid: tuple[str | DatasetSpec, ...] = ()
    height: int = 224
    width: int = 224
    frames: int = 16
    rate: float = 12.5
    workers: int = 1
    balance: float = 0.5
    keypoints: bool = True


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        steps: Steps of the optimizer.
        batch: Clips a step and device.
        learning_rate: Highest learning rate, reached after `warmup` steps; falls as a cosine.
        warmup: Steps.
        weight_decay: Decoupled; not on biases and norms.
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
class Augmentation:
    """How far clips are changed; every choice holds for a whole clip but dropping and freezing.

    Attributes:
        crop: Least share of the image's sides that a crop keeps, in (0, 1].
        widest: Largest share, from `crop` to 1.
        stretch: Largest factor by which width and height change against each other, 1 or more.
        flip: Probability of a mirror image.
        flip_pairs: Labels that are swapped in a mirror image; None takes those that differ only
            in the word left or right.
        colour: Largest relative change of brightness, contrast and saturation, in [0, 1).
        rate: Largest factor by which the frame rate goes up or down, 1 or more.
        drop: Probability that a frame is lost: the clip then reaches further back.
        freeze: Probability that a camera sends its last image again.
        focus: Probability that a crop is laid around an actor rather than anywhere.
    """

    crop: float = 0.6
    stretch: float = 1.2
    flip: float = 0.5
    flip_pairs: tuple[tuple[str, str], ...] | None = None
    colour: float = 0.3
    rate: float = 1.4
    drop: float = 0.1
    freeze: float = 0.05
    focus: float = 0.0
    widest: float = 1.0


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a training.

    Attributes:
        model: Name of an architecture: `stream_n`, `yowov2_nano`, …
        name: What the trained model is called.
        licence: Of the trained weights.
        weights: Checkpoint to start from; layers whose shape depends on the labels may differ.
            `last.ckpt` of another run: its weights, not averaged, of the same labels.
            Empty starts from random weights.
        data: What is trained on.
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
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    config = build_settings(TrainingConfig, read_yaml(path), str(path))
    problem = find_impossible(config)
    if problem is None and config.schedule.validate_every and not config.data.valid:
        problem = 'schedule: validate_every is given, but data: valid names nothing to measure on'
    how = config.augmentation
    if problem is None and how.widest < how.crop:
        problem = f'augmentation: widest is {how.widest}, less than crop, which is {how.crop}'
    if problem is not None:
        raise ConfigError(f'{path}: {problem}')
    return config


def build_settings(cls: type[T], values: Any, where: str) -> T:
    """Return the data class `cls` made of what YAML gave, with data classes inside it.

    Args:
        cls: A data class whose fields are numbers, text, tuples or data classes.
        values: A dictionary with its fields' names for keys.
        where: Named in errors.

    Raises:
        ConfigError: A key is unknown or missing, or a value is of another type.
    """
    if not isinstance(values, dict):
        raise ConfigError(f'{where}: expected keys and values, got {values!r:.60}')
    hints = get_type_hints(cls)
    unknown = [key for key in values if key not in hints]
    if unknown:
        raise ConfigError(f'{where}: unknown key {unknown[0]!r:.60}; keys are {", ".join(hints)}')
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
    try:
        return cls(**given)
    except ValueError as error:
        raise ConfigError(f'{where}: {error}') from error


def model_of(path: Path) -> str:
    """Return the model that a settings file names; nothing where it names none or is no YAML.

    Raises:
        OSError: It cannot be read.
    """
    try:
        values = read_yaml(path)
    except ValueError:
        return ''
    model = values.get('model') if isinstance(values, dict) else None
    return model if isinstance(model, str) else ''


def read_checked(cls: type[T], path: Path, find_problem: Callable[[T], str]) -> T:
    """Read a YAML file, and check its values as well.

    Args:
        cls: A data class; see `build_settings`.
        path: The file.
        find_problem: Returns what is wrong with the values, or nothing.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    config = build_settings(cls, read_yaml(path), str(path))
    problem = find_problem(config)
    if problem:
        raise ConfigError(f'{path}: {problem}')
    return config


def name_problem(name: str) -> str:
    """Return what is wrong with the name of a trained model, or nothing."""
    if re.fullmatch(r'\w[\w.-]*', name):
        return ''
    return f'name is {name!r}; expected letters, digits and -._'


def recordings_problem(train: Sequence[object]) -> str:
    """Return what is wrong with the recordings to learn from, or nothing."""
    return '' if train else 'data: train names nothing; expected at least one set of recordings'


def read_settings_of(cls: type[T], path: Path, model: str) -> T:
    """Read and check a YAML file whose key `model` names what it is for.

    Args:
        cls: A data class with a field `model`; see `build_settings`.
        path: The file.
        model: What `model` must be.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is for another
            model.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    settings = build_settings(cls, read_yaml(path), str(path))
    found = settings.model  # type: ignore[attr-defined]
    if found != model:
        raise ConfigError(f'{path}: model is {found!r}; this trains {model} only')
    return settings


def _convert(kind: Any, value: Any, where: str) -> Any:
    """Return a value of the type that a data class asks for, from what YAML gave."""
    if isinstance(kind, types.UnionType):
        return _convert_one_of(get_args(kind), value, where)
    if get_origin(kind) is tuple:
        return _convert_list(get_args(kind), value, where)
    if dataclasses.is_dataclass(kind):
        return build_settings(kind, value, where)  # type: ignore[arg-type]
    if kind is float and type(value) is int and abs(value) < LARGEST:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f'{where} is {value!r:.60}; expected {kind.__name__}')
    return value


def _convert_one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Convert keys and values to a data class, nothing to None, and else to the plain type."""
    if value is None and types.NoneType in kinds:
        return None
    fitting = [k for k in kinds if dataclasses.is_dataclass(k) == isinstance(value, dict)]
    return _convert((fitting or list(kinds))[0], value, where)


def _convert_list(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f'{where} is {value!r:.60}; expected a list')
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        raise ConfigError(f'{where} is {value!r:.60}; expected {len(kinds)} values')
    return tuple(
        _convert(k, v, f'{where}[{i}]') for i, (k, v) in enumerate(zip(kinds, value, strict=True))
    )

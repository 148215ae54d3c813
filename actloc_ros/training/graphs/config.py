"""Read the settings of a training of a graph network over joints: one YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actloc_ros.datasets.spec import DatasetSpec
from actloc_ros.models.graphs.streams import STREAMS
from actloc_ros.training.config import model_of, name_problem, read_checked, recordings_problem

GRAPHS = ('stgcnpp_coco17', 'stgcn_pyskl_coco17', 'ctrgcn_pyskl_coco17', 'stgcn_openpose18')
"""Networks over joints in the image, as people networks find them."""
KINDS = ('stgcnpp', 'stgcn', 'ctrgcn', 'costgcn')
"""How the names of all graph networks begin."""


@dataclass(frozen=True)
class GraphData:
    """What is trained on.

    Attributes:
        train: Files or folders with annotations in the plain format, relative to the settings'
            file; or mappings with the keys of `DatasetSpec` for other formats.
        valid: The same, to choose the best step by; empty: about every fourth recording of `train`
            is left out for that.
        rate: Frames a second at which recordings are read, at most.
    """

    train: tuple[str | DatasetSpec, ...]
    valid: tuple[str | DatasetSpec, ...] = ()
    rate: float = 15.0


@dataclass(frozen=True)
class GraphConfig:
    """All settings.

    Attributes:
        model: Name of an architecture, one of `GRAPHS`.
        name: What the result is called.
        data: What is trained on.
        people: What finds people and joints, as in `PEOPLE+SKELETON`.
        weights: Checkpoint to start from, relative to the settings' file, or the name of a
            published one that was downloaded; its last layer is replaced. Empty: random weights.
        stream: What is made of the joints: one of `STREAMS`.
        frames: Of a clip, which are spread over the last 3.3 s; for `stgcn_openpose18` at 30 Hz.
        steps: Of the optimizer.
        batch: Clips a step.
        learning_rate: The highest.
        measure_every: Steps between measurements.
        seed: Of all choices.
        licence: Of the trained weights.
    """

    model: str
    name: str
    data: GraphData
    people: str = 'people_n'
    weights: str = ''
    stream: str = 'j'
    frames: int = 32
    steps: int = 200
    batch: int = 16
    learning_rate: float = 2e-3
    measure_every: int = 25
    seed: int = 0
    licence: str = 'unknown'


def is_graph_training(path: Path) -> bool:
    """Return whether a settings file names a graph network; what is no YAML does not.

    Raises:
        OSError: It cannot be read.
    """
    return model_of(path).split('_')[0] in KINDS


def read_graph_config(path: Path) -> GraphConfig:
    """Read and check a YAML file for which `is_graph_training` holds.

    Raises:
        ConfigError: A key is unknown or missing, or a value has another type or is impossible.
        ValueError: It is no YAML.
        OSError: It cannot be read.
    """
    return read_checked(GraphConfig, path, _problem)


def _problem(config: GraphConfig) -> str:
    """Return what is wrong with the values, or nothing."""
    if config.model not in GRAPHS:
        return (
            f'model is {config.model!r}; of the graph networks, those that take joints in the image'
            f' and whole clips are trained: {", ".join(GRAPHS)}'
        )
    problem = name_problem(config.name) or recordings_problem(config.data.train)
    if problem:
        return problem
    if not 0 < config.data.rate < float('inf'):
        return f'data: rate is {config.data.rate}; expected a number above 0'
    if config.stream not in STREAMS:
        return f'stream is {config.stream!r}; expected one of {", ".join(STREAMS)}'
    return _number_problem(config)


def _number_problem(config: GraphConfig) -> str:
    least = {'frames': 8, 'steps': 1, 'batch': 2, 'measure_every': 1, 'seed': 0}
    for key, bound in least.items():
        if getattr(config, key) < bound:
            return f'{key} is {getattr(config, key)}; expected {bound} or more'
    if config.frames > 300:
        return f'frames is {config.frames}; expected 300 or fewer'
    if not 0 < config.learning_rate < 1:
        return f'learning_rate is {config.learning_rate}; expected a number above 0, below 1'
    return ''

"""Read a parameter file of ROS 2 without ROS, so that offline tools run as the node would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

NODE = 'action_localizer'


def read_params(path: str | Path, defaults: Mapping[str, Any], node: str = NODE) -> dict[str, Any]:
    """Return the parameters that a file gives to a node, over its defaults.

    Args:
        path: A YAML file of node names (or `/**` for all), `ros__parameters` and parameters.
        defaults: Every parameter there is by name, with the default that gives its type.
        node: The node's name; namespaces in the file are ignored.

    Raises:
        ValueError: It is no such file, gives a parameter that there is not, or one of a wrong
            type.
        OSError: It cannot be read.
    """
    try:
        tree = yaml.safe_load(Path(path).read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is not YAML: {error}') from error
    values = dict(defaults)
    for section in _sections(path, tree or {}, node):
        for name, value in _flatten('', section):
            if name.startswith('qos_overrides.') or name == 'use_sim_time':
                continue  # ROS's own; nothing is sent or timed here
            if name not in defaults:
                raise ValueError(f'{path} sets {name}, which {node} does not have')
            values[name] = _checked(path, name, value, defaults[name])
    return values


def _sections(path: str | Path, tree: Any, node: str) -> Iterator[dict[str, Any]]:
    """Yield the parameters of each part of the file that speaks of the node, in its order."""
    if not isinstance(tree, dict):
        raise ValueError(f'{path} is no parameter file: it must hold node names')
    for name, below in tree.items():
        if not isinstance(below, dict):
            raise ValueError(f'{path}: {name} holds neither ros__parameters nor node names')
        if 'ros__parameters' not in below:
            yield from _sections(path, below, node)
        elif _matches(str(name), node):
            section = below['ros__parameters'] or {}
            if not isinstance(section, dict):
                raise ValueError(f'{path}: ros__parameters of {name} holds no parameters')
            yield section


def _matches(pattern: str, node: str) -> bool:
    last = pattern.rstrip('/').rpartition('/')[2]
    return re.fullmatch(re.escape(last).replace(r'\*', '.*'), node) is not None


def _flatten(prefix: str, tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(f'{prefix}{key}.', value)
        else:
            yield f'{prefix}{key}', value


def _checked(path: str | Path, name: str, value: Any, default: Any) -> Any:
    if type(value) is not type(default):
        raise ValueError(
            f'{path} sets {name} to {value!r}; it must be of the type {type(default).__name__}, '
            f'like {default!r}'
        )
    return value

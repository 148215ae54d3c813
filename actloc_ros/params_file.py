"""Read a parameter file of ROS 2 without ROS, so that offline tools run as the node would."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from actloc_ros.files import read_yaml

NODE = 'action_localizer'
# ROS's own; nothing is sent or timed here.
ROS_PARAMETERS = ('qos_overrides.', 'use_sim_time', 'start_type_description_service')
_log = logging.getLogger(__name__)


_TEXTS = ('int', 'float', 'timestamp')  # as PyYAML reads them; numbers are added below


class RosYamlLoader(yaml.SafeLoader):
    """Reads numbers as ROS does: 1e1 is one; times of day and dates are texts."""


RosYamlLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag.rpartition(':')[2] not in _TEXTS]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
RosYamlLoader.add_implicit_resolver(
    'tag:yaml.org,2002:int', re.compile(r'[-+]?(0|[1-9]\d*|0x[\da-fA-F]+)$'), list('-+0123456789')
)
RosYamlLoader.add_implicit_resolver(
    'tag:yaml.org,2002:float',
    re.compile(
        r"""([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?
        |[-+]?\.(inf|Inf|INF)
        |\.(nan|NaN|NAN))$""",
        re.VERBOSE,
    ),
    list('-+.0123456789'),
)


def read_params(path: str | Path, defaults: Mapping[str, Any], node: str = NODE) -> dict[str, Any]:
    """Return the parameters that a file gives to a node, over its defaults.

    Args:
        path: A YAML file of node names (or `/**` for all), `ros__parameters` and parameters. What
            is for several nodes may be unknown to this one: it is warned of. An empty list, which
            ROS takes as unset, gives the default.
        defaults: Every parameter there is by name, with the default that gives its type.
        node: The node's name; namespaces in the file are ignored.

    Raises:
        ValueError: It is no such file, gives a parameter that there is not, or one of a wrong
            type.
        OSError: It cannot be read.
    """
    tree = read_yaml(Path(path), RosYamlLoader) or {}
    sections = [(own, list(_flatten('', section))) for own, section in _sections(path, tree, node)]
    values = dict(defaults)
    for own, section in sections:
        for name, value in section:
            if name in defaults:
                values[name] = _checked(path, name, value, defaults[name])
            elif not name.startswith(ROS_PARAMETERS):
                text = f'{path} sets {name}, which {node} does not have{_nearest(name, defaults)}'
                if own:
                    raise ValueError(text)
                _log.warning('%s; it may be for other nodes', text)
    return values


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    found = get_close_matches(name, known, n=1)
    return f' (is {found[0]} meant?)' if found else ''


def _sections(path: str | Path, tree: Any, node: str) -> Iterator[tuple[bool, dict[str, Any]]]:
    """Yield the parameters of each part of the file that speaks of the node, in its order.

    Each comes with whether it speaks of no other node.
    """
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
            yield '*' not in str(name), section


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
    if isinstance(value, list) and isinstance(default, list):
        for each in value:
            if not isinstance(each, str):
                raise ValueError(
                    f"{path}: {name} holds {each!r:.60}, which is no text; write '{each!s:.60}'"
                )
        return value or default
    if type(value) is not type(default):
        raise ValueError(
            f'{path} sets {name} to {value!r:.60}; it must be of the type '
            f'{type(default).__name__}, like {default!r}'
        )
    return value

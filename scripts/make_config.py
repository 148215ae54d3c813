"""Print config/actloc.yaml, made from the parameters' own descriptions: run it when they change."""

import textwrap
from itertools import groupby

from actloc_ros.parameter_spec import ParameterSpec
from actloc_ros.settings import SPECS

HEAD = """\
# Every parameter of the node `action_localizer`, with its default, unit and range.
#
# ros2 run actloc_ros action_localizer --ros-args --params-file actloc.yaml
# `actloc run --params actloc.yaml` reads it too.
/**:
  ros__parameters:
"""
WIDTH = 100


def config_text() -> str:
    """Return the file's text."""
    parts = []
    for group, specs in groupby(SPECS, key=lambda spec: spec.name.rpartition('.')[0]):
        indent = ' ' * (6 if group else 4)
        entries = '\n'.join(entry(spec, indent) for spec in specs)
        parts.append(f'    {group}:\n{entries}' if group else entries)
    return HEAD + '\n'.join(parts)


def entry(spec: ParameterSpec, indent: str) -> str:
    """Return one parameter with its comment."""
    comment = textwrap.wrap(f'{spec.description} ({spec.constraints()})', WIDTH - len(indent) - 2)
    lines = [*(f'# {line}' for line in comment), f'{spec.name.rpartition(".")[2]}: {value(spec)}']
    return ''.join(f'{indent}{line}\n' for line in lines)


def value(spec: ParameterSpec) -> str:
    """Return the default in YAML."""
    if isinstance(spec.default, bool):
        return str(spec.default).lower()
    return repr(spec.default)


if __name__ == '__main__':
    print(config_text(), end='')

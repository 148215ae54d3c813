"""Print a file of parameters, made from their own descriptions: run it when they change.

usage: make_config.py [actloc.yaml|planner_bridge.yaml] > config/…
"""

import sys
import textwrap
from collections.abc import Sequence
from itertools import groupby

from actloc_ros.parameter_spec import ParameterSpec
from actloc_ros.planners import settings as planner
from actloc_ros.settings.specs import SPECS

HEADS = {
    'actloc.yaml': """\
# Every parameter of the node `action_localizer`, with its default, unit and range.
#
# ros2 run actloc_ros action_localizer --ros-args --params-file actloc.yaml
# `actloc run --params actloc.yaml` reads it too.
""",
    'planner_bridge.yaml': """\
# Every parameter of the node `planner_bridge`, with its default, unit and range.
#
# ros2 run actloc_ros planner_bridge --ros-args --params-file planner_bridge.yaml
# What Nav2 needs beside it is in nav2_people.yaml.
""",
}
TOP = """\
/**:
  ros__parameters:
"""
ALL_SPECS: dict[str, Sequence[ParameterSpec]] = {
    'actloc.yaml': SPECS,
    'planner_bridge.yaml': planner.SPECS,
}
WIDTH = 100


def config_text(name: str = 'actloc.yaml') -> str:
    """Return the text of the file called `name`."""
    parts = []
    for group, specs in groupby(ALL_SPECS[name], key=lambda spec: spec.name.rpartition('.')[0]):
        indent = ' ' * (6 if group else 4)
        entries = '\n'.join(entry(spec, indent) for spec in specs)
        parts.append(f'    {group}:\n{entries}' if group else entries)
    return HEADS[name] + TOP + '\n'.join(parts)


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
    print(config_text(*sys.argv[1:]), end='')

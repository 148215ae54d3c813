"""Read a rules file; whatever is wrong in it is named by line and key, all in one message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from actloc_ros.files import read_yaml
from actloc_ros.params_file import RosYamlLoader
from actloc_ros.rules.file.model import Rules
from actloc_ros.rules.file.names import Fault, name_faults

Path_ = tuple[Any, ...]


class RulesError(ValueError):
    """A rules file that cannot be used; the text names lines and keys."""


@dataclass(frozen=True)
class RulesFile:
    """A rules file that was read.

    Attributes:
        path: Where it lies.
        rules: What it says.
        lines: By path of keys, the line of each, from 1.
    """

    path: Path
    rules: Rules
    lines: dict[Path_, int]

    def refuse(self, faults: list[Fault]) -> None:
        """Refuse the file where there are faults.

        Raises:
            RulesError: It names all of them, with their lines.
        """
        if faults:
            raise RulesError(_text(self.path, faults, self.lines))


def read_rules(path: str | Path) -> RulesFile:
    """Return a rules file that is consistent in itself.

    Labels and cameras are checked by `names.world_faults`, where they are known.

    Raises:
        RulesError: It is not YAML, or what it says is wrong.
        OSError: It cannot be read.
    """
    path = Path(path)
    values, lines, twice = _read_yaml(path)
    if twice:
        raise RulesError(_text(path, twice, lines))
    if not isinstance(values, dict):
        raise RulesError(f'{path} is no rules file: it must hold version, rules, …')
    try:
        rules = Rules.model_validate(values)
    except ValidationError as error:
        faults = [_fault(each, values) for each in error.errors()]
        raise RulesError(_text(path, faults, lines)) from None
    file = RulesFile(path, rules, lines)
    file.refuse(name_faults(rules))
    return file


def _read_yaml(path: Path) -> tuple[Any, dict[Path_, int], list[Fault]]:
    """Return values, lines by path, and keys that stand twice."""
    lines: dict[Path_, int] = {}
    twice: list[Fault] = []
    try:
        values = read_yaml(path, RosYamlLoader, lambda node: twice.extend(_walk(node, (), lines)))
    except ValueError as error:
        raise RulesError(str(error)) from error
    return values, lines, twice


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> Iterator[Fault]:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), lines)
    elif isinstance(node, yaml.MappingNode):
        known = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # no value can be made of it: that is said then
            below = (*path, key.value)
            if key.value in known:
                yield Fault(below, f'it stands twice, first in line {lines[below]}')
            else:
                lines[below] = key.start_mark.line + 1
            known.add(key.value)
            yield from _walk(value, below, lines)


def _text(path: Path, faults: list[Fault], lines: dict[Path_, int]) -> str:
    rows = sorted((_line(fault.path, lines), fault) for fault in faults)
    texts = [f'line {line}, {_name(fault.path)}: {fault.text}' for line, fault in rows]
    if len(texts) == 1:
        return f'{path}, {texts[0]}'
    return f'{path} has {len(texts)} faults:' + ''.join(f'\n  {text}' for text in texts)


def _line(path: Path_, lines: dict[Path_, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _name(path: Path_) -> str:
    text = ''
    for part in path:
        text += f'[{part}]' if isinstance(part, int) else f'.{part}'
    return text.lstrip('.') or 'file'


def _fault(error: Any, values: Any) -> Fault:
    """Return what pydantic says in our words."""
    path = tuple(part for part in error['loc'] if part != '[key]')
    kind, given = error['type'], error.get('input')
    if kind == 'extra_forbidden':
        return Fault(path, f'there is no such key{_meant(path)}')
    if kind == 'missing':
        return Fault(path[:-1], f'the key {path[-1]} is missing')
    if kind == 'value_error':
        return Fault(path, str(error['ctx']['error']))
    if kind == 'too_short':
        return Fault(path, 'it is empty; it must have one entry or more')
    text = _WANTED.get(kind, error['msg'].removeprefix('Input should be '))
    wanted = f'it must be {text}' if text != error['msg'] else text
    if isinstance(given, (dict, list)):
        return Fault(path, wanted)
    return Fault(path, f'it is {given!r}; {wanted}')


# What pydantic calls by names of Python.
_MAPPING = 'keys with their values, such as {key: value}'
_WANTED = {
    'tuple_type': 'a list, such as [a, b]',
    'dict_type': _MAPPING,
    'model_type': _MAPPING,
    'string_type': 'a text; put it in quotes',
}


def _meant(path: Path_) -> str:
    """Return a hint at the key that may be meant; keys of channels, zones and rules are theirs."""
    model: type[BaseModel] = Rules
    for part in path[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_of(model.model_fields[part].annotation) or model
    names = [field.alias or name for name, field in model.model_fields.items()]
    if not isinstance(path[-1], str):
        return ''
    found = get_close_matches(path[-1], names, n=1)
    return f' (is {found[0]} meant?)' if found else f'; there are {", ".join(names)}'


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, '__args__', ()):
        found = _model_of(part)
        if found is not None:
            return found
    return None

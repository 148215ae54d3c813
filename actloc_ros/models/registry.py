"""Find architectures and entries by name, and the architecture that a state dict fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from torch import Tensor

from actloc_ros.models.architecture import Architecture, adapt, skeleton
from actloc_ros.models.checkpoints import read_entry
from actloc_ros.models.entry import Entry
from actloc_ros.models.errors import WeightsError
from actloc_ros.models.families import NETWORKS, import_family
from actloc_ros.models.state_dicts import differences, shapes_of
from actloc_ros.models.storage import shipped_path


@cache
def architectures() -> dict[str, Architecture]:
    """Return all architectures by name."""
    return {a.name: a for family in _families() for a in family.ARCHITECTURES}


@cache
def entries() -> dict[str, Entry]:
    """Return all entries by name. A checkpoint that ships says itself how it is to be used."""
    found = {e.name: e for family in _families() for e in family.ENTRIES}
    shipped = {name: shipped_path(name) for name in found}
    return found | {name: read_entry(path) for name, path in shipped.items() if path.is_file()}


def trainable() -> tuple[str, ...]:
    """Return the names of the architectures that `actloc train` can train."""
    return tuple(name for name, found in architectures().items() if found.trainable)


def find_entry(name: str) -> Entry:
    """Return the entry called `name`, or the first of the architecture called `name`.

    Raises:
        WeightsError: There is none.
    """
    if name in entries():
        return entries()[name]
    for entry in entries().values():
        if entry.architecture == name:
            return entry
    raise WeightsError(f'there is no model "{name}"; there are {", ".join(entries())}')


def entry_for(architecture: Architecture, classes: int) -> Entry:
    """Return the entry for a checkpoint of which only its network is known.

    It is the architecture's own with that number of classes; else one of its other values, with
    numbers for labels.
    """
    known = [e for e in entries().values() if e.architecture == architecture.name]
    for entry in known:
        if len(entry.labels) == classes:
            return replace(entry, url='', sha256='')
    return replace(
        known[0],
        name=f'{architecture.name}_{classes}_classes',
        labels=tuple(f'class {i}' for i in range(classes)),
        url='',
        sha256='',
        licence='unknown',
    )


def identify(state: Mapping[str, Tensor]) -> tuple[Architecture, Entry] | None:
    """Return the first architecture that `state` fits in every name, shape and type, its entry."""
    return next(iter(fitting(state)), None)


def fitting(state: Mapping[str, Tensor]) -> Iterator[tuple[Architecture, Entry]]:
    """Yield the architectures that `state` fits in every name, shape and type, and an entry each.

    There may be several: networks of the same weights may differ in what they do with them.
    """
    for architecture in architectures().values():
        classes = architecture.classes(shapes_of(state))
        if classes is None:
            continue
        entry = entry_for(architecture, classes)
        wanted = skeleton(architecture, entry).state_dict()
        if not differences(wanted, adapt(architecture, state)):
            yield architecture, entry


def _families() -> list[Any]:
    """Import the packages of all families of networks."""
    return [import_family(name) for name in NETWORKS]

"""Hold the names in an index, and find those that a query means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any

from actloc_ros.recordings.search.query import Named, QueryError
from actloc_ros.recordings.search.words import Meaning, find_labels, unknown

PATTERN = frozenset('*?')


@dataclass(frozen=True)
class Catalogue:
    """The names in an index, with their numbers in its tables.

    Attributes:
        labels: Number by label.
        zones: Number by zone.
        cameras: Names of cameras.
        recordings: Numbers by path; several where several models ran on it.
        models: Names of models.
        first: The earliest stamp with a time of day, in ns; 0 without one.
        last: The latest.
        without_clock: Views whose stamps are no times of day.
        views: Of how many; they are numbered from 0.
        instances: How many there are.
    """

    labels: dict[str, int]
    zones: dict[str, int]
    cameras: tuple[str, ...]
    recordings: dict[str, list[int]]
    models: tuple[str, ...]
    first: int = 0
    last: int = 0
    without_clock: int = 0
    views: int = 0
    instances: int = 0
    _meanings: dict[str, Meaning] = field(default_factory=dict, repr=False, compare=False)

    def meaning(self, words: str) -> Meaning:
        """Return the labels that words mean.

        Raises:
            QueryError: None is meant.
        """
        if words not in self._meanings:
            self._meanings[words] = find_labels(words, list(self.labels))
        return self._meanings[words]

    def named(self, condition: Named) -> list[Any]:
        """Return what a name stands for: numbers of zones or recordings, or names.

        Raises:
            QueryError: There is nothing of this name; the text names the nearest.
        """
        kinds: dict[str, tuple[Sequence[str], Any]] = {
            'zone': (tuple(self.zones), lambda names: [self.zones[name] for name in names]),
            'camera': (self.cameras, list),
            'model': (self.models, list),
            'recording': (
                tuple(self.recordings),
                lambda names: [number for name in names for number in self.recordings[name]],
            ),
        }
        known, numbers = kinds[condition.kind]
        found = _find(condition.name, known, whole=condition.kind != 'recording')
        if not found:
            short = known if condition.kind != 'recording' else [PurePath(k).name for k in known]
            raise QueryError(unknown(condition.kind, condition.name, short), condition.column)
        result: list[Any] = numbers(found)
        return result


def read_catalogue(connection: Any) -> Catalogue:
    """Read the names of the index that a DuckDB `connection` has open."""
    recordings: dict[str, list[int]] = {}
    models = set()
    for number, path, model in connection.execute(
        'SELECT recording, path, model FROM recordings'
    ).fetchall():
        recordings.setdefault(path, []).append(number)
        models.add(model)
    first, last, without, views = connection.execute(
        'SELECT min(start) FILTER (wall_clock), max("end") FILTER (wall_clock), '
        'count(*) FILTER (NOT wall_clock), count(*) FROM views'
    ).fetchone()
    (instances,) = connection.execute('SELECT count(*) FROM instances').fetchone()
    cameras = connection.execute('SELECT DISTINCT camera FROM views ORDER BY camera').fetchall()
    return Catalogue(
        dict(connection.execute('SELECT name, label FROM labels').fetchall()),
        dict(connection.execute('SELECT name, zone FROM zones').fetchall()),
        tuple(name for (name,) in cameras),
        recordings,
        tuple(sorted(models)),
        first or 0,
        last or 0,
        without,
        views,
        instances,
    )


def _find(name: str, known: Sequence[str], whole: bool) -> list[str]:
    """Return the names that `name` is, or fits as a pattern; without `whole` also ends of paths."""
    for fold in (str, str.casefold):
        asked = fold(name)
        for part in (str,) if whole else (str, _file_name, _stem):
            exact = [each for each in known if fold(part(each)) == asked]
            if exact:
                return exact
    if PATTERN & set(name):
        # A bracket is text, since names have them.
        pattern = name.replace('[', '[[]').casefold()
        return [
            each
            for each in known
            if fnmatchcase(each.casefold(), pattern)
            or (not whole and fnmatchcase(_file_name(each).casefold(), pattern))
        ]
    return []


def _file_name(path: str) -> str:
    return PurePath(path).name


def _stem(path: str) -> str:
    return PurePath(path).stem

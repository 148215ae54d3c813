"""Search an index: a query becomes hits, with what its words were taken for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from actloc_ros.frames import seconds
from actloc_ros.recordings.search.catalogue import Catalogue, read_catalogue
from actloc_ros.recordings.search.clock import Clock, open_clock
from actloc_ros.recordings.search.compile import Compiled, Sort, compile_query
from actloc_ros.recordings.search.parse import parse
from actloc_ros.recordings.search.query import Query
from actloc_ros.recordings.search.scope import EVERY, ranges
from actloc_ros.recordings.search.words import Meaning

FIXED = 5  # columns before those of the parts


@dataclass(frozen=True)
class Part:
    """One instance, or one track, of what was found.

    Attributes:
        label: What is done; empty where no action was asked for.
        track: Number of the actor in its view.
        start: In ns.
        end: In ns.
        score: In [0, 1].
        instance: Its number in the view; None of a track.
    """

    label: str
    track: int
    start: int
    end: int
    score: float | None
    instance: int | None


@dataclass(frozen=True)
class Hit:
    """One span of time that fulfils a query.

    Attributes:
        view: Number of the view in the index.
        number: Number of the view in its recording, from 0.
        recording: Path of the recording.
        model: Of the localizer.
        camera: Its name.
        zero: Stamp in ns of the recording's first frame: times of users count from it.
        start: In ns.
        end: In ns.
        track: Of the first actor; None where nobody is there.
        score: Least score of its parts, in [0, 1]; for an example the cosine similarity, in
            [-1, 1]. None where it has none.
        parts: In order of the query.
        wall_clock: Whether stamps are times of day.
    """

    view: int
    number: int
    recording: str
    model: str
    camera: str
    zero: int
    start: int
    end: int
    track: int | None
    score: float | None
    parts: tuple[Part, ...] = ()
    wall_clock: bool = False

    @property
    def label(self) -> str:
        """The labels of its parts, each once; empty where it has none."""
        return ', '.join(dict.fromkeys(part.label for part in self.parts if part.label))

    @property
    def span(self) -> tuple[float, float]:
        """Start and end in s from the recording's first frame."""
        return seconds(self.start - self.zero), seconds(self.end - self.zero)


@dataclass(frozen=True)
class Hits:
    """What was found.

    Attributes:
        hits: In order.
        more: Whether the limit left some out.
        meanings: What words were taken for.
        notes: What a user should know about the answer.
    """

    hits: tuple[Hit, ...]
    more: bool = False
    meanings: tuple[Meaning, ...] = ()
    notes: tuple[str, ...] = ()


class Searcher:
    """Answers queries about an index that is open in DuckDB."""

    def __init__(self, connection: Any, timezone: str | None = None) -> None:
        """Read the names of the index.

        Args:
            connection: To its `index.duckdb`, as `Index.connection`; it is only read.
            timezone: Of dates and times of day, such as `Europe/Berlin`; None for that of this
                computer.

        Raises:
            QueryError: There is no such time zone.
        """
        self._connection = connection
        self.catalogue: Catalogue = read_catalogue(connection)
        self.clock: Clock = open_clock(timezone, self.catalogue.first, self.catalogue.last)

    def search(self, query: Query | str, limit: int | None = 100, sort: Sort = 'time') -> Hits:
        """Return the spans of time that fulfil a query.

        Args:
            query: As data, or as text.
            limit: Most hits; None for all.
            sort: `time` is by recording, camera and time; `newest` by date, newest first; `score`
                and `duration` are from the greatest.

        Raises:
            QueryError: The text is no query, or names what the index does not have.
        """
        asked = parse(query) if isinstance(query, str) else query
        compiled = self.compile(asked, limit, sort)
        rows = self._rows(compiled, limit, sort)
        more = limit is not None and len(rows) > limit
        kept = rows[:limit] if more else rows
        hits = tuple(self._hits(kept, compiled.parts))
        return Hits(hits, more, compiled.meanings, tuple(self._notes(compiled)))

    def compile(self, query: Query, limit: int | None = None, sort: Sort = 'time') -> Compiled:
        """Return the statement of a query, for one row more than `limit`."""
        return compile_query(
            query, self.catalogue, self.clock, sort, None if limit is None else limit + 1
        )

    def scope(self, compiled: Compiled) -> list[int] | None:
        """Return the views in which alone a query may have hits, rising; None for all."""
        if not compiled.scope:
            return None
        found = self._connection.execute(compiled.scope, compiled.scope_parameters).fetchall()
        return [view for (view,) in found]

    def _rows(self, compiled: Compiled, limit: int | None, sort: Sort) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, up to one more than `limit`."""
        scope = self.scope(compiled)
        if limit is None or sort != 'time':
            whole = EVERY if scope is None else {**EVERY, 'scope': scope}
            return self._fetch(compiled, whole)
        rows: list[tuple[Any, ...]] = []
        # By view, as they are sorted, so that what is common is found without reading all.
        for part in ranges(scope, self.catalogue.views, self.catalogue.instances):
            rows += self._fetch(compiled, part)
            if len(rows) > limit:
                break
        return rows[: limit + 1]

    def _fetch(self, compiled: Compiled, part: dict[str, Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection.execute(
            compiled.sql, {**compiled.parameters, **part}
        ).fetchall()
        return found

    def _hits(self, rows: list[tuple[Any, ...]], parts: int) -> Iterator[Hit]:
        views = self.views({row[0] for row in rows})
        wanted = {
            (row[0], row[FIXED + 2 * number])
            for row in rows
            for number in range(parts)
            if row[FIXED + 2 * number] is not None
        }
        instances = self._instances(wanted)
        for view, start, end, score, track, *columns in rows:
            found = []
            for instance, of_track in zip(columns[::2], columns[1::2], strict=True):
                if instance is not None:
                    found.append(instances[view, instance])
                elif of_track is not None:
                    found.append(Part('', of_track, start, end, None, None))
            first = found[0].track if found else track
            yield Hit(
                view, *views[view][:5], start, end, first, score, tuple(found), views[view][5]
            )

    def views(self, numbers: set[int]) -> dict[int, tuple[int, str, str, str, int, bool]]:
        """Return number, path, model, camera, start and clock of views, by their number."""
        found = self._connection.execute(
            'SELECT v.view, v.number, r.path, r.model, v.camera, r.start, v.wall_clock '
            'FROM views v JOIN recordings r ON r.recording = v.recording '
            'WHERE v.view IN (SELECT unnest($views::INTEGER[]))',
            {'views': list(numbers)},
        ).fetchall()
        return {row[0]: row[1:] for row in found}

    def _instances(self, wanted: set[tuple[int, int]]) -> dict[tuple[int, int], Part]:
        if not wanted:
            return {}
        keys = sorted(wanted)
        found = self._connection.execute(
            'SELECT i.view, i.instance, l.name, i.track, i.start, i."end", i.score '
            'FROM (SELECT unnest($views::INTEGER[]) AS view, unnest($numbers::INTEGER[]) AS '
            'instance) k JOIN instances i ON i.view = k.view AND i.instance = k.instance '
            'JOIN labels l ON l.label = i.label WHERE i.view BETWEEN $first AND $last',
            {
                'views': [view for view, _ in keys],
                'numbers': [number for _, number in keys],
                'first': keys[0][0],
                'last': keys[-1][0],
            },
        ).fetchall()
        return {
            (view, number): Part(label, track, start, end, score, number)
            for view, number, label, track, start, end, score in found
        }

    def _notes(self, compiled: Compiled) -> Iterator[str]:
        catalogue = self.catalogue
        if compiled.asks_for_clock and catalogue.without_clock:
            yield (
                f'{catalogue.without_clock} of {catalogue.views} camera views have no time of day, '
                'and were left out'
            )
        several = sum(len(numbers) > 1 for numbers in catalogue.recordings.values())
        if several and not compiled.names_model:
            yield (
                f'{several} recordings were indexed more than once, by the models '
                f'{", ".join(catalogue.models)}; add: model NAME, for one of them'
            )

"""Find what is like an example: the nearest vectors of parts of tracks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.recordings.index.open import Index
from actloc_ros.recordings.search.engine import Hit, Hits, Part, Searcher
from actloc_ros.recordings.search.parse import parse
from actloc_ros.recordings.search.query import Named, Query, QueryError
from actloc_ros.recordings.search.scope import EVERY

MOMENT = re.compile(r'(?P<recording>.+)@(?P<time>\d+(\.\d*)?)s?(#(?P<track>\d+))?', re.DOTALL)
OVERSAMPLING = 10  # so many times more are taken from a graph, and ordered exactly
FILTERED = 2000  # nearest ones among which those that fulfil a query are looked for


class By(Enum):
    """By which vectors parts of tracks are alike; the value is their table."""

    MOTION = 'segments'
    APPEARANCE = 'appearances'


# Columns of `recordings` that say what made the vectors.
MADE_BY = {By.MOTION: ('model', 'weights'), By.APPEARANCE: ('words', 'words_weights')}


@dataclass(frozen=True, eq=False)
class Example:
    """What is looked for.

    Attributes:
        model: Name of the model that made the vectors.
        weights: Hash of its weights.
        vectors: float32 (N, D), N above 0: of one actor each.
        own: Rows of the index that are the example itself.
        by: Of which vectors these are some.
    """

    model: str
    weights: str
    vectors: np.ndarray
    own: frozenset[int] = frozenset()
    by: By = By.MOTION


def moment_of(text: str) -> tuple[str, float, int | None] | None:
    """Return recording, time in s and track of a text such as `hall.mp4@12.4s` or `…@12.4s#3`.

    None where it is no such text.
    """
    found = MOMENT.fullmatch(text)
    if found is None:
        return None
    track = found['track']
    return found['recording'], float(found['time']), None if track is None else int(track)


def example_at(
    index: Index,
    searcher: Searcher,
    recording: str,
    time: float,
    track: int | None = None,
    by: By = By.MOTION,
) -> list[Example]:
    """Return the actors at a time of a recording as examples, one for each model that indexed it.

    Args:
        index: Open.
        searcher: Of the same index.
        recording: Its path, file name, or that without end.
        time: In s from its first frame.
        track: Of one actor; None for all that are there.
        by: Which vectors are meant.

    Raises:
        QueryError: There is no such recording, or nobody there at that time.
    """
    made_by = ', '.join(f'r.{column}' for column in MADE_BY[by])
    numbers = searcher.catalogue.named(Named('recording', recording))
    rows = index.connection.execute(
        f'SELECT {made_by}, s.vector FROM {by.value} s '  # noqa: S608 - names of ours
        'JOIN views v ON v.view = s.view JOIN recordings r ON r.recording = v.recording '
        'WHERE r.recording IN (SELECT unnest($recordings::INTEGER[])) '
        'AND s.start <= r.start + $time AND s."end" >= r.start + $time '
        'AND coalesce(s.track = $track, true) ORDER BY s.vector',
        {'recordings': numbers, 'time': nanoseconds(time), 'track': track},
    ).fetchall()
    found = []
    for model in sorted({row[:2] for row in rows}):
        own = np.array([row[2] for row in rows if row[:2] == model], np.int64)
        stored = index.vectors(*model)
        if len(stored):
            name, weights = model
            found.append(Example(name, weights, stored.rows(own), frozenset(own.tolist()), by))
    if not found:
        who = 'nobody' if track is None else f'no track {track}'
        raise QueryError(
            f'{recording} has {who} with a vector at {time:g} s; name a time at which somebody is '
            'in view'
        )
    return found


def search_like(
    index: Index,
    searcher: Searcher,
    examples: Sequence[Example],
    query: Query | str | None = None,
    limit: int = 100,
    exact: bool = False,
) -> Hits:
    """Return the parts of tracks that are most like examples, the most alike first.

    Args:
        index: Open.
        searcher: Of the same index.
        examples: At least one; a hit counts by that to which it is most alike.
        query: What hits must fulfil besides: they overlap a span of it, of the same actor.
        limit: Most hits.
        exact: Compare with each vector, also where there is a graph: slow, for measurements.

    Raises:
        QueryError: The query cannot be answered.
        RecordingsError: Vectors are missing, or an example's are of another length.
    """
    asked = parse(query) if isinstance(query, str) else query
    wanted = limit if asked is None else max(limit, FILTERED)
    found: list[tuple[float, tuple[Any, ...]]] = []
    for example in examples:
        cosines = _nearest(index, example, wanted, exact)
        rows = _segments(index, searcher, example, list(cosines), asked)
        found += [(cosines[row[4]], row) for row in rows]
    found.sort(key=lambda each: (-each[0], each[1][:4]))
    kept = found[:limit]
    hits = _hits(index, searcher, kept)
    meanings = () if asked is None else searcher.compile(asked).meanings
    return Hits(tuple(hits), len(found) > limit, meanings)


def _nearest(index: Index, example: Example, count: int, exact: bool) -> dict[int, float]:
    """Return cosines by row, of the nearest to any vector of an example."""
    stored = index.vectors(example.model, example.weights)
    found: dict[int, float] = {}
    taken = count + len(example.own)
    for vector in example.vectors:
        rows, cosines = stored.nearest(vector, taken if exact else OVERSAMPLING * taken, exact)
        for row, cosine in zip(rows[:taken].tolist(), cosines[:taken].tolist(), strict=True):
            if row not in example.own:
                found[row] = max(cosine, found.get(row, -1.0))
    return found


def _segments(
    index: Index, searcher: Searcher, example: Example, rows: list[int], query: Query | None
) -> list[tuple[Any, ...]]:
    """Return view, track, start, end and row of the segments that fulfil a query."""
    parameters: dict[str, Any] = {
        'rows': rows,
        'model': example.model,
        'weights': example.weights,
    }
    model, weights = MADE_BY[example.by]
    parts: tuple[str, ...] = (
        'SELECT g.view, g.track, g.start, g."end", g.vector FROM',
        example.by.value,
        'g JOIN views v ON v.view = g.view JOIN recordings r ON r.recording = v.recording',
        f'WHERE r.{model} = $model AND r.{weights} = $weights',
        'AND g.vector IN (SELECT unnest($rows::BIGINT[]))',
    )
    if query is not None:
        compiled = searcher.compile(query)
        scope = searcher.scope(compiled)
        parameters |= {**compiled.parameters, **EVERY}
        parameters |= {} if scope is None else {'scope': scope}
        parts += (
            'AND EXISTS (SELECT 1 FROM (',
            compiled.sql,
            ') f WHERE f.view = g.view AND (f.track = g.track OR f.track IS NULL)',
            'AND f.start <= g."end" AND f."end" >= g.start)',
        )
    return index.connection.execute(' '.join(parts), parameters).fetchall()


def _hits(
    index: Index, searcher: Searcher, found: list[tuple[float, tuple[Any, ...]]]
) -> list[Hit]:
    views = searcher.views({row[0] for _, row in found})
    parts = _parts(index, [row for _, row in found])
    hits = []
    for cosine, (view, track, start, end, row) in found:
        part = parts.get((view, row), Part('', track, start, end, None, None))
        facts = views[view]
        hits.append(Hit(view, *facts[:5], start, end, track, cosine, (part,), facts[5]))
    return hits


def _parts(index: Index, rows: list[tuple[Any, ...]]) -> dict[tuple[int, int], Part]:
    """Return what each segment's actor does for the longest part of it, by view and row."""
    if not rows:
        return {}
    columns = list(zip(*rows, strict=True))
    names = ('view', 'track', 'start', 'end', 'row')
    found = index.connection.execute(
        'SELECT k.view, k.row, l.name, i.track, i.start, i."end", i.score, i.instance FROM '
        '(SELECT unnest($view::INTEGER[]) AS view, unnest($track::INTEGER[]) AS track, '
        'unnest($start::BIGINT[]) AS start, unnest($end::BIGINT[]) AS "end", '
        'unnest($row::BIGINT[]) AS row) k JOIN instances i ON i.view = k.view '
        'AND i.track = k.track AND i.start <= k."end" AND i."end" >= k.start '
        'JOIN labels l ON l.label = i.label QUALIFY row_number() OVER (PARTITION BY k.view, k.row '
        'ORDER BY least(i."end", k."end") - greatest(i.start, k.start) DESC, i.instance) = 1',
        {name: list(column) for name, column in zip(names, columns, strict=True)},
    ).fetchall()
    return {(row[0], row[1]): Part(*row[2:]) for row in found}

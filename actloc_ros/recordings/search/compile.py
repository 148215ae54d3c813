"""Turn a query into one statement of SQL with parameters, for DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from actloc_ros.frames import nanoseconds
from actloc_ros.recordings.search.catalogue import Catalogue
from actloc_ros.recordings.search.clock import Clock
from actloc_ros.recordings.search.conditions import Conditions
from actloc_ros.recordings.search.query import (
    Action,
    And,
    Anything,
    Named,
    Nobody,
    Not,
    Or,
    Query,
    QueryError,
    Somebody,
    Then,
    While,
    With,
    is_condition,
    walk,
)
from actloc_ros.recordings.search.relation import (
    SPAN,
    Relation,
    Statement,
    actors_of,
    letters_agree,
    of,
    parts_of,
    select,
)
from actloc_ros.recordings.search.scope import IN_RANGE, IN_SCOPE, view_scope
from actloc_ros.recordings.search.words import Meaning

Sort = Literal['time', 'newest', 'score', 'duration']
ORDERS: dict[str, str] = {
    'time': 's.view, s.start, s."end"',
    'newest': 's.start DESC, s.view',
    'score': 's.score DESC NULLS LAST, s.view, s.start',
    'duration': 's."end" - s.start DESC, s.view, s.start',
}
# What has no length takes one nanosecond here, so that it may lie inside of something else.
OVERLAP = (
    'a.start < greatest(b."end", b.start + 1)',
    'b.start < greatest(a."end", a.start + 1)',
)


@dataclass(frozen=True)
class Compiled:
    """A statement, and what was taken for what.

    No span reaches from one view into another, so that a query may be answered for some views after
    others.

    Attributes:
        sql: With named parameters. Its rows have view, start and end in ns, score and track, then
            for each part its instance and its track.
        parameters: By name; besides it takes those of `Range`.
        scope: A statement that lists the numbers of views, rising, in which alone there may be
            hits; empty where these are all.
        scope_parameters: By name.
        parts: How many parts a row has.
        meanings: What the words of the query were taken for, in order.
        asks_for_clock: Whether it asks for dates or times of day.
        names_model: Whether it says by which model.
    """

    sql: str
    parameters: dict[str, Any]
    scope: str
    scope_parameters: dict[str, Any]
    parts: int
    meanings: tuple[Meaning, ...]
    asks_for_clock: bool
    names_model: bool


def compile_query(
    query: Query, catalogue: Catalogue, clock: Clock, sort: Sort = 'time', limit: int | None = None
) -> Compiled:
    """Return the statement that finds what a query asks for.

    Args:
        query: What is looked for.
        catalogue: The names in the index.
        clock: For dates and times of day.
        sort: `time` is by recording, camera and time in it.
        limit: Most rows; None for all.

    Raises:
        QueryError: It names what the index does not have, or joins what cannot be joined.
    """
    scope, scope_parameters = view_scope(query, catalogue, clock)
    compiler = _Compiler(catalogue, clock, bool(scope))
    found = compiler.relation(query)
    columns = [of('s', column) for column in ('view', 'start', '"end"', 'score', 'track')]
    columns += [of('s', column) for column in found.part_columns]
    body = select(columns, f'{found.name} s', order=ORDERS[sort])
    if limit is not None:
        body = ' '.join((body, 'LIMIT', compiler.statement.bind(limit)))
    return Compiled(
        compiler.statement.text(body),
        compiler.statement.parameters,
        scope,
        scope_parameters,
        found.parts,
        tuple(dict.fromkeys(compiler.meanings)),
        compiler.conditions.asks_for_clock,
        any(isinstance(part, Named) and part.kind == 'model' for part in walk(query)),
    )


class _Compiler:
    def __init__(self, catalogue: Catalogue, clock: Clock, scoped: bool) -> None:
        self._range = [IN_RANGE, IN_SCOPE] if scoped else [IN_RANGE]
        self.statement = Statement()
        self.conditions = Conditions(self.statement, catalogue, clock)
        self.meanings: list[Meaning] = []
        self._catalogue = catalogue

    def relation(self, query: Query) -> Relation:
        """Add what finds a query's spans."""
        if is_condition(query):
            return self._filtered(self._instances('', None), query)
        if isinstance(query, Action):
            return self._instances(query.actor, self._labels(query))
        if isinstance(query, Anything):
            return self._instances(query.actor, None)
        if isinstance(query, Somebody):
            return self._tracks(query.actor)
        if isinstance(query, Nobody):
            return self._absence(query)
        if isinstance(query, And):
            return self._and(query)
        if isinstance(query, Or):
            return self._or(query)
        if isinstance(query, Not):
            return self._without(self._instances('', None), self.relation(query.inner), '=')
        if isinstance(query, Then):
            return self._then(query)
        if isinstance(query, (With, While)):
            return self._beside(query)
        raise TypeError(f'{query} is no query')

    # What there is.

    def _labels(self, query: Action) -> tuple[int, ...]:
        try:
            meaning = self._catalogue.meaning(query.words)
        except QueryError as error:
            raise QueryError(_hinted(str(error), query.words), query.column) from None
        self.meanings.append(meaning)
        return tuple(self._catalogue.labels[label] for label in meaning.labels)

    def _instances(self, actor: str, labels: tuple[int, ...] | None) -> Relation:
        columns = [*SPAN, 'instance AS p0', 'track AS t0', *_letter(actor)]
        where = list(self._range)
        if labels is not None:
            terms = [f'label = {self.statement.bind(label, "SMALLINT")}' for label in labels]
            where.append(f'({" OR ".join(terms)})')
        name = self.statement.add(select(columns, 'instances', where))
        return Relation(name, 1, tuple(actor))

    def _tracks(self, actor: str) -> Relation:
        columns = [*SPAN, 'NULL::INTEGER AS p0', 'track AS t0', *_letter(actor)]
        return Relation(self.statement.add(select(columns, 'tracks', self._range)), 1, tuple(actor))

    def _stays(self, actor: str, zone: Named) -> Relation:
        columns = [
            *('view', 'track', 'start', '"end"', 'NULL::REAL AS score'),
            *('NULL::INTEGER AS p0', 'track AS t0', *_letter(actor)),
        ]
        where = [*self._range, f'list_contains({self.conditions.zones(zone)}, zone)']
        return Relation(self.statement.add(select(columns, 'stays', where)), 1, tuple(actor))

    def _absence(self, query: Nobody) -> Relation:
        """Add the times of views that no span of what is absent covers."""
        spans = self.relation(query.of)
        where = [*self._range, *self._cameras_of_zones(query.of)]
        # A span without length at a view's start and end each, so that gaps there are found too.
        marks = ' UNION ALL '.join(
            (
                select(('view', 'start', '"end"'), spans.name),
                select(('view', 'start', 'start'), 'views', where),
                select(('view', '"end"', '"end"'), 'views', where),
            )
        )
        covered = ' '.join(
            (
                'max("end") OVER (PARTITION BY view ORDER BY start, "end"',
                'ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered',
            )
        )
        steps = select(('view', 'start', covered), f'({marks})')
        columns = (
            *('view', 'NULL::INTEGER AS track', 'covered AS start', 'start AS "end"'),
            'NULL::REAL AS score',
        )
        gaps = select(columns, f'({steps})', ['start > covered'])
        return Relation(self.statement.add(gaps), has_track=False)

    def _cameras_of_zones(self, query: Query) -> list[str]:
        """Return the term of views whose cameras see the zones of a query.

        An index does not say which camera sees a zone: it is one in which somebody was ever there.
        """
        zones = [node for node in walk(query) if isinstance(node, Named) and node.kind == 'zone']
        terms = []
        for zone in zones:
            seen = select(
                ('v.camera',),
                'stays z JOIN views v ON v.view = z.view',
                [f'list_contains({self.conditions.zones(zone)}, z.zone)'],
            )
            terms.append(' '.join(('camera IN (', seen, ')')))
        return terms

    # How it is joined.

    def _and(self, query: And) -> Relation:
        first, second = query.first, query.second
        if is_condition(first) or (isinstance(first, Not) and not isinstance(second, Not)):
            first, second = second, first
        if isinstance(first, Somebody) and isinstance(second, Named) and second.kind == 'zone':
            # The time in the zone, rather than the whole track that was there once.
            return self._stays(first.actor, second)
        found = self.relation(first)
        if is_condition(second):
            return self._filtered(found, second)
        if isinstance(second, Not):
            return self._without(found, self.relation(second.inner), '=')
        return self._overlapping(found, self.relation(second), '=')

    def _filtered(self, spans: Relation, condition: Query) -> Relation:
        body = select(['s.*'], f'{spans.name} s', [self.conditions.term(condition)])
        return self._named(spans, body)

    def _named(self, like: Relation, body: str) -> Relation:
        return replace(like, name=self.statement.add(body))

    def _beside(self, query: With | While) -> Relation:
        track = '<>' if isinstance(query, With) else ''
        first = self.relation(query.first)
        if isinstance(query.second, Not) and not is_condition(query.second):
            return self._without(first, self.relation(query.second.inner), track)
        return self._overlapping(first, self.relation(query.second), track)

    def _overlapping(self, first: Relation, second: Relation, track: str) -> Relation:
        """Add the times that two spans share; `track` compares their tracks, '' does not."""
        columns = [
            *('a.view', _track(first, second), 'greatest(a.start, b.start) AS start'),
            'least(a."end", b."end") AS "end"',
            *('least(a.score, b.score) AS score', *parts_of(first, second)),
            *actors_of(first, second),
        ]
        where = [*OVERLAP, *self._tracks_agree(first, second, track)]
        return self._joined(first, second, columns, where)

    def _tracks_agree(self, first: Relation, second: Relation, track: str) -> list[str]:
        letters = letters_agree(first, second)
        apart = bool(set(first.actors) ^ set(second.actors)) and first.actors and second.actors
        if track and first.has_track and second.has_track and not (track == '=' and apart):
            return [f'a.track {track} b.track', *letters]
        return letters

    def _joined(
        self,
        first: Relation,
        second: Relation,
        columns: list[str],
        where: list[str],
        qualify: str = '',
    ) -> Relation:
        source = f'{first.name} a JOIN {second.name} b ON a.view = b.view'
        name = self.statement.add(select(columns, source, where, qualify))
        actors = tuple(sorted({*first.actors, *second.actors}))
        has_track = first.has_track or second.has_track
        return Relation(name, first.parts + second.parts, actors, has_track)

    def _without(self, spans: Relation, other: Relation, track: str) -> Relation:
        terms = [*OVERLAP, 'a.view = b.view', *self._tracks_agree(spans, other, track)]
        return self._named(spans, self._anti(spans, other, terms))

    def _anti(self, spans: Relation, other: Relation, terms: list[str]) -> str:
        absent = select(['1'], f'{other.name} b', terms)
        return select(['a.*'], f'{spans.name} a', [' '.join(('NOT EXISTS (', absent, ')'))])

    def _or(self, query: Or) -> Relation:
        terms = list(_alternatives(query))
        labels: dict[str, tuple[int, ...]] = {}
        for term in terms:
            if isinstance(term, Action):
                labels[term.actor] = labels.get(term.actor, ()) + self._labels(term)
        # The labels of an actor are looked for at once.
        found = [
            self._instances(actor, tuple(dict.fromkeys(some))) for actor, some in labels.items()
        ]
        found += [self.relation(term) for term in terms if not isinstance(term, Action)]
        joined = found[0]
        for other in found[1:]:
            joined = self._either(joined, other)
        return joined

    def _either(self, first: Relation, second: Relation) -> Relation:
        """Add the spans of both, with NULL in columns that one of them lacks."""
        parts = max(first.parts, second.parts)
        actors = tuple(sorted({*first.actors, *second.actors}))
        bodies = []
        for one in (first, second):
            columns: list[str] = list(SPAN)
            for number in range(parts):
                for letter in 'pt':
                    column = f'{letter}{number}'
                    columns.append(column if number < one.parts else f'NULL::INTEGER AS {column}')
            for actor in actors:
                column = f'actor_{actor}'
                columns.append(column if actor in one.actors else f'NULL::INTEGER AS {column}')
            bodies.append(select(columns, one.name))
        name = self.statement.add(' UNION '.join(bodies))
        return Relation(name, parts, actors, first.has_track and second.has_track)

    def _then(self, query: Then) -> Relation:
        first = self.relation(query.first)
        start, end = (of('a', column) for column in first.last_columns)
        later = ['a.view = b.view', f'b.start > {start}']
        within = None
        if query.within is not None:
            within = self.statement.bind(nanoseconds(query.within))
            later.append(f'b.start - {end} <= {within}')
        if isinstance(query.second, Not) and not is_condition(query.second):
            return self._then_not(first, query, query.second, later, within)
        second = self.relation(query.second)
        where = [*later[1:], *self._tracks_agree(first, second, '=')]
        columns = [
            *('a.view', _track(second, first, 'b', 'a'), 'a.start'),
            'greatest(a."end", b."end") AS "end"',
            *('least(a.score, b.score) AS score', *parts_of(first, second)),
            *actors_of(first, second),
            *('a."end" AS ended', 'b.start AS last_start', 'b."end" AS last_end'),
        ]
        # Of all pairs those remain in which each is the nearest to the other.
        seconds = [of('b', column) for column in second.key]
        nearest = _first_of(seconds, f'{end} DESC, {start} DESC, a.start DESC')
        pairs = replace(self._joined(first, second, columns, where, nearest), ordered=True)
        kept = [*SPAN, *pairs.part_columns, *(f'actor_{letter}' for letter in pairs.actors)]
        kept += pairs.last_columns
        firsts = ('view', 'start', 'ended', *first.part_columns)
        nearest = _first_of(firsts, 'last_start, last_end')
        body = select(
            kept,
            pairs.name,
            qualify=nearest,
        )
        return self._named(pairs, body)

    def _then_not(
        self, first: Relation, query: Then, second: Not, later: list[str], within: str | None
    ) -> Relation:
        """Add the spans that nothing follows in time, prolonged by that time."""
        if within is None:
            raise QueryError(
                'then not … needs within, such as: then not standing within 30 s', query.column
            )
        other = self.relation(second.inner)
        alone = self._anti(first, other, [*later, *self._tracks_agree(first, other, '=')])
        until = f'{of("a", first.last_columns[1])} + {within}'
        columns = ['a.view', 'a.track', 'a.start', f'{until} AS "end"', 'a.score']
        columns += [*parts_of(first, None), *(f'a.actor_{letter}' for letter in first.actors)]
        source = ' '.join(('(', alone, ') a JOIN views v ON v.view = a.view'))
        # Where the recording ends before, nobody knows.
        body = select(columns, source, [f'{until} <= v."end"'])
        return replace(self._named(first, body), ordered=False)


def _letter(actor: str) -> tuple[str, ...]:
    return (f'track AS actor_{actor}',) if actor else ()


def _track(first: Relation, second: Relation, one: str = 'a', other: str = 'b') -> str:
    """Return the track of what is joined: that of the first which has one."""
    return of(one if first.has_track or not second.has_track else other, 'track')


def _first_of(columns: Sequence[str], order: str) -> str:
    """Return what keeps the first row, in an order, of those with the same columns."""
    return f'row_number() OVER (PARTITION BY {", ".join(columns)} ORDER BY {order}) = 1'


def _alternatives(query: Query) -> Iterator[Query]:
    """Yield what is joined by `or`, however it is bracketed."""
    if isinstance(query, Or) and not is_condition(query):
        yield from _alternatives(query.first)
        yield from _alternatives(query.second)
    else:
        yield query


def _hinted(text: str, words: str) -> str:
    """Add the keyword that may be meant."""
    from actloc_ros.recordings.search.parse import keyword_meant

    keyword = keyword_meant(words)
    return text if keyword is None else f'{text}; or is the word {keyword} meant?'

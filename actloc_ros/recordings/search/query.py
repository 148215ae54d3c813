"""Define queries of an index as data: what is looked for, and the same as Python functions.

`action('walking').then(action('falling'), within=10) & camera('hall')` is what the text `walking
then falling within 10 s and camera hall` is read into. A query stands for spans of time in the
view of one camera, most of one actor. A condition alone stands for all instances that fulfil it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from typing import Literal

from actloc_ros.recordings.index.model import RecordingsError

Comparison = Literal['>=', '>', '<=', '<']
MOST_NODES = 100  # of a query: far more than a person writes, few enough for any stack


class QueryError(RecordingsError):
    """A query that cannot be answered; the text says where and why, in one line.

    Attributes:
        column: Where in the query's text, from 1; None where it has no text.
    """

    def __init__(self, text: str, column: int | None = None) -> None:
        super().__init__(text if column is None else f'column {column} of the query: {text}')
        self.column = column


@dataclass(frozen=True)
class Query:
    """Base of all queries, joined by `&`, `|`, `~`, `then`, `together_with` and `during`."""

    def __and__(self, other: Query) -> Query:
        """Join: the same actor does both at the same time; or one is a condition of the other."""
        return And(self, other)

    def __or__(self, other: Query) -> Query:
        """Join: either."""
        return Or(self, other)

    def __invert__(self) -> Query:
        """Return what the actor does without doing this, or where a condition does not hold."""
        return self.inner if isinstance(self, Not) else Not(self)

    def then(self, other: Query, within: float | None = None) -> Query:
        """Join: afterwards `other`, which begins at most `within` s after this ends."""
        return Then(self, other, within)

    def together_with(self, other: Query) -> Query:
        """Join: another actor of the same view does `other` at the same time."""
        return With(self, other)

    def during(self, other: Query) -> Query:
        """Join: `other` is at the same time in the same view, whoever does it."""
        return While(self, other)


@dataclass(frozen=True)
class Action(Query):
    """Instances of an action.

    Attributes:
        words: A label of the index, or words for one.
        actor: A letter, `A` to `Z`, that stands for the same actor wherever it is; '' for none.
        column: Where it is in the text, from 1; None without a text.
    """

    words: str
    actor: str = ''
    column: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Anything(Query):
    """All instances, whatever their label; `actor` as of `Action`."""

    actor: str = ''


@dataclass(frozen=True)
class Somebody(Query):
    """Whole tracks, or the stays of tracks where a zone is asked for; `actor` as of `Action`."""

    actor: str = ''


@dataclass(frozen=True)
class Nobody(Query):
    """Times of a view during which `of` is not there, with its conditions."""

    of: Query


@dataclass(frozen=True)
class And(Query):
    """The same actor does both at the same time, or a query with a condition."""

    first: Query
    second: Query


@dataclass(frozen=True)
class Or(Query):
    """Either."""

    first: Query
    second: Query


@dataclass(frozen=True)
class Not(Query):
    """A condition that does not hold, or what is done without `inner`."""

    inner: Query


@dataclass(frozen=True)
class Then(Query):
    """One after the other, `within` in s from the end of the first to the start of the second."""

    first: Query
    second: Query
    within: float | None = None
    column: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class With(Query):
    """Another actor does `second` at the same time."""

    first: Query
    second: Query


@dataclass(frozen=True)
class While(Query):
    """`second` is at the same time in the same view, whoever does it."""

    first: Query
    second: Query


@dataclass(frozen=True)
class Condition(Query):
    """Base of what a span fulfils or does not."""


@dataclass(frozen=True)
class Named(Condition):
    """Where or by what: a zone, a camera, a recording, a model.

    Attributes:
        kind: Of what the name is.
        name: Of the index; `*` and `?` stand for any text and any character.
        column: Where it is in the text, from 1; None without a text.
    """

    kind: Literal['zone', 'camera', 'recording', 'model']
    name: str
    column: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class OfTrack(Condition):
    """The actor has this number in its recording."""

    track: int


@dataclass(frozen=True)
class Score(Condition):
    """The score compares so with `value`, in [0, 1]."""

    comparison: Comparison
    value: float


@dataclass(frozen=True)
class Lasting(Condition):
    """The duration compares so with `value`, in s."""

    comparison: Comparison
    value: float


@dataclass(frozen=True)
class AtTime(Condition):
    """It begins in [after, before), times of day; over midnight where `before` is the earlier."""

    after: time
    before: time


@dataclass(frozen=True)
class OnDates(Condition):
    """It begins in [after, before), dates and times; None where there is no bound."""

    after: datetime | None
    before: datetime | None


@dataclass(frozen=True)
class AtOffset(Condition):
    """It begins in [after, before), in s from the recording's start; None without a bound."""

    after: float | None
    before: float | None


def action(words: str, actor: str = '') -> Query:
    """Return a query for instances of an action: a label, or words for it."""
    return Action(words, actor)


def zone(name: str) -> Query:
    """Return the condition that the actor is in a zone at that time."""
    return Named('zone', name)


def camera(name: str) -> Query:
    """Return the condition that a camera of this name saw it."""
    return Named('camera', name)


def recording(name: str) -> Query:
    """Return the condition that it is in a recording: its path, file name, or that without end."""
    return Named('recording', name)


def model(name: str) -> Query:
    """Return the condition that a model of this name found it."""
    return Named('model', name)


def track(number: int) -> Query:
    """Return the condition that the actor has this track number in its recording."""
    return OfTrack(number)


def score(least: float) -> Query:
    """Return the condition of a score in [0, 1] of at least this."""
    return Score('>=', least)


def lasting(least: float) -> Query:
    """Return the condition of a duration in s of at least this."""
    return Lasting('>=', least)


def nobody(of: Query | None = None) -> Query:
    """Return a query for the times of a view without anybody, or without `of`."""
    return Nobody(of or Somebody())


def is_condition(query: Query) -> bool:
    """Say whether a query is a condition: nothing in it says what is looked for."""
    if isinstance(query, Not):
        return is_condition(query.inner)
    if isinstance(query, (And, Or)):
        return is_condition(query.first) and is_condition(query.second)
    return isinstance(query, Condition)


def walk(query: Query) -> Iterator[Query]:
    """Yield a query and all that it consists of, in order of the text."""
    waiting = [query]
    while waiting:
        node = waiting.pop()
        yield node
        parts = [getattr(node, each.name) for each in fields(node)]
        waiting += reversed([part for part in parts if isinstance(part, Query)])

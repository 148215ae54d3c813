"""Narrow a search to views: those that a query allows at all, some of them at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actloc_ros.recordings.search.catalogue import Catalogue
from actloc_ros.recordings.search.clock import Clock
from actloc_ros.recordings.search.conditions import Conditions
from actloc_ros.recordings.search.query import (
    And,
    Named,
    Not,
    OnDates,
    Or,
    Query,
    Then,
    While,
    With,
    is_condition,
)
from actloc_ros.recordings.search.relation import Statement, select

IN_RANGE = 'view BETWEEN $first AND $last'
IN_SCOPE = 'view IN (SELECT unnest($scope::INTEGER[]))'
EVERY = {'first': 0, 'last': 2**31 - 1}
BEGINNING = 250_000  # instances in the views that are searched first
GROWTH = 4  # by which so many more are searched next


def view_scope(query: Query, catalogue: Catalogue, clock: Clock) -> tuple[str, dict[str, Any]]:
    """Return a statement that lists the views in which a query may have hits, with parameters.

    The statement is empty where the query does not narrow them.

    Raises:
        QueryError: It names what the index does not have.
    """
    statement = Statement()
    conditions = Conditions(statement, catalogue, clock)
    terms = []
    for term in _needed(query):
        if _is_of_view(term):
            terms.append(conditions.term(term))
        elif isinstance(term, OnDates):
            terms.append('s.wall_clock')
            if term.after is not None:
                terms.append(f's."end" >= {statement.bind(clock.stamp(term.after))}')
            if term.before is not None:
                terms.append(f's.start < {statement.bind(clock.stamp(term.before))}')
    if not terms:
        return '', {}
    return select(('s.view',), 'views s', terms, order='s.view'), statement.parameters


def ranges(views: list[int] | None, count: int, instances: int) -> Iterator[dict[str, Any]]:
    """Yield the parameters for some views at a time, in order, at first for few.

    Args:
        views: Numbers of the views to search, rising; None for all.
        count: How many views the index has.
        instances: How many instances it has.
    """
    many = count if views is None else len(views)
    step = max(1, BEGINNING * max(count, 1) // max(instances, 1))
    first = 0
    while first < many:
        last = min(first + step, many)
        if views is None:
            yield {'first': first, 'last': last - 1}
        else:
            yield {'first': views[first], 'last': views[last - 1], 'scope': views[first:last]}
        first, step = last, GROWTH * step


def _needed(query: Query) -> Iterator[Query]:
    """Yield conditions without which there is no hit."""
    if is_condition(query) and not isinstance(query, And):
        yield query
    elif isinstance(query, (And, Then, With, While)):
        yield from _needed(query.first)
        yield from _needed(query.second)


def _is_of_view(condition: Query) -> bool:
    """Say whether a condition holds for all of a view or for nothing of it."""
    if isinstance(condition, Not):
        return _is_of_view(condition.inner)
    if isinstance(condition, (And, Or)):
        return _is_of_view(condition.first) and _is_of_view(condition.second)
    return isinstance(condition, Named) and condition.kind != 'zone'

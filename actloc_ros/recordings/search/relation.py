"""Compose SQL of fixed fragments: spans of time as relations, values always as parameters.

No text of a user becomes SQL. What varies is which of these fragments stand where, column names
with numbers, and letters of actors, which the grammar limits to A to Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SPAN = ('view', 'track', 'start', '"end"', 'score')


@dataclass(frozen=True)
class Relation:
    """A common table expression of spans.

    Its columns are those of `SPAN`; `pN`, `tN` for each part: the instance's number, or NULL where
    the part is no instance, and its track; and `actor_X` for each letter.

    Attributes:
        name: Of the expression.
        parts: How many parts a span has.
        actors: Letters of actors, sorted.
        has_track: Whether a span is of an actor; else its track is NULL.
        ordered: Whether it is a sequence. It has columns `last_start` and `last_end` then, of its
            last step: what follows, follows that.
    """

    name: str
    parts: int = 0
    actors: tuple[str, ...] = ()
    has_track: bool = True
    ordered: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell one span from another."""
        return ('view', 'start', '"end"', *self.part_columns)

    @property
    def last_columns(self) -> tuple[str, str]:
        """The columns of when the last step begins and ends."""
        return ('last_start', 'last_end') if self.ordered else ('start', '"end"')

    @property
    def part_columns(self) -> tuple[str, ...]:
        """The columns of the parts."""
        return tuple(name for number in range(self.parts) for name in (f'p{number}', f't{number}'))


class Statement:
    """Collects common table expressions and parameters, and makes one statement of them."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}
        self._expressions: list[str] = []

    def bind(self, value: Any, kind: str = '') -> str:
        """Return a parameter that holds `value`, cast to the SQL type `kind` where it is given."""
        name = f'v{len(self.parameters)}'
        self.parameters[name] = value
        return f'${name}::{kind}' if kind else f'${name}'

    def add(self, body: str) -> str:
        """Add an expression, and return its name."""
        name = f'q{len(self._expressions)}'
        self._expressions.append(' '.join((name, 'AS (', body, ')')))
        return name

    def text(self, body: str) -> str:
        """Return the statement that ends with `body`."""
        return ' '.join(('WITH', ', '.join(self._expressions), body))


def select(
    columns: Sequence[str],
    source: str,
    where: Sequence[str] = (),
    qualify: str = '',
    order: str = '',
) -> str:
    """Return a SELECT of fragments; the parts of `where` are joined by AND."""
    found = ['SELECT', ', '.join(columns), 'FROM', source]
    if where:
        found += ['WHERE', ' AND '.join(where)]
    if qualify:
        found += ['QUALIFY', qualify]
    if order:
        found += ['ORDER BY', order]
    return ' '.join(found)


def of(alias: str, column: str) -> str:
    """Return a column of an alias."""
    return f'{alias}.{column}'


def parts_of(
    first: Relation, second: Relation | None, aliases: tuple[str, str] = ('a', 'b')
) -> list[str]:
    """Return the part columns of two relations beside each other, numbered on."""
    found = [of(aliases[0], column) for column in first.part_columns]
    if second is not None:
        for number in range(second.parts):
            for letter in 'pt':
                found.append(f'{aliases[1]}.{letter}{number} AS {letter}{first.parts + number}')
    return found


def actors_of(first: Relation, second: Relation) -> list[str]:
    """Return the actor columns of two joined relations."""
    return [f'a.actor_{letter}' for letter in first.actors] + [
        f'b.actor_{letter}' for letter in second.actors if letter not in first.actors
    ]


def letters_agree(first: Relation, second: Relation) -> list[str]:
    """Return the terms by which a letter is one actor, and different letters are different."""
    found = []
    for one in first.actors:
        for other in second.actors:
            if one == other:
                found.append(f'a.actor_{one} = b.actor_{other}')
            elif one not in second.actors and other not in first.actors:
                found.append(f'a.actor_{one} <> b.actor_{other}')
    return found

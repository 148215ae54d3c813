"""Read a query's text by the grammar, and say where it is wrong."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedToken, VisitError

from actloc_ros.recordings.search.grammar import GRAMMAR
from actloc_ros.recordings.search.query import (
    MOST_NODES,
    Action,
    And,
    Anything,
    AtOffset,
    AtTime,
    Comparison,
    Lasting,
    Named,
    Nobody,
    OfTrack,
    OnDates,
    Or,
    Query,
    QueryError,
    Score,
    Somebody,
    Then,
    While,
    With,
    walk,
)

LONGEST = 4000  # characters of a query
UNITS = {'ms': 0.001, 's': 1.0, 'm': 60.0, 'h': 3600.0}
DAY = timedelta(days=1)
MIDNIGHT = time(0)
PARTS_OF_DAY = {
    'morning': (time(6), time(12)),
    'afternoon': (time(12), time(18)),
    'evening': (time(18), time(22)),
    'night': (time(22), time(6)),
}
KEYWORDS = (
    *('then', 'and', 'or', 'not', 'with', 'while', 'within', 'nobody', 'zone', 'camera', 'score'),
    *('recording', 'model', 'track', 'between', 'after', 'before', 'longer', 'shorter', 'for'),
)
RESERVED = frozenset({'then', 'and', 'or', 'not', 'with', 'while', 'within', 'to', 'between'})
JOINS, CONDITIONS, THINGS, NUMBERS = {'THEN', 'OR'}, {'ZONE', 'SCORE'}, {'NOBODY'}, {'INT'}
LARGEST = 1e9  # a number, or a duration in s: 30 years


def parse(text: str) -> Query:
    """Return the query that `text` states.

    Raises:
        QueryError: It is no query; the text says in which column and what may stand there.
    """
    if len(text) > LONGEST:
        raise QueryError(f'a query has at most {LONGEST} characters; this one has {len(text)}')
    if not text.strip():
        raise QueryError('the query is empty; name an action, such as: falling', 1)
    query = _read(text)
    if sum(1 for _ in walk(query)) > MOST_NODES:
        raise QueryError(f'the query has more than {MOST_NODES} parts; ask in several')
    return query


def _read(text: str) -> Query:
    try:
        tree: Any = _parser().parse(text)
        return tree
    except UnexpectedToken as error:
        raise _refused(text, error) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise QueryError(
            f'{text[at]!r} cannot stand here; put names with other characters than letters and '
            'digits in quotes',
            at + 1,
        ) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    except LarkError as error:
        raise QueryError(' '.join(str(error).split())) from error


def _refused(text: str, error: Any) -> QueryError:
    """Return the error of an `UnexpectedToken`."""
    ended = error.token.type == '$END'
    column = len(text.rstrip()) if ended else error.token.start_pos
    found = 'the end' if ended else repr(str(error.token))
    allowed = set(error.accepts or error.expected)
    return QueryError(f'{found} cannot stand here; {_may_follow(allowed)}', column + 1)


def _may_follow(allowed: set[str]) -> str:
    """Say what may stand at a place, in the words of a user."""
    found = [
        words
        for some, words in (
            (THINGS, 'an action'),
            (JOINS, 'then, and, or, with, while'),
            (CONDITIONS, 'a condition such as in zone NAME, camera NAME, score >= 0.5, for 5 s'),
            (NUMBERS, 'a number'),
            ({'UNIT'}, 'a unit: ms, s, min or h'),
            ({'COMPARISON'}, 'one of >=, >, <=, <'),
            ({'CLOCK'}, 'a time such as 22:00, 2026-05-01 or 12.5 s'),
            ({'RPAR'}, 'a closing bracket'),
            ({'PART_OF_DAY'}, 'morning, afternoon, evening or night'),
        )
        if some & allowed
    ]
    if 'STRING' in allowed and 'NOBODY' not in allowed:
        found.append('a name')
    return 'expected ' + ('; or '.join(found) if found else 'the end of the query')


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser='lalr', transformer=_Builder(), maybe_placeholders=False)


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _unquoted(token: Token) -> str:
    if token.type != 'STRING':
        return str(token)
    inner = str(token)[1:-1]
    kept, escaped = [], False
    for character in inner:
        if character == '\\' and not escaped:
            escaped = True
            continue
        kept.append(character)
        escaped = False
    return ''.join(kept)


@v_args(inline=True)
class _Builder(Transformer):
    """Makes queries from the bottom up; a method has the name of its rule."""

    def either(self, first: Query, second: Query) -> Query:
        return Or(first, second)

    def both(self, first: Query, second: Query) -> Query:
        return And(first, second)

    def both_not(self, first: Query, second: Query) -> Query:
        return And(first, ~second)

    def negate(self, inner: Query) -> Query:
        return ~inner

    def together(self, first: Query, second: Query) -> Query:
        return With(first, second)

    def meanwhile(self, first: Query, second: Query) -> Query:
        return While(first, second)

    def order(self, first: Query, then: Token, *rest: Any) -> Query:
        (second,) = (each for each in rest if isinstance(each, Query))
        limits = [each for each in rest if not isinstance(each, Query)]
        if len(limits) > 1:
            raise QueryError('within is stated twice for one then; leave one out', _column(then))
        return Then(first, second, limits[0] if limits else None, _column(then))

    def limit(self, duration: float) -> float:
        return duration

    def phrase(self, *words: Token) -> tuple[str, int]:
        for word in words:
            if word.type == 'WORD' and word.lower() in RESERVED:
                raise QueryError(
                    f'{str(word)!r} cannot stand here; expected an action, or put it in quotes',
                    _column(word),
                )
        return ' '.join(map(_unquoted, words)), _column(words[0])

    def action(self, phrase: tuple[str, int]) -> Query:
        return Action(phrase[0], '', phrase[1])

    def anything(self, _: Token) -> Query:
        return Anything()

    def somebody(self, _: Token) -> Query:
        return Somebody()

    def by_actor(self, letter: Token, what: Query) -> Query:
        if isinstance(what, Action):
            return Action(what.words, str(letter), what.column)
        return Anything(str(letter)) if isinstance(what, Anything) else Somebody(str(letter))

    def actor(self, letter: Token) -> Query:
        return Somebody(str(letter))

    def nobody(self, _: Token, *parts: Any) -> Query:
        phrase = next((part for part in parts if isinstance(part, tuple)), None)
        of: Query = Somebody() if phrase is None else Action(phrase[0], '', phrase[1])
        for condition in parts:
            if isinstance(condition, Query):
                of = And(of, condition)
        return Nobody(of)

    def zone(self, name: tuple[str, int]) -> Query:
        return Named('zone', *name)

    def named(self, kind: Token, name: tuple[str, int]) -> Query:
        word: Any = str(kind).lower()
        return Named(word, *name)

    def track(self, number: Token) -> Query:
        if len(number) > 9:
            raise QueryError('there is no track of so high a number', _column(number))
        return OfTrack(int(number))

    def score(self, comparison: Comparison, value: float) -> Query:
        return Score(comparison, value)

    def at_least(self, duration: float) -> Query:
        return Lasting('>=', duration)

    def longer(self, duration: float) -> Query:
        return Lasting('>', duration)

    def shorter(self, duration: float) -> Query:
        return Lasting('<', duration)

    def compared(self, *parts: Any) -> Query:
        return Lasting(parts[0] if len(parts) > 1 else '>=', parts[-1])

    def between(self, after: Any, before: Any) -> Query:
        return _span(after, before)

    def after(self, moment: Any) -> Query:
        whole = _kind(moment) == 'date' and not isinstance(moment, datetime)
        return OnDates(_datetime(moment, True), None) if whole else _span(moment, None)

    def since(self, moment: Any) -> Query:
        return _span(moment, None)

    def before(self, moment: Any) -> Query:
        return OnDates(None, _datetime(moment)) if _kind(moment) == 'date' else _span(None, moment)

    def until(self, moment: Any) -> Query:
        return _span(None, moment)

    def on_date(self, token: Token) -> Query:
        day = _moment(token)
        return _span(day, day)

    def part_of_day(self, token: Token) -> Query:
        return AtTime(*PARTS_OF_DAY[str(token).lower()])

    def moment(self, what: Any) -> Any:
        return _moment(what) if isinstance(what, Token) else what

    def comparison(self, token: Token) -> Any:
        return {'≥': '>=', '≤': '<='}.get(str(token), str(token))

    def least(self) -> Comparison:
        return '>='

    def most(self) -> Comparison:
        return '<='

    def duration(self, number: float, unit: Token | None = None) -> float:
        short = 's' if unit is None else str(unit)
        return _bounded(number * UNITS['ms' if short == 'ms' else short[0]])

    def number(self, token: Token) -> float:
        return _bounded(float(token), _column(token))

    def name(self, *words: Token) -> tuple[str, int]:
        return ' '.join(map(_unquoted, words)), _column(words[0])


def _bounded(value: float, column: int | None = None) -> float:
    if value > LARGEST:
        raise QueryError(f'{value:g} is too much; the most is {LARGEST:g}', column)
    return value


def _moment(token: Token) -> date | datetime | time:
    """Return a date, a date with time, or a time of day."""
    text = str(token)
    hours = text.split(':')
    if token.type == 'CLOCK' and len(hours[0]) == 1:
        text = f'0{text}'
    if token.type == 'DATE_TIME' and len(text[11:].split(':')[0]) == 1:
        text = f'{text[:11]}0{text[11:]}'
    readers: dict[str, Any] = {
        'CLOCK': time.fromisoformat,
        'DATE': date.fromisoformat,
        'DATE_TIME': datetime.fromisoformat,
    }
    try:
        if token.type == 'CLOCK' and text.startswith('24:00'):
            return MIDNIGHT
        moment: date | datetime | time = readers[token.type](text)
        return moment
    except ValueError as error:
        raise QueryError(f'{token} is no date or time: {error}', _column(token)) from None


def _span(after: Any, before: Any) -> Query:
    """Return the condition for a span of times of day, of dates or of offsets."""
    kinds = {_kind(bound) for bound in (after, before) if bound is not None}
    if len(kinds) > 1:
        raise QueryError(f'{after} and {before} are not of a kind; give two times or two dates')
    (kind,) = kinds
    if kind == 'offset':
        return AtOffset(after, before)
    if kind == 'clock':
        if after == before:
            raise QueryError(f'between {after} and {before} is no time at all; give two times')
        return AtTime(after or MIDNIGHT, MIDNIGHT if before is None else before)
    return OnDates(_datetime(after), _datetime(before, whole_day=True))


def _kind(bound: Any) -> str:
    if isinstance(bound, float):
        return 'offset'
    return 'clock' if isinstance(bound, time) else 'date'


def _datetime(bound: date | datetime | None, whole_day: bool = False) -> datetime | None:
    """Return a bound; a date as an upper bound includes its day."""
    if bound is None or isinstance(bound, datetime):
        return bound
    try:
        return datetime.combine(bound, MIDNIGHT) + (DAY if whole_day else timedelta())
    except OverflowError:
        raise QueryError(f'{bound} is too late a date') from None


def keyword_meant(words: str) -> str | None:
    """Return the keyword that one of `words` nearly is; None without one."""
    for word in words.split():
        near = get_close_matches(word.lower(), KEYWORDS, 1, 0.75)
        if near and word.lower() not in KEYWORDS:
            return near[0]
    return None

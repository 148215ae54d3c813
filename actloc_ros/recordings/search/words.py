"""Find the labels that words mean: by name, inflection, synonym, or part of a label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from actloc_ros.recordings.search.query import QueryError
from actloc_ros.recordings.search.synonyms import SYNONYMS

# Base forms that simplemma does not give.
IRREGULAR = {'bent': 'bend', 'fell': 'fall', 'lay': 'lie', 'lain': 'lie', 'swinging': 'swing'}
FILLERS = frozenset(
    {'a', 'an', 'the', 'of', 'is', 'are', 'was', 'were', 'has', 'have', 'someone', 'somebody'}
    | {'person', 'people', 'man', 'woman', 'child', 'who', 'that', 'object', 'his', 'her', 'their'}
)
SHORTEST = 3  # letters of a stem
LISTED = 30  # names that a text lists
Form = frozenset[str]  # the base forms that a word may have
Phrase = tuple[Form, ...]


@dataclass(frozen=True)
class Meaning:
    """What words were taken for.

    Attributes:
        words: As asked.
        labels: Of the index, at least one.
        how: `name`, `inflection`, `synonym` or `part`.
    """

    words: str
    labels: tuple[str, ...]
    how: str

    def __str__(self) -> str:
        """Return it as a line of text."""
        return f'{self.words!r} is taken as {", ".join(self.labels)} ({self.how})'


def find_labels(words: str, labels: Sequence[str]) -> Meaning:
    """Return the labels that words mean.

    Args:
        words: One or several words of English, or a label itself.
        labels: Those of the index.

    Raises:
        QueryError: No label is meant; the text names the nearest.
    """
    folded = words.casefold().strip()
    named = tuple(label for label in labels if label.casefold() == folded)
    if named:
        return Meaning(words, named, 'name')
    asked = phrase_of(words)
    if asked:
        for how, found in _ways(asked, labels):
            if found:
                return Meaning(words, found, how)
    raise QueryError(unknown('action', words, labels))


def _ways(asked: Phrase, labels: Sequence[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield the ways to find labels, the closest first."""
    known = {label: _alternatives(label) for label in labels}
    yield 'inflection', _matching(known, [asked])
    for line in _synonyms():
        if any(_same(phrase, asked) for phrase in line):
            yield 'synonym', _matching(known, line)
    yield (
        'part',
        tuple(
            label
            for label, phrases in known.items()
            if any(_holds(phrase, asked) for phrase in phrases)
        ),
    )


def _matching(known: dict[str, list[Phrase]], wanted: Iterable[Phrase]) -> tuple[str, ...]:
    return tuple(
        label
        for label, phrases in known.items()
        if any(_same(phrase, one) for phrase in phrases for one in wanted)
    )


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the text that says that there is no such name, with the nearest known."""
    names = sorted({shown(each) for each in known})
    by_folded = {each.casefold(): each for each in names}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    if near:
        return f'there is no {what} {name!r} in the index (is {by_folded[near[0]]} meant?)'
    listed = ', '.join(names[:LISTED]) + (', …' if len(names) > LISTED else '') or 'none'
    return f'there is no {what} {name!r} in the index; there are {listed}'


def shown(text: str) -> str:
    """Return a text with what cannot be shown, such as a line break, as an escape."""
    return ''.join(
        letter if letter.isprintable() else letter.encode('unicode_escape').decode()
        for letter in text
    )


def phrase_of(text: str) -> Phrase:
    """Return the base forms of each word of a text that means something."""
    words = re.findall(r'[^\W_]+', re.sub(r'([a-z])([A-Z])', r'\1 \2', text))
    folded = [word.casefold() for word in words]
    return tuple(_forms(word) for word in folded if word not in FILLERS)


@lru_cache(maxsize=4096)
def _forms(word: str) -> Form:
    import simplemma  # takes some MB, which commands without words do not need

    found = {word, IRREGULAR.get(word, word), simplemma.lemmatize(word, lang='en').casefold()}
    for end in ('ing', 'ed', 'es', 's'):
        stem = word.removesuffix(end)
        if stem != word and len(stem) >= SHORTEST:
            found |= {stem, f'{stem}e'}
            if len(stem) > SHORTEST and stem[-1] == stem[-2]:
                found.add(stem[:-1])
            break
    return frozenset(found)


@lru_cache(maxsize=1024)
def _alternatives(label: str) -> list[Phrase]:
    """Return the phrases of a label such as `run/jog` or `carry/hold (an object)`."""
    plain = re.sub(r'\([^)]*\)', ' ', label)
    return [phrase for phrase in map(phrase_of, (plain, *plain.split('/'))) if phrase]


@lru_cache(maxsize=1)
def _synonyms() -> list[list[Phrase]]:
    return [[phrase_of(text) for text in line] for line in SYNONYMS]


def _same(one: Phrase, other: Phrase) -> bool:
    return len(one) == len(other) and all(a & b for a, b in zip(one, other, strict=True))


def _holds(phrase: Phrase, asked: Phrase) -> bool:
    """Say whether all words asked for are in a phrase, in any order."""
    return all(any(word & one for word in phrase) for one in asked)

"""Change bytes, texts and trees of values as damage, other programs and typing errors do."""

from __future__ import annotations

import codecs
import copy
import re
from collections.abc import Callable
from random import Random
from typing import Any

INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
MOST_CHANGES = 8
NUMBERS = (
    *('0', '-1', '1', '0.5', '-0.0', '1e1', '1e999', '-1e308', 'nan', 'NaN', 'inf', '.inf'),
    *('2147483648', '9223372036854775808', '18446744073709551616', '9' * 400, '1' * 5000),
    *('', '²', '٣', '0x10', '1_000', '1,5', ' 7 ', '+3', '00', 'null', 'true', '~', '"5"'),
)
TEXTS = (
    *(
        '',
        ' ',
        '\0',
        '\ufeff',
        '\u2028',
        '👋',
        'é',
        '\t',
        '"',
        "'",
        '\\',
        ':',
        '- ',
        '#',
        '&a',
        '*a',
    ),
    *(
        '{',
        '}',
        '[',
        ']',
        '<',
        '>',
        '<!--',
        ']]>',
        '&lt;',
        ',,',
        '\n\n',
        '\r',
        '../..',
        '/dev/null',
    ),
    *('%s', '!!python/object/apply:os.getcwd []', 'a' * 5000, '((((' * 100, '[' * 3000),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, '', 'x', '²', [], {}, [[]], {'': {}}, [None], 0, -1, 1, 0.5, 1e308),
    *(float('nan'), float('inf'), 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 'a' * 300),
    *([0] * 50, '../x', '/dev/null', 'nan'),
)
ENCODINGS = ('utf-8-sig', 'utf-16', 'utf-16-be', 'utf-32', 'latin-1')


def mutate_bytes(random: Random, data: bytes, most: int = MOST_CHANGES) -> bytes:
    """Return data with a few bytes changed, left out, doubled or moved."""
    changed = bytearray(data)
    for _ in range(random.randint(1, most)):
        random.choice(_CHANGES)(random, changed)
    return bytes(changed)


def _place(random: Random, data: bytearray) -> int:
    """Return a position, near the beginning as often as anywhere: there is what says the rest."""
    return random.randrange(min(len(data), random.choice((64, 512, len(data) or 1))) or 1)


def _flip(random: Random, data: bytearray) -> None:
    if data:
        data[_place(random, data)] ^= 1 << random.randrange(8)


def _random_byte(random: Random, data: bytearray) -> None:
    if data:
        data[_place(random, data)] = random.randrange(256)


def _integer(random: Random, data: bytearray) -> None:
    size = random.choice((1, 2, 4, 8))
    value = (random.choice(INTEGERS) + random.randint(-2, 2)) % 256**size
    at = _place(random, data)
    data[at : at + size] = value.to_bytes(size, random.choice(('little', 'big')))


def _remove(random: Random, data: bytearray) -> None:
    at = _place(random, data)
    del data[at : at + random.randint(1, 1 << random.randrange(12))]


def _repeat(random: Random, data: bytearray) -> None:
    at = _place(random, data)
    part = data[at : at + random.randint(1, 1 << random.randrange(10))]
    data[at:at] = part * random.randint(1, 3)


def _insert(random: Random, data: bytearray) -> None:
    at = _place(random, data)
    data[at:at] = random.randbytes(random.randint(1, 16))


def _fill(random: Random, data: bytearray) -> None:
    at, size = _place(random, data), random.randint(1, 1 << random.randrange(11))
    size = min(size, len(data) - at)
    data[at : at + size] = bytes([random.choice((0, 0xFF))]) * size


def _cut(random: Random, data: bytearray) -> None:
    if random.random() < 0.3:
        del data[random.randrange(len(data) or 1) :]


_CHANGES: tuple[Callable[[Random, bytearray], None], ...] = (
    *(_flip, _random_byte, _integer, _remove, _repeat, _insert, _fill, _cut),
)


def mutate_text(random: Random, text: str) -> bytes:
    """Return a text with other numbers, words and lines, in UTF-8 or as other programs write it."""
    for _ in range(random.randint(0, MOST_CHANGES // 2)):
        text = random.choice((_number, _number, _word, _line))(random, text)
    data = text.encode('utf-8', 'surrogatepass')
    kind = random.random()
    if kind < 0.1:
        return text.encode(random.choice(ENCODINGS), 'replace')
    if kind < 0.15:
        return codecs.BOM_UTF8 + text.replace('\n', '\r\n').encode('utf-8', 'replace')
    return mutate_bytes(random, data, 3) if kind < 0.35 else data


def _number(random: Random, text: str) -> str:
    return _exchange(random, text, r'-?\d+(\.\d+)?', NUMBERS)


def _word(random: Random, text: str) -> str:
    return _exchange(random, text, r'\w+|[^\w\s]', (*TEXTS, *NUMBERS))


def _exchange(random: Random, text: str, form: str, others: tuple[str, ...]) -> str:
    found = list(re.finditer(form, text))
    if not found:
        return text
    start, end = random.choice(found).span()
    return text[:start] + random.choice(others) + text[end:]


def _line(random: Random, text: str) -> str:
    lines = text.split('\n')
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    choice = random.randrange(4)
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines.insert(other, lines[at])
    elif choice == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = ' ' * random.randint(1, 4) + lines[at]
    return '\n'.join(lines)


def mutate_tree(random: Random, tree: Any) -> Any:
    """Return a copy of nested lists and dictionaries of which a few values are others."""
    root = [copy.deepcopy(tree)]
    for _ in range(random.randint(1, MOST_CHANGES // 2)):
        places = list(_places(root))
        holder, key = random.choice(places)
        choice = random.randrange(6)
        if choice == 0 and holder is not root:
            del holder[key]
        elif choice == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif choice == 2 and isinstance(holder, dict):
            holder[random.choice(('', 'x', key.swapcase() if key else 'y'))] = holder.pop(key)
        elif choice == 3:
            other, place = random.choice(places)
            holder[key] = copy.deepcopy(other[place])
        else:
            holder[key] = copy.deepcopy(random.choice(VALUES))
    return root[0]


def _places(node: Any) -> Any:
    """Yield each list or dictionary in a tree with each of its keys."""
    items = enumerate(node) if isinstance(node, list) else node.items()
    for key, value in list(items):
        yield node, key
        if isinstance(value, (list, dict)):
            yield from _places(value)

"""Find which labels are swapped in a mirror image."""

from __future__ import annotations

import re
from collections.abc import Sequence

from actloc_ros.training.config import ConfigError

Pairs = tuple[tuple[str, str], ...]
SIDE = re.compile(r'(?<![a-z])(left|right)(?![a-z])', re.IGNORECASE)


def choose_pairs(labels: Sequence[str], named: Pairs | None) -> Pairs:
    """Return the pairs that the settings name; where they name none, those that labels suggest.

    Raises:
        ConfigError: A pair has an unknown label, or a label is in two pairs.
    """
    if named is None:
        return mirror_pairs(labels)
    used = [label for pair in named for label in pair]
    for label in used:
        if label not in labels:
            raise ConfigError(
                f'augmentation: flip_pairs names {label!r}, which is not among the labels '
                f'{", ".join(labels)}'
            )
        if used.count(label) > 1:
            raise ConfigError(f'augmentation: flip_pairs names {label!r} twice; once is enough')
    return named


def mirror_pairs(labels: Sequence[str]) -> Pairs:
    """Return the pairs of labels that differ only in the word left or right.

    Words end where letters end: `turn_left` and `turn right` have one, `leftover` has none.
    """
    mirrored = {label: SIDE.sub(_other_side, label) for label in labels}
    return tuple(
        (label, other)
        for label, other in mirrored.items()
        if other in mirrored and labels.index(label) < labels.index(other)
    )


def mirrored_classes(labels: Sequence[str], pairs: Pairs) -> list[int]:
    """Return which class each class becomes in a mirror image."""
    order = list(range(len(labels)))
    for a, b in pairs:
        i, j = labels.index(a), labels.index(b)
        order[i], order[j] = j, i
    return order


def _other_side(found: re.Match[str]) -> str:
    """Return `right` for `left`, and the other way round, as it is written."""
    word = found[0]
    other = {'left': 'right', 'right': 'left'}[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other

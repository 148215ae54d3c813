"""Define what a parameter is: its type, range, choices and when it may change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

LONGEST = 3600.0  # s: no duration here is meant to be longer


def in_one_line(value: Any) -> str:
    """Return what a message shows of a value that may be any text."""
    return ' '.join(str(value)[:60].split())


class Mutability(Enum):
    """When a parameter may change."""

    START = 'set at start'
    INACTIVE = 'changes while the node is not active'
    ALWAYS = 'changes at run time'


@dataclass(frozen=True)
class ParameterSpec:
    """What one parameter is.

    Attributes:
        name: Its name.
        default: Its default, which also gives its type.
        description: What it does, with its unit.
        change: When it may change.
        low: Least value of a number.
        high: Greatest value of a number.
        choices: The values that a text may have.
    """

    name: str
    default: bool | int | float | str | list[str]
    description: str
    change: Mutability
    low: float = 0.0
    high: float = LONGEST
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> None:
        """Raise ValueError where `value` is none that the parameter may have."""
        if self.choices and value not in self.choices:
            raise ValueError(
                f'{self.name} is "{in_one_line(value)}"; it must be {" or ".join(self.choices)}'
            )
        if self._is_number() and not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValueError(f'{self.name} is {value}; it must be {self._range()}')

    def _is_number(self) -> bool:
        return type(self.default) in (int, float)

    def _range(self) -> str:
        return f'from {self.low} to {self.high}'

    def constraints(self) -> str:
        """Say when the parameter may change, and what its values may be."""
        words = [self.change.value]
        if self._is_number():
            words.append(self._range())
        if self.choices:
            words.append(' or '.join(self.choices))
        return '; '.join(words)

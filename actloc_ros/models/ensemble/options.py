"""Hold what a user chooses about ensembles alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PREFIX = 'ensemble.'


@dataclass(frozen=True)
class EnsembleOptions:
    """What a user chooses about ensembles alone.

    Attributes:
        cascade: Whether the first member runs at every frame, and each further one only where
            those before it are unsure.
        unsure: In a cascade: how near to the threshold a score is unsure, in [0, 1].
        budget: In a cascade: time in ms that further members may take a frame, in the mean over
            about a second; 0 for no limit.

    Raises:
        ValueError: A value is out of its range.
    """

    cascade: bool = False
    unsure: float = 0.25
    budget: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.unsure <= 1:
            raise ValueError(f'{PREFIX}unsure is {self.unsure}; it must be from 0 to 1')
        if not 0 <= self.budget < float('inf'):
            raise ValueError(f'{PREFIX}budget is {self.budget} ms; it must be 0 ms or more')

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> EnsembleOptions:
        """Return the options in `LocalizerOptions.extra`, whose names begin with `PREFIX`.

        Raises:
            ValueError: There is no such option, or its value is out of its range.
        """
        mine = {k.removeprefix(PREFIX): v for k, v in extra.items() if k.startswith(PREFIX)}
        names = [field.name for field in fields(cls)]
        if unknown := sorted(mine.keys() - set(names)):
            raise ValueError(
                f'ensembles have no option "{PREFIX}{unknown[0]}"; they have '
                f'{", ".join(PREFIX + name for name in names)}'
            )
        return cls(**mine)


def without_ensemble(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that members of an ensemble read."""
    return {name: value for name, value in extra.items() if not name.startswith(PREFIX)}

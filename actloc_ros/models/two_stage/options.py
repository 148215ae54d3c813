"""Read the options that two-stage models alone have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actloc_ros.localizer import LocalizerOptions, PersonBoxes


@dataclass(frozen=True)
class TwoStageOptions:
    """What a user or a host chooses about a two-stage model.

    Attributes:
        classify_rate: How often in Hz each actor's clip is classified, by stamps.
        find_people: Camera and stamp in ns -> the people found elsewhere, or None where nobody
            searched; None where the host has no such source.

    Raises:
        ValueError: The rate is not above 0 Hz.
    """

    classify_rate: float
    find_people: Callable[[str, int], PersonBoxes | None] | None

    def __post_init__(self) -> None:
        if not self.classify_rate > 0:
            raise ValueError(f'classify_rate is {self.classify_rate} Hz; it must be above 0 Hz')

    @classmethod
    def of(cls, options: LocalizerOptions) -> TwoStageOptions:
        """Return those among a localizer's options: the only place that reads them."""
        return cls(options.classify_rate, options.find_people)

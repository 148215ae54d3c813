"""Hold what a user chooses about sound alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WEIGHTS, LABELS, FUSION = 'sound.weights', 'sound.labels', 'sound.fusion'


@dataclass(frozen=True)
class SoundOptions:
    """What a user chooses about sound.

    Attributes:
        weights: Of `MODEL+sound`, whose `weights` are the other model's: see
            `models.sound.open.open_classifier`.
        labels: Sounds to report, of those that the classifier knows; none for all.
        fusion: File of learned weights by which sounds change actors' scores, see
            `models.sound.fusion`; empty for none.
    """

    weights: str = ''
    labels: tuple[str, ...] = ()
    fusion: str = ''

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> SoundOptions:
        """Return the options in `LocalizerOptions.extra`."""
        labels = tuple(label for label in extra.get(LABELS, ()) if label)
        return cls(extra.get(WEIGHTS, ''), labels, extra.get(FUSION, ''))

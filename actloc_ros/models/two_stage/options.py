"""Hold what a user chooses about two-stage models alone, and their external detector's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

TOPIC = 'topic'
"""The detector that takes `SideInputs.boxes`, as in `topic+mc3_18`."""

NONE_BIAS = 'words.none'
"""The option of models that take words: what is added to the logit of "none of these"."""


@dataclass(frozen=True)
class TwoStageOptions:
    """What a user chooses about two-stage models.

    Attributes:
        classify_rate: How often in Hz each actor's clip is classified, by stamps; in between an
            actor keeps its scores.

    Raises:
        ValueError: A rate of 0 Hz or less.
    """

    classify_rate: float = 2.0

    def __post_init__(self) -> None:
        if not self.classify_rate > 0:
            raise ValueError(f'classify_rate is {self.classify_rate} Hz; it must be above 0 Hz')

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> TwoStageOptions:
        """Return the options in `LocalizerOptions.extra`; `FAMILY.NAME` is of another family.

        Raises:
            ValueError: There is no such option, or its value is out of its range.
        """
        names = [field.name for field in fields(cls)]
        mine = {name: value for name, value in extra.items() if '.' not in name}
        if unknown := sorted(mine.keys() - set(names)):
            raise ValueError(
                f'two-stage models have no option "{unknown[0]}"; they have {", ".join(names)}'
            )
        return cls(**mine)

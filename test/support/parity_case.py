"""Hold what one reference of published code gives, for `parity`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from actloc_ros.models.loading import OpenedNetwork


@dataclass(frozen=True)
class Case:
    """A reference.

    Attributes:
        reference: What NAME.json says.
        arrays: Of NAME.npz.
        fill: The module that makes weights and inputs.
        folder: Where its files lie.
        opened: The network, in float64; None where there is none.
        given: Arrays that are inputs, beside those called `in_…`.
    """

    reference: Mapping[str, Any]
    arrays: Any
    fill: ModuleType
    folder: Path
    opened: OpenedNetwork | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of arrays that are inputs, beside those called `in_…`."""
        return ('step_frames', 'truth', 'scores', 'heatmaps', 'input_keypoints')[
            : 5 if 'kind' in self.reference else 1
        ]

    @property
    def tolerance(self) -> float | None:
        """The largest difference as a share of the largest value; None for the usual one."""
        return None

    def input(self) -> np.ndarray:
        """Return the input, as the reference's functions make it."""
        reference = self.reference
        make = getattr(self.fill, reference.get('input_function', 'clip'))
        given = reference['name'], tuple(reference['input']), reference['input_scale']
        if 'input_persons' in reference:
            made: np.ndarray = make(*given, persons=reference['input_persons'])
        else:
            made = make(*given)
        return made + reference.get('input_offset', 0.0)


Compute = Callable[[Case], Mapping[str, Any]]

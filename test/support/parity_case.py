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
    """

    reference: Mapping[str, Any]
    arrays: Any
    fill: ModuleType
    folder: Path
    opened: OpenedNetwork | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of arrays that are inputs, beside those called `in_…`, or follow from none.

        `eval_scores` are starts' scores made distinct. `frame_map` is of frames' labels, which the
        reference does not hold.
        """
        if 'kind' not in self.reference:
            return ('step_frames',)
        made_from = ('truth', 'scores', 'heatmaps', 'input_keypoints', 'eval_scores', 'frame_map')
        return ('step_frames', *made_from)

    @property
    def tolerance(self) -> float | None:
        """The largest difference as a share of the largest value; None for the usual one.

        Places in pixels, refined by the logarithm of a blurred map, agree to 1e-3 pixels.
        """
        settings = self.reference.get('settings', {})
        return 1e-3 / max(settings['input_size']) if 'heatmap_size' in settings else None

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

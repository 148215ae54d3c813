"""Compare and adapt state dicts: names, shapes and types, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from actloc_ros.models.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]


SHOWN_DIFFERENCES = 3


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a state dict."""
    return {key: tuple(value.shape) for key, value in state.items()}


def differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """Return lines that say how the state dict `given` differs from `wanted`; none if it fits."""
    common = [key for key in wanted if key in given]
    return [
        *_line('missing in the file', [key for key in wanted if key not in given]),
        *_line('unknown to the model', [key for key in given if key not in wanted]),
        *_line(
            'of another shape',
            [
                f'{key}: file {tuple(given[key].shape)}, model {tuple(wanted[key].shape)}'
                for key in common
                if given[key].shape != wanted[key].shape
            ],
        ),
        *_line(
            'of another type',
            [
                f'{key}: file {given[key].dtype}, model {wanted[key].dtype}'
                for key in common
                if given[key].dtype != wanted[key].dtype
            ],
        ),
    ]


def refuse_not_finite(state: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse weights with infinite numbers or NaN, as a training that diverged leaves them.

    Args:
        state: Of shapes that are known to be right: a file may pretend to any size.
        path: Where it is from.

    Raises:
        WeightsError: The text names the first such tensor and says how many there are.
    """
    wrong = [
        key
        for key, value in state.items()
        if value.is_floating_point() and not torch.isfinite(value).all()
    ]
    if wrong:
        raise WeightsError(
            f'"{path}": {len(wrong)} of {len(state)} tensors hold NaN or infinite numbers, first'
            f' {wrong[0]}: the training has diverged; take an earlier checkpoint'
        )


def _line(what: str, items: list[str]) -> list[str]:
    """Return one line that shows the first of `items`, or none if there are none."""
    if not items:
        return []
    more = ', …' if len(items) > SHOWN_DIFFERENCES else ''
    return [f'  {len(items)} {what}: {", ".join(items[:SHOWN_DIFFERENCES])}{more}']

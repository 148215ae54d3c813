"""Compare and adapt state dicts: names, shapes and types, strictly."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

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


def _line(what: str, items: list[str]) -> list[str]:
    """Return one line that shows the first of `items`, or none if there are none."""
    if not items:
        return []
    more = ', …' if len(items) > SHOWN_DIFFERENCES else ''
    return [f'  {len(items)} {what}: {", ".join(items[:SHOWN_DIFFERENCES])}{more}']

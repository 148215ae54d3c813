"""The learning rate at each step, and the moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from actloc_ros.training.config import Schedule

EMA_RAMP = 9
"""Steps of a short training for each one that its average of weights spans, about."""


def learning_rate(step: int, schedule: Schedule) -> float:
    """Return the rate at a step: a linear rise, then half a cosine down to a hundredth."""
    if step < schedule.warmup:
        return schedule.learning_rate * (step + 1) / schedule.warmup
    share = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def moving_average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """Return an exponential moving average of tensors whose decay grows to its value.

    Weights that change fast make a bad average, and early in a training they do.
    """

    @torch.no_grad()
    def update(average: Sequence[Tensor], current: Sequence[Tensor], steps: Any) -> None:
        weight = max(1 - decay, EMA_RAMP / (EMA_RAMP + 1 + float(steps)))
        # All of one type at once, as PyTorch's own averages do: the same bits, a tenth of the time.
        if average[0].is_floating_point():
            torch._foreach_lerp_(list(average), list(current), weight)
        else:
            torch._foreach_copy_(list(average), list(current))

    return update

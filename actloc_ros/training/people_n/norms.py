"""Make norms again of those that an ONNX file holds folded into its layers, to train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

LEAST = 1e-6  # of a variance


@torch.no_grad()
def unfold_norms(network: Any, levels: Sequence[Tensor]) -> None:
    """Give each norm the mean and variance of what it takes, in place; outputs stay as they are.

    A restored network's norms do nothing: with statistics of batches, as in training, it would
    compute something else.

    Args:
        network: Of which `from_start` is what comes behind the frozen start.
        levels: What the start makes of some batches.
    """
    moments: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def note(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        values = given[0].float()
        moments.setdefault(norm, []).append(
            torch.stack([values.mean((0, 2, 3)), values.square().mean((0, 2, 3))])
        )

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    network.eval()
    for level in levels:
        network.from_start(level)
    for hook in hooks:
        hook.remove()
    for norm, found in moments.items():
        _unfold(norm, *torch.stack(found).mean(0))


def _unfold(norm: nn.BatchNorm2d, mean: Tensor, square: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    variance = (square - mean.square()).clamp(min=LEAST)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(shift + scale * mean)

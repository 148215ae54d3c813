"""Step a network's weights: orthogonalised momentum for matrices, AdamW for all else.

Muon (Jordan et al. 2024): the momentum of a matrix is replaced by the nearest matrix that stretches
all directions alike, so that rare directions are trained as fast as common ones. Steps are as large
as AdamW's (Liu et al. 2025), so that one learning rate fits both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of Jordan's iteration: singular values soon come close to 1, and never reach it."""

ADAM_SIZE = 0.2
"""Root mean square of AdamW's steps in units of the learning rate (Liu et al. 2025)."""


class Muon(torch.optim.AdamW):
    """AdamW that steps the groups with `orthogonal` by their orthogonalised momentum instead.

    A convolution there is a matrix of its outputs by all numbers that one output depends on.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step by the present gradients; return what `closure`, if any, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        every = self.param_groups
        for group in every:
            if group.get('orthogonal'):
                self._step_matrices(group)
        self.param_groups = [group for group in every if not group.get('orthogonal')]
        try:
            super().step()
        finally:
            self.param_groups = every
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        rate, decay = group['lr'], group['weight_decay']
        for weight in group['params']:
            if weight.grad is None:
                continue
            state = self.state[weight]
            if not state:
                # AdamW asks each state for its step when one is loaded.
                state.update(step=torch.zeros(()), momentum=torch.zeros_like(weight))
            momentum = state['momentum'].lerp_(weight.grad, 1 - MOMENTUM)
            direction = orthogonalised(weight.grad.lerp(momentum, MOMENTUM).flatten(1))
            size = ADAM_SIZE * max(direction.shape) ** 0.5
            weight.mul_(1 - rate * decay).add_(direction.view_as(weight), alpha=-rate * size)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return about the nearest (semi-)orthogonal matrix to one (m, n), by Newton and Schulz."""
    a, b, c = QUINTIC
    x = matrix.float()
    if tall := x.shape[0] > x.shape[1]:
        x = x.mT
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrix.dtype)


def make_optimizer(
    network: nn.Module, learning_rate: float, weight_decay: float, orthogonal: bool
) -> Muon:
    """Return AdamW, where `orthogonal` with Muon for weights that mix channels.

    Biases, norms and scalars know no weight decay.
    """
    groups: dict[str, list[Tensor]] = {'mixing': [], 'within': [], 'single': []}
    for weight in (w for w in network.parameters() if w.requires_grad):
        flat = weight.dim() <= 1
        groups['single' if flat else 'mixing' if weight.shape[1] > 1 else 'within'].append(weight)
    options: list[dict[str, Any]] = [
        {'params': groups['mixing'], 'orthogonal': orthogonal},
        {'params': groups['within']},
        {'params': groups['single'], 'weight_decay': 0.0},
    ]
    return Muon([g for g in options if g['params']], learning_rate, weight_decay=weight_decay)

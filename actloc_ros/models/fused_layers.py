"""Fold and fuse layers of a network that is done with learning, to run faster."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ACTIVATIONS: dict[type[nn.Module], str] = {nn.ReLU: 'relu', nn.SiLU: 'swish'}
"""What oneDNN calls the activations that it can apply to a product."""


class Pointwise(nn.Module):
    """A 1x1 convolution, and what activates it, as one product of matrices.

    On a CPU that is faster than both: oneDNN's convolution is made for larger maps, and the
    product passes over the result once.
    """

    def __init__(self, layer: nn.Conv2d, activation: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.flatten(1).contiguous(), requires_grad=False)
        self.bias = layer.bias
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 (F, C, H, W) to other channels."""
        cells = torch.ops.mkldnn._linear_pointwise(
            x.permute(0, 2, 3, 1), self.weight, self.bias, self.activation, [], ''
        )
        return cells.permute(0, 3, 1, 2)


def multiply_matrices(network: nn.Module) -> None:
    """Replace all 1x1 convolutions, with the activations that follow them in sequences."""
    for sequence in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        layers = [i for i, layer in enumerate(sequence) if not isinstance(layer, nn.Identity)]
        for i, after in pairwise(layers):
            name = ACTIVATIONS.get(type(sequence[after]))
            if name and is_pointwise(layer := sequence[i]):
                sequence[i] = Pointwise(layer, name)
                sequence[after] = nn.Identity()
    for name, layer in list(network.named_modules()):
        if is_pointwise(layer):
            network.set_submodule(name, Pointwise(layer, 'none'))


def is_pointwise(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Return whether it is a 1x1 convolution of all channels, at every cell."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and layer.stride == (1, 1)
        and layer.groups == 1
    )


def fold_batch_norms(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, within all sequences of layers."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for i, (conv, norm) in enumerate(zip(list(sequence), list(sequence)[1:], strict=False)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[i] = fuse_conv_bn_eval(conv, norm)
                sequence[i + 1] = nn.Identity()

"""Lay out the cells of a network's feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def cell_centres(size: Sequence[int], stride: int, like: Tensor) -> Tensor:
    """Return the centres (H * W, 2) of a level's cells as x, y in pixels of the input.

    Args:
        size: H and W of the level.
        stride: Pixels of the input a cell.
        like: Gives type and device.
    """
    y, x = (torch.arange(n, device=like.device, dtype=like.dtype) for n in size)
    grid = torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1)
    return (grid.flatten(0, 1) + 0.5) * stride


def location_centres(height: int, width: int, strides: Sequence[int], like: Tensor) -> Tensor:
    """Return the centres (A, 2) of the cells of all levels, level after level, likewise.

    Args:
        height: Of the input, in pixels.
        width: Likewise.
        strides: Of the levels.
        like: Gives type and device.
    """
    return torch.cat([cell_centres((height // s, width // s), s, like) for s in strides])

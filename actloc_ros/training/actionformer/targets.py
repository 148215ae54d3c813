"""Say which places of ActionFormer's levels have which segment to find (arXiv 2202.07925)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RADIUS = 1.5  # places of a level: how far from a segment's middle a place may be
SHORTEST = 4.0  # places of the first level: reach from which the second level is responsible


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be found at P places: those of all levels, longest first.

    Attributes:
        classes: float32 (P, C): 1 for what goes on.
        distances: float32 (P, 2): to start and end, in places of the level; they hold only where
            `positive` does.
        positive: bool (P,): whether there is a segment to find.
    """

    classes: Tensor
    distances: Tensor
    positive: Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """The places of all levels, P together.

    Attributes:
        centres: float32 (P,), in places of the first level.
        strides: float32 (P,), of the level, in the same.
        reaches: float32 (P, 2): the farther end of a segment is from the first number to below the
            second away, in the same.
    """

    centres: Tensor
    strides: Tensor
    reaches: Tensor


def make_grid(length: int, levels: int) -> Grid:
    """Return the places of sequences of `length`, `length / 2`, …, a sequence a level."""
    counts = [length // 2**level for level in range(levels)]
    centres = [torch.arange(n) * float(2**level) for level, n in enumerate(counts)]
    strides = [torch.full((n,), float(2**level)) for level, n in enumerate(counts)]
    reaches = [torch.tensor(_reach(level, levels)).expand(n, 2) for level, n in enumerate(counts)]
    return Grid(torch.cat(centres), torch.cat(strides), torch.cat(reaches))


def assign(spans: Tensor, labels: Tensor, classes: int, grid: Grid) -> Targets:
    """Return what is to be found at each place.

    A place is responsible for a segment if it lies within it, near its middle, and the farther end
    is as far away as its level is for; of several, for the shortest, with the labels of all that
    are as short.

    Args:
        spans: float32 (N, 2): start and end, in places of the first level.
        labels: int64 (N,).
        classes: Number C of classes.
        grid: P places.
    """
    count = len(grid.centres)
    if not len(spans):
        nothing = torch.zeros(count, dtype=torch.bool)
        return Targets(torch.zeros(count, classes), torch.zeros(count, 2), nothing)
    distances = torch.stack(
        [grid.centres[:, None] - spans[:, 0], spans[:, 1] - grid.centres[:, None]], -1
    )  # (P, N, 2)
    far = distances.amax(-1)
    off = (grid.centres[:, None] - spans.mean(1)).abs()
    fits = (distances.amin(-1) > 0) & (off < RADIUS * grid.strides[:, None])
    fits &= (far >= grid.reaches[:, :1]) & (far < grid.reaches[:, 1:])
    lengths = (spans[:, 1] - spans[:, 0]).where(fits, torch.inf)  # (P, N)
    shortest, chosen = lengths.min(1)
    positive = shortest.isfinite()
    alike = (fits & (lengths <= shortest[:, None] + 1e-3)).float()
    present = alike @ torch.nn.functional.one_hot(labels, classes).float()
    reach = distances[torch.arange(count), chosen] / grid.strides[:, None]
    return Targets(present.clamp(max=1), reach, positive)


def _reach(level: int, levels: int) -> tuple[float, float]:
    """Return from and below which distance of the farther end a level is responsible."""
    least = SHORTEST * 2 ** (level - 1) if level else 0.0
    return least, SHORTEST * 2**level if level < levels - 1 else float('inf')

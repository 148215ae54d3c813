"""Choose the cells that learn each person, by how well they already report that person."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou

from actloc_ros.models.people_n.network import STRIDES

REACH = 1.5  # strides from a box's middle within which cells may learn it
MOST_CELLS = 10
LEVEL_SIZES = ((0.0, 80.0), (40.0, 192.0), (96.0, float('inf')))
"""Pixels of a box's longer side that the cells of each level may learn."""


class Grid(NamedTuple):
    """The cells of all levels of a canvas.

    Attributes:
        centres: float (A, 2), x and y in pixels.
        strides: float (A,).
        sizes: float (A, 2), least and largest longer side of a person.
    """

    centres: Tensor
    strides: Tensor
    sizes: Tensor


class Assignment(NamedTuple):
    """Which cells learn a person, and how well their boxes fit.

    Attributes:
        cells: int64 (P,), indices of cells.
        people: int64 (P,), the person of each.
        overlap: float (P,), IoU of the cell's box with the person's.
    """

    cells: Tensor
    people: Tensor
    overlap: Tensor


def make_grid(height: int, width: int) -> Grid:
    """Return the cells of a canvas, in the order in which the network reports them."""
    centres, strides, sizes = [], [], []
    for stride, size in zip(STRIDES, LEVEL_SIZES, strict=True):
        ys = (torch.arange(height // stride) + 0.5) * stride
        xs = (torch.arange(width // stride) + 0.5) * stride
        level = torch.stack(torch.meshgrid(ys, xs, indexing='ij')[::-1], -1).reshape(-1, 2)
        centres.append(level)
        strides.append(torch.full((len(level),), float(stride)))
        sizes.append(torch.tensor(size).expand(len(level), 2))
    return Grid(torch.cat(centres), torch.cat(strides), torch.cat(sizes))


@torch.no_grad()
def assign(grid: Grid, scores: Tensor, boxes: Tensor, people: Tensor) -> Assignment:
    """Give each person the cells near its middle that report it best, more where boxes fit well.

    As SimOTA (Ge et al. 2021) does: of the cells allowed, as many as the best overlaps sum up to;
    a cell that two people want learns the one that it reports better.

    Args:
        grid: The A cells.
        scores: (A,), logits.
        boxes: (A, 4), pixels, as the network reports them now.
        people: (N, 4), pixels.
    """
    if not len(people):
        none = torch.zeros(0, dtype=torch.int64)
        return Assignment(none, none, scores.new_zeros(0))
    overlap = box_iou(people, boxes)
    offset = ((people[:, None, :2] + people[:, None, 2:]) / 2 - grid.centres).abs().amax(-1)
    distance = offset / grid.strides
    side = (people[:, 2:] - people[:, :2]).amax(-1, keepdim=True)
    allowed = (distance < REACH) & (side >= grid.sizes[:, 0]) & (side < grid.sizes[:, 1])
    cost = torch.nn.functional.softplus(-scores) - 3 * (overlap + 1e-6).log() + distance
    cost = cost.masked_fill(~allowed, float('inf'))
    best = overlap.masked_fill(~allowed, 0).topk(min(MOST_CELLS, overlap.shape[1])).values
    counts = best.sum(-1).int().clamp(min=1)
    rank = cost.argsort(-1).argsort(-1)
    wanted = (rank < counts[:, None]) & allowed
    taken = cost.masked_fill(~wanted, float('inf')).min(0)
    cells = taken.values.isfinite().nonzero()[:, 0]
    rows = taken.indices[cells]
    return Assignment(cells, rows, overlap[rows, cells])

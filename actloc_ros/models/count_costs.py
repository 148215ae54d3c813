"""Count a network's parameters and the multiplications of one clip, without running it.

`python -m actloc_ros.models.count_costs` counts all entries' again, as the text of `costs`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from actloc_ros.models.architecture import Architecture, skeleton
from actloc_ros.models.costs import COSTS
from actloc_ros.models.entry import Entry

aten = torch.ops.aten
NORMS = (aten.native_batch_norm, aten._native_batch_norm_legit_no_training, aten.cudnn_batch_norm)
NORM_OPERATIONS = 4
OPERATIONS = 2  # that PyTorch counts for a multiply-accumulate


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        parameters: Learned numbers.
        gmac: Multiply-accumulates for one clip in 10^9, as papers count them: convolutions and
            matrix products, and four for each number that goes through a batch norm.
    """

    parameters: int
    gmac: float


def cost(architecture: Architecture, entry: Entry) -> Cost:
    """Return what the entry's network costs at its own input size; takes no memory."""
    network = skeleton(architecture, entry)
    clip = torch.empty(1, *architecture.shape(entry), device='meta')
    network.to('meta')
    gmac = count_gmac(lambda: network(clip))
    return Cost(sum(p.numel() for p in network.parameters()), gmac)


def count_gmac(compute: Callable[[], object]) -> float:
    """Return the multiply-accumulates of what `compute` runs, in 10^9; see `Cost`."""
    counter = FlopCounterMode(display=False, custom_mapping=dict.fromkeys(NORMS, _norm_operations))
    with torch.no_grad(), counter:  # inference mode would hide operators from it
        compute()
    return counter.get_total_flops() / OPERATIONS / 1e9


def known_cost(architecture: Architecture, entry: Entry) -> Cost:
    """Return what was counted before where that is known: counting takes a second."""
    if entry.name in COSTS:
        return Cost(*COSTS[entry.name])
    return cost(architecture, entry)


def _norm_operations(x: Sequence[int], *_: object, **__: object) -> int:
    """Return the operations of a batch norm of an input of shape `x`."""
    return OPERATIONS * NORM_OPERATIONS * math.prod(x)


def main() -> None:
    """Print the module `costs` with what all entries cost now."""
    from actloc_ros.models import registry

    print('"""Say what entries cost, as `python -m actloc_ros.models.count_costs` counted it."""\n')
    print('# Name of the entry: learned numbers, and multiply-accumulates for one clip in 10^9.')
    print('COSTS = {')
    for entry in registry.entries().values():
        found = cost(registry.architectures()[entry.architecture], entry)
        print(f"    '{entry.name}': ({found.parameters}, {found.gmac:.3f}),")
    print('}')


if __name__ == '__main__':
    main()

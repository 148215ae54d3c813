"""Count a network's parameters and the multiplications of one clip, without running it.

`python -m actloc_ros.models.count_costs` counts all entries' anew, as the text of `costs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from actloc_ros.models.architecture import Architecture, skeleton
from actloc_ros.models.costs import COSTS
from actloc_ros.models.entry import Entry

aten = torch.ops.aten
NORMS = {aten.native_batch_norm, aten._native_batch_norm_legit_no_training, aten.cudnn_batch_norm}
NORM_OPERATIONS = 4


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
    how = entry.preprocessing
    network = skeleton(architecture, entry)
    clip = torch.empty(1, 3, entry.frames, how.height, how.width, device='meta')
    with torch.no_grad(), Counter() as counter:
        network.to('meta')(clip)
    return Cost(sum(p.numel() for p in network.parameters()), counter.operations / 1e9)


def known_cost(architecture: Architecture, entry: Entry) -> Cost:
    """Return what was counted before where that is known: counting takes a second."""
    if entry.name in COSTS:
        return Cost(*COSTS[entry.name])
    return cost(architecture, entry)


class Counter(TorchDispatchMode):
    """Counts multiply-accumulates of all that runs inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0.0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operator, and count it."""
        packet = func._overloadpacket
        result = func(*args, **kwargs or {})
        if packet in flop_registry:
            self.operations += flop_registry[packet](*args, **kwargs or {}, out_val=result) / 2
        elif packet in NORMS:
            self.operations += NORM_OPERATIONS * args[0].numel()
        return result


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

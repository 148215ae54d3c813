"""Print what graph networks over skeletons cost: a clip, and a step where there is one.

One person on a track, as `PEOPLE+SKELETON` has it: the network's input holds two people, the second
one of zeros. Continual networks are stepped one frame at a time with a full past. On a CPU times
are of all threads together. Weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from actloc_ros.models import registry
from actloc_ros.models.count_costs import count_gmac
from actloc_ros.models.entry import Task
from actloc_ros.models.graphs.costgcn import CoSTGCN
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.ops.runtime import choose_device

LEAST = 3  # runs that are timed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    found = registry.architectures().values()
    names = [a.name for a in found if a.task is Task.SKELETONS]
    parser.add_argument('--models', nargs='*', default=names, choices=names, metavar='NAME')
    parser.add_argument('--seconds', type=float, default=5.0, help='time for each figure')
    parser.add_argument('--device', default='auto')
    args = parser.parse_args()
    device = choose_device(args.device)
    print(f'{device}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}')
    print(
        f'{"model":26}{"frames":>7}{"GMAC":>8}{"ms a clip":>11}{"GMAC a step":>13}{"ms a step":>11}'
    )
    for name in args.models:
        print(line(open_network(name, random_weights=True), device, args.seconds), flush=True)
    return 0


@torch.inference_mode()
def line(opened: OpenedNetwork, device: torch.device, seconds: float) -> str:
    """Return one network's line."""
    network, shape = opened.network.to(device), opened.architecture.shape(opened.entry)
    clip = torch.randn(1, *shape, device=device)
    clip[..., 1:] = 0
    row = f'{opened.architecture.name:26}{shape[1]:8}{count_gmac(lambda: network(clip)):8.2f}'
    row += f'{1e3 * timed(lambda: network(clip), seconds, device):8.0f}'
    if not isinstance(network, CoSTGCN):
        return f'{row}{"-":>10}{"-":>10}'
    # Of a full past, the mean over a stride: in between, fewer blocks are computed.
    state, rows = network.initial_state(1), torch.zeros(1, dtype=torch.int64, device=device)
    for _ in range(shape[1]):
        network.forward_step(clip[:, :, 0], state, rows)

    def stride() -> None:
        for _ in range(network.stride):
            network.forward_step(clip[:, :, 0], state, rows)

    gmac = count_gmac(stride) / network.stride
    return f'{row}{gmac:10.3f}{1e3 * timed(stride, seconds, device) / network.stride:10.1f}'


def timed(run: Callable[[], object], seconds: float, device: torch.device) -> float:
    """Return the median time of a run in s; on a CPU its own time, whatever else runs there."""
    clock = time.process_time if device.type == 'cpu' else time.perf_counter
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < LEAST or time.perf_counter() < end:
        began = clock()
        run()
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        times.append(clock() - began)
    return statistics.median(times)


if __name__ == '__main__':
    raise SystemExit(main())

"""Measure what graph networks over skeletons cost, by clips and by steps."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from actloc_ros.models import registry
from actloc_ros.models.count_costs import count_gmac
from actloc_ros.models.entry import Task
from actloc_ros.models.graphs.costgcn import CoSTGCN
from actloc_ros.models.loading import OpenedNetwork, open_network
from benchmark.speed.graphs import timed

SECONDS = 5.0  # for each figure
CPU = torch.device('cpu')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of each network that takes skeletons."""
    found = registry.architectures().values()
    names = [one.name for one in found if one.task is Task.SKELETONS]
    opened = (open_network(name, random_weights=True) for name in names)
    rows = {name: costs(one) for name, one in zip(names, opened, strict=True)}
    return {'threads': torch.get_num_threads(), 'rows': rows}


@torch.inference_mode()
def costs(opened: OpenedNetwork) -> dict[str, float]:
    """Return frames, GMAC and ms of a clip, and those of a step with how far it is from the clip.

    A step's are means over a stride, since some blocks wait for several frames.
    """
    network, shape = opened.network, opened.architecture.shape(opened.entry)
    torch.manual_seed(0)
    clip = torch.randn(1, *shape)
    clip[..., 1:] = 0  # the network has room for two people; one is there
    figures = {
        'frames': float(shape[1]),
        'gmac_clip': count_gmac(lambda: network(clip)),
        'ms_clip': 1e3 * timed(lambda: network(clip), SECONDS, CPU),
    }
    if not isinstance(network, CoSTGCN):
        return figures
    state, rows = network.initial_state(1), torch.zeros(1, dtype=torch.int64)
    for moment in range(shape[1]):
        network.forward_step(clip[:, :, moment], state, rows)

    def stride() -> None:
        for _ in range(network.stride):
            network.forward_step(clip[:, :, 0], state, rows)

    return figures | {
        'gmac_step': count_gmac(stride) / network.stride,
        'ms_step': 1e3 * timed(stride, SECONDS, CPU) / network.stride,
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| `{name}` | {row["frames"]:.0f} | {row["gmac_clip"]:.2f} | {row["ms_clip"]:.0f} |'
        f' {_step(row, "gmac_step", 3)} | {_step(row, "ms_step", 1)} |'
        for name, row in numbers['rows'].items()
    )
    return f"""## Graph networks over skeletons

**Protocol**: one person; a network's input has room for two. GMAC are counted; ms are the
processor's own, the median of {SECONDS:g} s, with {numbers['threads']} thread, PyTorch, float32 and
random weights, on which costs do not depend. A step is one frame of a continual network with a full
past, in the mean over its stride; the others have no step and run clip by clip. Accuracy is not
measured: published weights were not at hand. That networks, steps and scores equal the published
code is tested on its outputs (`make parity`).

| network | frames of a clip | GMAC a clip | ms a clip | GMAC a step | ms a step |
|---|---|---|---|---|---|
{rows}"""


def _step(row: dict[str, float], key: str, digits: int) -> str:
    return f'{row[key]:.{digits}f}' if key in row else '–'

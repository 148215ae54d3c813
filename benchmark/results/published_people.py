"""Measure what published detectors and poses cost."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from actloc_ros.models.count_costs import count_gmac
from actloc_ros.models.entry import Entry
from actloc_ros.models.loading import OpenedNetwork, open_network
from actloc_ros.models.published_people import ENTRIES
from benchmark.speed.graphs import timed

SECONDS = 3.0  # for each figure
CPU = torch.device('cpu')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of each network at each size of its input."""
    return {
        'threads': torch.get_num_threads(),
        'rows': {name: costs(opened(entry)) for name, entry in sizes().items()},
    }


def sizes() -> dict[str, Entry]:
    """Return an entry for each network and size of input, by what the table calls it."""
    found = {}
    for entry in ENTRIES:
        how = entry.preprocessing
        found.setdefault(f'{entry.architecture} {how.height}×{how.width}', entry)
    return found


def opened(entry: Entry) -> OpenedNetwork:
    """Return a network with random weights."""
    return open_network(entry.name, random_weights=True)


@torch.inference_mode()
def costs(one: OpenedNetwork) -> dict[str, Any]:
    """Return the parameters, GMAC and ms of one image or crop."""
    image = torch.rand(1, *one.architecture.shape(one.entry))
    return {
        'finds': one.architecture.task.value,
        'parameters': sum(parameter.numel() for parameter in one.network.parameters()),
        'gmac': count_gmac(lambda: one.network(image)),
        'ms': 1e3 * timed(lambda: one.network(image), SECONDS, CPU),
    }


def section(numbers: dict[str, Any]) -> str:
    """Return the section of the document."""
    rows = '\n'.join(
        f'| `{name.split()[0]}` | {name.split()[1]} | {row["finds"]} |'
        f' {row["parameters"] / 1e6:.2f} | {row["gmac"]:.2f} | {row["ms"]:.0f} |'
        for name, row in numbers['rows'].items()
    )
    return f"""## Published detectors and poses

**Protocol**: one image, or one person's crop, of the size for which the network was published. GMAC
are counted; ms are the processor's own, the median of {SECONDS:g} s, with {numbers['threads']}
thread, PyTorch, float32 and random weights, on which costs do not depend; reading boxes and joints
is not in them. Accuracy is not measured: published weights were not at hand, and what their authors
state is in [models.md](models.md#published-people-networks). That networks, boxes and joints equal
the published code is tested on its outputs (`make parity`), and that exported files find the same
as PyTorch on networks of made-up weights. The machine was busy with other work, which slows a
processor's own time too: times say only how networks compare.

| network | input | finds | M parameters | GMAC | ms |
|---|---|---|---|---|---|
{rows}"""

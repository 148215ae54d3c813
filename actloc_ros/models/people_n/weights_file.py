"""Read and write the weights of a `people_n` network as safetensors, with what their use takes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from actloc_ros.models.people_n.export import NOTICE
from actloc_ros.models.people_n.network import NetworkConfig, PeopleNetwork


@dataclass(frozen=True, eq=False)
class PeopleWeights:
    """A network with its weights, and the score from which it reports a person."""

    network: PeopleNetwork
    threshold: float


def write_weights(path: Path, weights: PeopleWeights) -> None:
    """Write a network as safetensors, whole or not at all."""
    state = {
        name: value.contiguous()
        for name, value in weights.network.state_dict().items()
        if value.is_floating_point()
    }
    config = json.dumps(asdict(weights.network.config))
    facts = {'config': config, 'threshold': str(weights.threshold), 'notice': NOTICE}
    partial = path.with_name(path.name + '.partial')
    partial.write_bytes(save(state, facts))
    partial.replace(path)


def read_weights(path: Path) -> PeopleWeights:
    """Read a network that `write_weights` wrote; it is in evaluation mode.

    Raises:
        ValueError: It is no such file, or its tensors do not fit the network that it names.
        OSError: It cannot be read.
    """
    try:
        with safe_open(str(path), 'pt') as file:
            facts = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = json.loads(facts['config'])
        network = PeopleNetwork(NetworkConfig(config['width']))
        threshold = float(facts['threshold'])
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f'"{path}" holds no people_n network: {error}') from error
    own = network.state_dict()
    counters = {name for name in own if name.endswith('num_batches_tracked')}
    if state.keys() != own.keys() - counters:
        names = sorted(state.keys() ^ (own.keys() - counters))
        raise ValueError(f'"{path}" does not fit: {", ".join(names[:3])}')
    counted = {name: torch.zeros((), dtype=torch.int64) for name in counters}
    network.load_state_dict(state | counted)
    return PeopleWeights(network.eval(), threshold)

"""Write and read the files of a finished skeleton_n."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from actloc_ros.models.skeleton_n.export import to_onnx
from actloc_ros.models.skeleton_n.network import SkeletonNet

SPEC = 'actloc_ros.skeleton'  # the key of what describes a network, in its file


@dataclass(frozen=True, eq=False)
class Trained:
    """A skeleton network and what it reports.

    Attributes:
        network: With as many classes as there are labels.
        labels: Names of its classes.
        thresholds: Of each label.
    """

    network: SkeletonNet
    labels: list[str]
    thresholds: list[float]


def read_trained(path: Path) -> Trained:
    """Read a skeleton_n.safetensors.

    Raises:
        OSError: It cannot be read.
        KeyError: It is no skeleton network.
    """
    with safe_open(path, 'pt') as file:
        spec = json.loads(file.metadata()[SPEC])
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    network = SkeletonNet(len(spec['labels']), spec['width'], spec['layers'], spec['graph'])
    network.load_state_dict(state)
    return Trained(network.eval(), spec['labels'], spec['thresholds'])


def write_trained(trained: Trained, folder: Path) -> None:
    """Write skeleton_n.safetensors and skeleton_n.onnx into a folder."""
    network = trained.network
    spec = {
        'labels': trained.labels,
        'thresholds': trained.thresholds,
        'width': network.width,
        'layers': network.layers,
        'graph': network.graph.channels if network.graph else 0,
    }
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, folder / 'skeleton_n.safetensors', {SPEC: json.dumps(spec)})
    onnx = to_onnx(network, trained.labels, trained.thresholds)
    (folder / 'skeleton_n.onnx').write_bytes(onnx)

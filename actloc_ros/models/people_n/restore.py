"""Read a `people_n` ONNX file as a PyTorch network, to train on or to run where PyTorch is."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import torch

from actloc_ros.models.ops.onnx_weights import RestoreError, restore
from actloc_ros.models.people_n.decode import Reports
from actloc_ros.models.people_n.network import BLOCKS, NetworkConfig, PeopleNetwork, RawPeople
from actloc_ros.models.people_n.weights_file import PeopleWeights

FIELD = 'network.field.weight'


def restore_people(file: Path | bytes) -> PeopleWeights:
    """Return the network and the threshold of a file that `export.export_onnx` wrote.

    Raises:
        ValueError: It is no such file.
        OSError: It cannot be read.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf's own classes
        raise ValueError(f'it is no ONNX file: {error}') from error
    network = PeopleNetwork(_config(model))
    restore(network, content, (torch.zeros(1, 3, 64, 64),))
    facts = {each.key: each.value for each in model.metadata_props}
    return PeopleWeights(network, float(facts['threshold']))


def _config(model: onnx.ModelProto) -> NetworkConfig:
    """Return the size of the network in a file."""
    fields = [each.dims for each in model.graph.initializer if each.name == FIELD]
    names = ' '.join(node.name for node in model.graph.node)
    blocks = {int(number) for number in re.findall(r'/_blocks\.(\d+)/', names)}
    if not fields or not blocks:
        raise RestoreError('it is no people_n')
    return NetworkConfig(fields[0][1], tuple(sorted(set(range(len(BLOCKS))) - blocks)))


def as_reports(raw: RawPeople) -> Reports:
    """Return what the network reports of the first image of a batch, as its ONNX file gives it."""
    scores, presence = raw.scores[0].sigmoid(), raw.presence[0].sigmoid()
    parts = scores, raw.boxes[0], raw.joints[0], presence, raw.field[0]
    return Reports(*(part.detach().cpu().numpy() for part in parts))

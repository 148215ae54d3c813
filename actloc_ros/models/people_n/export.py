"""Write a `people_n` network as ONNX, for images of any size."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from actloc_ros.models.people_n.network import PeopleNetwork

OPSET = 17
NOTICE = (
    'It began with the weights of YOLOX-nano by Megvii, Apache License 2.0; all but the start of '
    'its trunk was trained on.'
)
OUTPUTS = ('scores', 'boxes', 'joints', 'presence', 'field')


class _OneImage(nn.Module):
    """Takes an image as it lies in memory, and reports scores instead of logits."""

    def __init__(self, network: PeopleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 (H, W, 3), RGB -> see `decode.Reports`."""
        raw = self.network(image.permute(2, 0, 1)[None].float())
        return (
            raw.scores[0].sigmoid(),
            raw.boxes[0],
            raw.joints[0],
            raw.presence[0].sigmoid(),
            raw.field[0],
        )


def export_onnx(network: PeopleNetwork, path: Path, threshold: float) -> None:
    """Write the network, in evaluation mode, as an ONNX file with inputs of any size.

    Sides must be multiples of 32. Its outputs are those of `decode.Reports`; its metadata hold the
    score from which a person is reported and the notice of the weights that it began with.
    """
    was_training = network.training
    image = torch.zeros(64, 96, 3, dtype=torch.uint8)
    axes = {name: {0: 'cells'} for name in OUTPUTS[:-1]}
    axes |= {'image': {0: 'height', 1: 'width'}, 'field': {2: 'rows', 3: 'columns'}}
    write_onnx(_OneImage(network), image, path, 'image', OUTPUTS, axes)
    network.train(was_training)
    finish_onnx(path, {'threshold': str(threshold), 'notice': NOTICE})


def write_onnx(
    module: nn.Module,
    example: Tensor | tuple[Any, ...],
    path: Path,
    name: str | Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a module as ONNX, in evaluation mode, in which it is left.

    Args:
        module: What to write.
        example: An input, or a tuple of them.
        path: File to write.
        name: Of the input, or names of all.
        outputs: Names of the outputs.
        axes: Input or output -> the axes that may have any size, by their names.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module.eval(),
            example if isinstance(example, tuple) else (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[name] if isinstance(name, str) else list(name),
            output_names=list(outputs),
            dynamic_axes=axes,
        )


def finish_onnx(path: Path, properties: Mapping[str, str]) -> None:
    """Make a file that `write_onnx` wrote quick, and give it metadata."""
    fold_constants(path)
    model = onnx.load(str(path))
    fold_padding(model)
    drop_unused(model)
    onnx.helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def fold_constants(path: Path) -> None:
    """Compute what does not depend on the input; the exporter leaves paddings to be computed."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=['CPUExecutionProvider'])


def fold_padding(model: onnx.ModelProto) -> int:
    """Let convolutions pad by themselves where a constant padding by 0 comes before them.

    Padding apart would copy the largest feature maps, which took 10 % of the time.

    Returns:
        The number of convolutions that now do.
    """
    graph = model.graph
    constants = {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == 'Constant'
    }
    constants |= {tensor.name: tensor for tensor in graph.initializer}
    folded = 0
    pads = {node.output[0]: node for node in graph.node if node.op_type == 'Pad'}
    for node in [node for node in graph.node if node.op_type == 'Conv' and node.input[0] in pads]:
        pad = pads[node.input[0]]
        if pad.input[1] not in constants:
            continue
        amounts = onnx.numpy_helper.to_array(constants[pad.input[1]]).tolist()
        attribute = next(a for a in node.attribute if a.name == 'pads')
        if amounts[:2] + amounts[4:6] != [0] * 4 or any(attribute.ints):
            continue
        attribute.ints[:] = amounts[2:4] + amounts[6:]
        node.input[0] = pad.input[0]
        graph.node.remove(pad)
        folded += 1
    return folded


def drop_unused(model: onnx.ModelProto) -> None:
    """Remove constants that no node reads, and operator sets that no node is of."""
    graph = model.graph
    read = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
    domains = {node.domain for node in graph.node}
    for used in [used for used in model.opset_import if used.domain not in domains]:
        model.opset_import.remove(used)

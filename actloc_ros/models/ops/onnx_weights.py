"""Give a network the weights of an ONNX file that was exported from such a network."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

WEIGHTED = ('Conv', 'Gemm', 'MatMul')
PREFIX = 'network.'
"""Under which the exported module holds the network."""


class RestoreError(ValueError):
    """An ONNX file that was not exported from such a network; the text says what differs."""


def restore(network: nn.Module, file: Path | bytes) -> None:
    """Set all weights of a network, in place, and put it into evaluation mode.

    Args:
        network: As it was exported: of the same layers with the same names, none of them a norm.
        file: The ONNX file, or its content.

    Raises:
        RestoreError: The file has not all of its weights, or some of other shapes.
    """
    given = read_weights(file, network)
    own = dict(network.eval().named_parameters())
    missing = sorted(own.keys() - given.keys())
    if missing:
        raise RestoreError(f'it lacks {len(missing)} weights, {", ".join(missing[:3])} among them')
    for name, parameter in own.items():
        if parameter.shape != given[name].shape:
            raise RestoreError(
                f'{name} is of shape {tuple(given[name].shape)}, not {tuple(parameter.shape)}'
            )
        parameter.data.copy_(given[name])


def read_weights(file: Path | bytes, network: nn.Module) -> dict[str, Tensor]:
    """Return the weights in an ONNX file by the names that they have in the network."""
    model = onnx.load_from_string(file) if isinstance(file, bytes) else onnx.load(str(file))
    constants = {each.name: _tensor(each) for each in model.graph.initializer}
    constants |= {
        node.output[0]: _tensor(node.attribute[0].t)
        for node in model.graph.node
        if node.op_type == 'Constant' and node.attribute[0].HasField('t')
    }
    found = {
        name.removeprefix(PREFIX): value
        for name, value in constants.items()
        if name.startswith(PREFIX)
    }
    for node in model.graph.node:
        if node.op_type in WEIGHTED and (module := module_of(node.name, network)):
            for name, key in zip(('weight', 'bias'), node.input[1:], strict=False):
                if key in constants and not key.startswith(PREFIX):
                    value = constants[key]
                    found[f'{module}.{name}'] = value.T if node.op_type == 'MatMul' else value
    return found


def module_of(node: str, network: nn.Module) -> str:
    """Return the name of the module that a node of a graph came from, or nothing.

    `/network/heads.0/tower/tower.1/mix/Conv` is of `heads.0.tower.1.mix`. Modules whose own
    `forward` was not called are missing in it, so the end of the name decides.
    """
    parts: list[str] = []
    for part in node.strip('/').split('/')[1:-1]:
        if parts and part.startswith(f'{parts[-1]}.'):
            parts.pop()
        parts.append(part)
    path = '.'.join(parts)
    fitting = [
        name for name, _ in network.named_modules() if path and f'.{name}'.endswith(f'.{path}')
    ]
    return fitting[0] if len(fitting) == 1 else ''


def _tensor(given: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(given).copy())

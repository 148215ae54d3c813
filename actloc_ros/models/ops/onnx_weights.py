"""Give a network the weights of an ONNX file that was exported from such a network.

Exporters fold a batch norm into the convolution before it. So here the convolution gets the folded
weights, and its norm only adds the folded bias: in evaluation mode the network does what the file
does, and it can be trained on while its norms stay as they are.
"""

from __future__ import annotations

from itertools import pairwise
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


def restore(network: nn.Module, file: Path | bytes, example: tuple[Tensor, ...]) -> None:
    """Set all weights of a network, in place, and put it into evaluation mode.

    Args:
        network: As it was exported: of the same layers with the same names.
        file: The ONNX file, or its content.
        example: Inputs of the network: one pass shows which norm follows which convolution.

    Raises:
        RestoreError: The file has not all of its weights, or some of other shapes.
    """
    given = read_weights(file, network)
    own = dict(network.named_parameters())
    for conv, norm in norms_behind(network.eval(), example).items():
        _set_norm(network.get_submodule(norm), given.pop(f'{conv}.bias', None), norm)
        for name in ('weight', 'bias'):
            own.pop(f'{norm}.{name}')
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


@torch.no_grad()
def norms_behind(network: nn.Module, example: tuple[Tensor, ...]) -> dict[str, str]:
    """Return the norm that follows each convolution that has one, by names."""
    ran: list[tuple[str, nn.Module]] = []
    hooks = [
        module.register_forward_hook(lambda m, _i, _o, name=name: ran.append((name, m)))
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))
    ]
    network(*example)
    for hook in hooks:
        hook.remove()
    return {
        before: name
        for (before, conv), (name, norm) in pairwise(ran)
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d)
    }


def _set_norm(norm: nn.Module, bias: Tensor | None, name: str) -> None:
    """Let a norm add a bias and change nothing else."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    if bias is None or bias.shape != norm.bias.shape:
        raise RestoreError(f'it has no folded bias of {name}')
    norm.bias.data.copy_(bias)
    norm.weight.data.fill_(1)
    norm.running_mean.fill_(0)
    norm.running_var.fill_(1 - norm.eps)


def _tensor(given: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(given).copy())

"""Start a `people_n` network from the published weights of YOLOX-nano."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from actloc_ros.models.people_n.network import PeopleNetwork, fold_norms
from actloc_ros.models.published_people.yolox import YOLOX

PUBLISHED = 'teacher/models/yolox_nano.onnx'
CLASSES, PERSON = 80, 0
PIXELS = 4  # of a square that the stem takes as channels, each of three colours


def load_published(network: PeopleNetwork, path: Path) -> None:
    """Give a network the weights of YOLOX-nano, but for its joints, which are new.

    Args:
        network: As wide as YOLOX-nano.
        path: ONNX file of it, with 80 classes, its norms folded into the convolutions.

    Raises:
        ValueError: The file holds other convolutions.
    """
    published = YOLOX(CLASSES, 'nano').eval()
    fold_norms(published)
    _load_in_order(published, path)
    network.trunk.neck.load_state_dict(published.backbone.state_dict())
    theirs: Any = published.head
    head: Any
    for i, head in enumerate(network.heads):
        head.stem.load_state_dict(theirs.stems[i].state_dict())
        head.person_tower.load_state_dict(theirs.cls_convs[i].state_dict())
        head.box_tower.load_state_dict(theirs.reg_convs[i].state_dict())
        head.box.load_state_dict(theirs.reg_preds[i].state_dict())
        head.object.load_state_dict(theirs.obj_preds[i].state_dict())
        classes = theirs.cls_preds[i].state_dict()
        head.person.load_state_dict({name: value[[PERSON]] for name, value in classes.items()})
    _take_rgb(network.trunk.neck.backbone.stem.conv.conv.weight)


def _load_in_order(network: nn.Module, path: Path) -> None:
    """Give each convolution the weights of the file's, in the order in which they run."""
    model = onnx.load(str(path))
    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == 'Cast' and node.input[0] in values:  # weights kept in half precision
            values[node.output[0]] = values[node.input[0]]
    given = [
        [torch.from_numpy(values[name].copy()) for name in node.input[1:]]
        for node in model.graph.node
        if node.op_type == 'Conv'
    ]
    own = [list(conv.parameters()) for conv in _convolutions(network)]
    if _shapes(own) != _shapes(given):
        raise ValueError(f'"{path}" holds other convolutions than YOLOX-nano')
    for parameters, tensors in zip(own, given, strict=True):
        for parameter, tensor in zip(parameters, tensors, strict=True):
            parameter.data.copy_(tensor)


def _shapes(convolutions: list[list[Any]]) -> list[list[torch.Size]]:
    return [[each.shape for each in one] for one in convolutions]


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Return the convolutions in the order in which they run."""
    ran: list[nn.Conv2d] = []
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [conv.register_forward_hook(lambda conv, *_: ran.append(conv)) for conv in convs]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return ran


def _take_rgb(weight: Tensor) -> None:
    """Exchange blue and red in the stem's weight (C, 12, 3, 3)."""
    weight.data = weight.data.unflatten(1, (PIXELS, 3)).flip(2).flatten(1, 2)

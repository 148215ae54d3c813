"""Give a `joints_n` file a second look; its joints stay as they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from actloc_ros.models.joints_n.crops import SIDE
from actloc_ros.models.joints_n.person_head import (
    CHANNELS,
    PRESENCE,
    STRIDES,
    PersonHead,
    features_of,
)
from actloc_ros.models.joints_n.second_look import METADATA, SecondLook
from actloc_ros.models.joints_n.session import PERSON
from actloc_ros.models.people_n.export import fold_constants, write_onnx

LEVELS = (
    '/network/blocks.12/Add_output_0',
    '/network/blocks.15/Add_output_0',
    '/network/wide/fused/fused.1/Relu_output_0',
    '/network/Add_4_output_0',
)
"""What `joints_n.onnx` computes of crops and the head reads, as `features_of` takes it."""

GIVEN = ('middle', 'coarse', 'fine', 'presence_odds')
PREFIX = 'look/'


class _Look(nn.Module):
    """The head, from the levels on."""

    def __init__(self, head: PersonHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, middle: Tensor, coarse: Tensor, fine: Tensor, presence: Tensor) -> Tensor:
        """See `features_of` -> (B,)."""
        return self.head(features_of(middle, coarse, fine, presence))


def with_second_look(joints: Path, head: PersonHead, look: SecondLook) -> bytes:
    """Return a `joints_n` ONNX file with the head beside its joints.

    Args:
        joints: The file; one that has a second look already gets this one instead.
        head: Trained on what this file computes.
        look: How its answers count.

    Raises:
        ValueError: The file is no `joints_n`.
    """
    model = without_second_look(onnx.load(str(joints)))
    check_levels(model, joints)
    facts = {each.key: each.value for each in model.metadata_props}
    added = _graph(head)
    for node in added.node:
        node.name = PREFIX + node.name
        for names in (node.input, node.output):
            names[:] = [_renamed(name) for name in names]
    for tensor in added.initializer:
        tensor.name = _renamed(tensor.name)
    model.graph.node.extend(added.node)
    model.graph.initializer.extend(added.initializer)
    model.graph.output.extend(added.output)
    onnx.helper.set_model_props(model, facts | {METADATA: look.text()})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def without_second_look(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model without what `with_second_look` added; others stay as they are."""
    graph = model.graph
    for node in [node for node in graph.node if node.name.startswith(PREFIX)]:
        graph.node.remove(node)
    for tensor in [each for each in graph.initializer if each.name.startswith(PREFIX)]:
        graph.initializer.remove(tensor)
    for output in [output for output in graph.output if output.name == PERSON]:
        graph.output.remove(output)
    return model


def check_levels(model: onnx.ModelProto, file: Path) -> None:
    """Refuse a model that does not compute what the head reads.

    Raises:
        ValueError: It does not.
    """
    made = {name for node in model.graph.node for name in node.output}
    if not made >= {*LEVELS, 'maps'}:
        raise ValueError(f'"{file}" is no joints_n')


def _graph(head: PersonHead) -> onnx.GraphProto:
    levels = tuple(
        torch.zeros(2, channels, SIDE // stride, SIDE // stride)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'look.onnx'
        axes = {name: {0: 'people'} for name in (*GIVEN, PERSON)}
        examples = (*levels, torch.zeros(2, PRESENCE))
        write_onnx(_Look(head), examples, path, GIVEN, [PERSON], axes)
        fold_constants(path)
        return onnx.load(str(path)).graph


def _renamed(name: str) -> str:
    """Return what a value of the head is called among those of `joints_n`."""
    if name in ('', PERSON):
        return name
    return LEVELS[GIVEN.index(name)] if name in GIVEN else PREFIX + name

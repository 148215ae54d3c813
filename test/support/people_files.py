"""Write people networks that report what a test says, and descriptions of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper


def write_network(
    path: Path,
    outputs: dict[str, np.ndarray],
    shape: Sequence[int | str] = (1, 3, 64, 64),
    kind: int = TensorProto.FLOAT,
) -> None:
    """Write a network that reports the same of every image."""
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    given = [helper.make_tensor_value_info('image', kind, shape)]
    results = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, 'constant', given, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.save(model, str(path))


def describe(path: Path, **values: object) -> Path:
    """Write a description, of a detector in `x.onnx` unless `values` say otherwise."""
    given = {
        'people': 'x.onnx', 'layout': 'rtmdet', 'resize': 'letterbox', 'size': [64, 64],
        'colour': 'bgr', **values,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(given))
    return path

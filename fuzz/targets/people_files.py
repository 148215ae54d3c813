"""Fuzz networks that people bring: ONNX files, and the YAML files that describe them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from actloc_ros.models.people.open import open_people
from fuzz.mutate import mutate_bytes, mutate_text, mutate_tree
from fuzz.target import Target

DESCRIPTION = {
    'people': 'x.onnx', 'layout': 'rtmdet', 'resize': 'letterbox', 'size': [64, 64],
    'colour': 'bgr', 'maximum': 1.0, 'mean': [0.5, 0.5, 0.5], 'std': [1.0, 1.0, 1.0], 'pad': 114,
    'threshold': 0.5, 'nms_iou': 0.6, 'person': 0, 'strides': [8, 16, 32], 'point_offset': 0.5,
}  # fmt: skip
OUTPUTS = {
    'rtmdet': {'dets': (1, 3, 5), 'labels': (1, 3)},
    'yolox': {'output': (1, 84, 85)},
    'movenet_multipose': {'output_0': (1, 6, 56)},
    'rtmo': {'dets': (1, 3, 5), 'keypoints': (1, 3, 17, 3)},
}
IMAGE = np.full((48, 64, 3), 90, np.uint8)


@cache
def whole_networks() -> dict[str, bytes]:
    """Return a small network for each layout, which gives the same for every image."""
    return {layout: _network(shapes) for layout, shapes in OUTPUTS.items()}


def _network(shapes: dict[str, tuple[int, ...]]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    values = {
        name: rng.random(shape, np.float32) if name != 'labels' else np.zeros(shape, np.int64)
        for name, shape in shapes.items()
    }
    nodes = [
        helper.make_node('Constant', [], [name], value=numpy_helper.from_array(value, name))
        for name, value in values.items()
    ]
    given = [helper.make_tensor_value_info('image', TensorProto.FLOAT, (1, 3, 64, 64))]
    results = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for name, v in values.items()
    ]
    graph = helper.make_graph(nodes, 'constant', given, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    model.metadata_props.add(key='skeleton_n', value=json.dumps({'labels': []}))
    return model.SerializeToString()


def _make(random: Random, folder: Path) -> Path:
    layout = random.choice(list(OUTPUTS))
    network = whole_networks()[layout]
    described = json.dumps({**DESCRIPTION, 'layout': layout})
    tree: Any = json.loads(described)
    choice = random.random()
    path = folder / 'broken.yaml'
    if choice < 0.4:
        network = mutate_bytes(random, network)
    elif choice < 0.7:
        tree = mutate_tree(random, tree)
    text = yaml.safe_dump(tree, allow_unicode=True).encode('utf-8', 'surrogatepass')
    path.write_bytes(text if choice < 0.7 else mutate_text(random, text.decode()))
    (folder / 'x.onnx').write_bytes(network)
    if choice < 0.1:  # taken for a people_n
        return (folder / 'x.onnx').rename(folder / 'broken.onnx')
    return path


def _run(path: Path) -> None:
    network = open_people(str(path), 'cpu', 1)
    found = network.find(IMAGE, network.threshold)
    assert found.boxes.shape == (len(found.scores), 4)
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.scores).all()


def _import() -> None:
    whole_networks()
    import onnxruntime  # noqa: F401


TARGETS = (Target('people_file', _make, _run, 7, _import),)

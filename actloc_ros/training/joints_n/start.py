"""Give a `joints_n` network the published weights of MoveNet Lightning that it starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actloc_ros.models.joints_n.network import BLOCKS, JointsNetwork

FILE = 'movenet-lightning.json'
"""A TensorFlow.js graph model; the file of its weights, which it names, lies beside it."""

_MODEL = 'StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/'
_TRUNK = f'{_MODEL}model/'
_MAPS = 'StatefulPartitionedCall/kpt_heatmap_0/'
_FOLDED = ('_weights', '_bn_offset')  # ends of the names of a convolution that took over its norm
_READ = ('/Conv2D/ReadVariableOp', '/BiasAdd/ReadVariableOp')  # of one that never had one

Weights = dict[str, npt.NDArray[np.float32]]


def load_start(network: JointsNetwork, folder: Path) -> None:
    """Load trunk, fused levels and the first way to the maps; the rest stays as it is.

    Raises:
        ValueError: The file in the folder lacks a weight.
        OSError: It is not there.
    """
    path = folder / FILE
    published, own = read_tfjs(path), network.state_dict()
    for name, source in sources().items():
        if source not in published:
            raise ValueError(f'"{path}" lacks the weights {source}')
        value = published[source]
        if value.ndim == 4:  # rows, columns, inputs, outputs; of depthwise ones outputs, 1
            value = value.transpose(2, 3, 0, 1) if _depthwise(name) else value.transpose(3, 2, 0, 1)
        own[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))


def read_tfjs(path: Path) -> Weights:
    """Return the weights of a TensorFlow.js model that are numbers, by their names."""
    weights: Weights = {}
    for group in json.loads(path.read_text())['weightsManifest']:
        data = b''.join((path.parent / name).read_bytes() for name in group['paths'])
        at = 0
        for entry in group['weights']:
            kind, count = _stored(entry), int(np.prod(entry['shape']))
            values = np.frombuffer(data, kind, count, at)
            at += count * kind.itemsize
            if kind.kind == 'f':
                weights[entry['name']] = values.astype(np.float32).reshape(entry['shape'])
    return weights


def sources() -> dict[str, str]:
    """Return the names of the network's weights, each with that of the published one."""
    pairs = _conv('trunk.stem', f'{_TRUNK}Conv1/Conv2D', _FOLDED)
    for i, (expansion, _, _) in enumerate(BLOCKS):
        block = f'{_TRUNK}block_{i}_' if i else f'{_TRUNK}expanded_conv_'
        if expansion > 1:
            pairs |= _conv(f'trunk.blocks.{i}.expand', f'{block}expand/Conv2D', _FOLDED)
        pairs |= _conv(f'trunk.blocks.{i}.depthwise', f'{block}depthwise/depthwise', _FOLDED)
        pairs |= _conv(f'trunk.blocks.{i}.project', f'{block}project/Conv2D', _FOLDED)
    pairs |= _conv('trunk.top', f'{_TRUNK}Conv_1/Conv2D', _FOLDED)
    pairs |= _conv('trunk.narrow', f'{_MODEL}conv2d', _READ)
    for i in range(3):
        pairs |= _conv(f'trunk.sides.{i}', f'{_MODEL}conv2d_{i + 1}', _READ)
        name = f'{_MODEL}separable_conv2d{f"_{i}" if i else ""}/separable_conv2d'
        pairs |= {f'trunk.fusions.{i}.depthwise.weight': f'{name}/ReadVariableOp'}
        pairs |= _conv(f'trunk.fusions.{i}.pointwise', name, _FOLDED)
    name = f'{_MAPS}separable_conv2d_4'
    pairs |= {'seen.depthwise.weight': f'{name}/separable_conv2d/ReadVariableOp'}
    ends = ('/separable_conv2d/ReadVariableOp_1', '/BiasAdd/ReadVariableOp')
    return pairs | _conv('seen.pointwise', name, ends) | _conv('maps', f'{_MAPS}conv2d_5', _READ)


def _conv(own: str, published: str, ends: tuple[str, str]) -> dict[str, str]:
    return {f'{own}.weight': published + ends[0], f'{own}.bias': published + ends[1]}


def _depthwise(name: str) -> bool:
    return name.endswith('depthwise.weight')


def _stored(entry: dict[str, Any]) -> np.dtype[Any]:
    """Return the type that a file holds; 16 bits where they are enough of a floating number."""
    return np.dtype(entry.get('quantization', entry)['dtype'])

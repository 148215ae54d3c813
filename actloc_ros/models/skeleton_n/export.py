"""Write a skeleton network as ONNX, with all that it takes to run it inside the file."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence

import onnx
import torch

from actloc_ros.models.skeleton_n.actions import METADATA, SkeletonSpec
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet

OPSET = 17


def to_onnx(network: SkeletonNet, labels: Sequence[str], thresholds: Sequence[float]) -> bytes:
    """Return a step of the network as an ONNX file for any number of tracks.

    Inputs `features` (N, FEATURES), `elapsed` (N,) in seconds and `state` (layers, N, width);
    outputs `scores` (N, C) in [0, 1] and `next_state`; all float32.
    """
    network = network.eval()
    tracks = 2
    given = (torch.zeros(tracks, FEATURES), torch.zeros(tracks), network.initial_state(tracks))
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the exporter says that it is deprecated
        torch.onnx.export(
            _Step(network),
            given,
            file,  # type: ignore[arg-type]
            input_names=['features', 'elapsed', 'state'],
            output_names=['scores', 'next_state'],
            dynamic_axes={
                'features': {0: 'tracks'},
                'elapsed': {0: 'tracks'},
                'state': {1: 'tracks'},
                'scores': {0: 'tracks'},
                'next_state': {1: 'tracks'},
            },
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    spec = SkeletonSpec(tuple(labels), tuple(thresholds), network.layers, network.width)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(spec.to_dict())
    return model.SerializeToString(deterministic=True)


class _Step(torch.nn.Module):
    """A step that gives scores."""

    def __init__(self, network: SkeletonNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, features: torch.Tensor, elapsed: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores (N, C) and the next state."""
        logits, following = self.network.step(features, elapsed, state)
        return torch.sigmoid(logits), following

"""Read a `skeleton_n` ONNX file as a PyTorch network, to train on or to run where PyTorch is."""

from __future__ import annotations

from pathlib import Path

import torch

from actloc_ros.models.ops.onnx_weights import RestoreError, read_weights, restore
from actloc_ros.models.skeleton_n.actions import SkeletonSession, SkeletonSpec
from actloc_ros.models.skeleton_n.features import FEATURES
from actloc_ros.models.skeleton_n.network import SkeletonNet


def restore_skeleton(file: Path | bytes) -> tuple[SkeletonNet, SkeletonSpec]:
    """Return the network in a file that `export.to_onnx` wrote, and what the file says of itself.

    Raises:
        ValueError: It is no such file.
        OSError: It cannot be read.
    """
    spec = SkeletonSession(file).spec
    given = read_weights(file, SkeletonNet(1, spec.width, spec.layers))
    if 'encode_1.weight' not in given:
        raise RestoreError('it has no weights of skeleton_n')
    if given['encode_1.weight'].shape[1] > FEATURES:
        # The exporter computes with its adjacency, so that the file no longer holds it as it was.
        raise RestoreError('its graph convolution cannot be restored')
    network = SkeletonNet(len(spec.labels), spec.width, spec.layers)
    example = torch.zeros(1, 1, FEATURES), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)
    restore(network, file, (*example, network.initial_state(1)))
    return network, spec

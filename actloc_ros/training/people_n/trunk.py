"""Train a network on a published trunk: its frozen start, groups and averages of weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import onnxruntime
import torch
from torch import Tensor, nn

from actloc_ros.models.people_n.export import write_onnx


class FrozenStart:
    """The start of a trunk that is not trained, by ONNX Runtime: faster than PyTorch."""

    def __init__(self, trunk: Any, folder: Path) -> None:
        path = folder / 'start.onnx'
        free = {0: 'n', 2: 'h', 3: 'w'}
        axes = {'images': free, 'level': free}
        write_onnx(_Start(trunk), torch.zeros(1, 3, 64, 64), path, 'images', ['level'], axes)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        providers = ['CPUExecutionProvider']
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) -> (B, 40, H / 8, W / 8)."""
        level = self._session.run(None, {'images': images.float().numpy()})[0]
        return torch.from_numpy(level).contiguous(memory_format=torch.channels_last)


class _Start(nn.Module):
    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to what `Trunk.start` returns."""
        return self.trunk.start(images)


def average_weights(decay: float) -> Any:
    """Return what updates averaged weights; early averages forget faster."""

    @torch.no_grad()
    def update(averages: Any, current: Any, count: Any) -> None:
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - kept)
            else:
                average.copy_(value)

    return update


def weight_groups(
    network: nn.Module,
    begun: str,
    learning_rate: float,
    begun_rate: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Return the optimizer's groups.

    Args:
        network: That learns.
        begun: Regular expression for the names of parameters that begin with published weights.
        learning_rate: Of the others.
        begun_rate: Of those, as a factor.
        weight_decay: Of all but biases and norms.
    """
    groups = []
    for old in (True, False):
        for single in (True, False):
            chosen = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad
                and bool(re.match(begun, name)) == old
                and (parameter.dim() == 1) == single
            ]
            rate_ = learning_rate * (begun_rate if old else 1)
            decay = 0.0 if single else weight_decay
            groups.append({'params': chosen, 'full_rate': rate_, 'weight_decay': decay})
    return groups


def one_thread(_worker: int) -> None:
    """Keep a process that prepares batches to one thread."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)

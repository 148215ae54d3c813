"""Write a `joints_n` network as ONNX, for any number of crops."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from actloc_ros.models.joints_n.crops import SIDE
from actloc_ros.models.joints_n.network import JointsNetwork
from actloc_ros.models.people_n.export import NOTICE, finish_onnx, write_onnx

OUTPUTS = ('maps', 'presence')


class _Crops(nn.Module):
    """Takes crops as they lie in memory, and reports chances of presence instead of logits."""

    def __init__(self, network: JointsNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, SIDE, SIDE, 3), RGB -> float (B, 17, h, w) and (B, 17)."""
        raw = self.network(crops.permute(0, 3, 1, 2).float())
        return raw.maps, raw.presence.sigmoid()


def export_onnx(network: JointsNetwork, path: Path) -> None:
    """Write the network, in evaluation mode, as an ONNX file that takes any number of crops.

    It takes `crops`, uint8 (N, SIDE, SIDE, 3) in RGB, and gives `maps`, logits (N, 17, SIDE / 4,
    SIDE / 4), and `presence`, chances (N, 17). Its metadata hold the notice of the trunk's weights.
    """
    was_training = network.training
    crops = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    axes = {name: {0: 'people'} for name in ('crops', *OUTPUTS)}
    write_onnx(_Crops(network), crops, path, 'crops', OUTPUTS, axes)
    network.train(was_training)
    finish_onnx(path, {'notice': NOTICE})

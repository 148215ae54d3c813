"""Train a YOWOv2: the last frame of a clip is its key frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actloc_ros.models.entry import Entry
from actloc_ros.models.ops.grid import location_centres
from actloc_ros.models.yowov2.decode import STRIDES
from actloc_ros.training.adapter import DensePredictions, TrainableAdapter

RARE = -4.6
"""Logit of an actor at the start, as in `stream`: few locations hold one."""


class Yowov2Adapter(TrainableAdapter):
    """The last frame of a clip is its key frame; keypoints are not used.

    Args:
        network: The weights to train; its confidences are made to start low.
        entry: Its preprocessing, labels and thresholds.
        keypoints: Not used.
    """

    def __init__(self, network: nn.Module, entry: Entry, keypoints: int = 0) -> None:
        super().__init__(network, entry)
        for head in network.conf_preds:  # type: ignore[union-attr]
            nn.init.constant_(head.bias, RARE)

    def action_biases(self, network: nn.Module) -> list[Tensor]:
        """Return those of the class predictors; see `TrainableAdapter.action_biases`."""
        return [layer.bias for layer in network.cls_preds]  # type: ignore[union-attr]

    def predict(self, clips: Tensor, network: nn.Module) -> DensePredictions:
        """Run the network; see `TrainableAdapter.predict`."""
        maps = network(clips)
        centres = location_centres(clips.shape[-2], clips.shape[-1], STRIDES, clips)
        flat = [x.flatten(2).mT for x in maps]
        strides = torch.cat(
            [x.new_full((x.shape[1], 1), float(s)) for x, s in zip(flat[::3], STRIDES, strict=True)]
        )
        box = torch.cat(flat[2::3], dim=1)
        middle = centres + box[..., :2] * strides
        half = box[..., 2:].clamp(max=6).exp() * strides / 2
        return DensePredictions(
            boxes=torch.cat([middle - half, middle + half], dim=-1),
            actor=torch.cat(flat[::3], dim=1)[..., 0],
            actions=torch.cat(flat[1::3], dim=1),
            centres=centres,
        )

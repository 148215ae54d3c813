"""Predict keypoints beside a streaming network's task, by layers that only training needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actloc_ros.models.stream.heads import StreamOutput
from actloc_ros.models.stream.network import STRIDES, StreamNet, check_input, joined
from actloc_ros.models.stream.state import ClipContext

REACH_OF_RAW = 2.0
"""Strides that a raw prediction of 1 stands for."""


class StreamWithKeypoints(nn.Module):
    """A streaming network that also predicts keypoints and their movements, trained as one.

    Args:
        network: What is trained.
        keypoints: How many points K of a body.
    """

    def __init__(self, network: StreamNet, keypoints: int) -> None:
        super().__init__()
        self.network = network
        self.pose = nn.ModuleList(nn.Conv2d(network.width, 4 * keypoints, 1) for _ in STRIDES)

    def forward(self, clip: Tensor) -> tuple[StreamOutput, Tensor]:
        """Map clips (B, 3, T, H, W) to the network's predictions and poses (B, T, A, 4K).

        A pose is x, y of each keypoint from the location's centre, then how far each has moved in
        `keypoints.LAG` frames, in pixels.
        """
        check_input(clip, 5)
        frames = clip.transpose(1, 2)
        outputs, poses = [], []
        levels = self.network.levels(frames.flatten(0, 1), ClipContext(frames.shape[1]))
        for (x, head), layer in zip(levels, self.pose, strict=True):
            what, where = head.branches(x)
            outputs.append(head.predict(what, where))
            raw = layer(what).flatten(2).transpose(1, 2)
            poses.append(raw * (head.stride * REACH_OF_RAW))
        output = StreamOutput(*(x.unflatten(0, frames.shape[:2]) for x in joined(outputs)))
        return output, torch.cat(poses, dim=1).unflatten(0, frames.shape[:2])

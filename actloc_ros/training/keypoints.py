"""Train a streaming network, beside its task, to predict joints and how they have just moved.

Actions are movements of limbs. Where recordings have keypoints, as synthetic ones do, the features
that predict actions must also predict these: every frame then trains them on limbs, not only the
few that show a rare action. The layers that predict keypoints are needed in training alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LAG = 3
"""Frames over which movements are measured."""


def pose_targets(keypoints: Tensor, valid: Tensor) -> Tensor:
    """Return where keypoints are and how far they have moved in LAG frames: (B, T, M, 4K).

    Args:
        keypoints: float (B, T, M, K, 2) in pixels; NaN where they are not known.
        valid: bool (B, T, M): whether the actor is visible. One who is not has no pose.
    """
    visible = torch.where(valid[..., None, None], keypoints, torch.nan)
    padded = functional.pad(visible, (0, 0, 0, 0, 0, 0, LAG, 0), value=torch.nan)
    before = padded[:, : visible.shape[1]]
    return torch.cat([visible.flatten(3), (visible - before).flatten(3)], dim=-1)


def pose_loss(predicted: Tensor, true: Tensor, centres: Tensor, boxes: Tensor) -> Tensor:
    """Return how far poses at N locations are from the truth, in sizes of the actor: (N,).

    It is the mean over keypoints and their movements; what is not known counts as right.

    Args:
        predicted: (N, 4K) in pixels, keypoints from the locations' centres.
        true: (N, 4K) in pixels, NaN where it is not known.
        centres: (N, 2) of the locations.
        boxes: (N, 4) of the actors.
    """
    half = predicted.shape[1] // 2
    keypoints = predicted[:, :half] + centres.repeat(1, half // 2)
    predicted = torch.cat([keypoints, predicted[:, half:]], dim=1)
    known = true.isfinite()
    size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=64).sqrt()
    miss = torch.where(known, (predicted - true.nan_to_num()).abs(), 0) / size[:, None]
    return miss.sum(dim=1) / half

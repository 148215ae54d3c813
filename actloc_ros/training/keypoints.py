"""Teach a streaming network, beside its task, where joints are and how they have just moved.

Actions are movements of limbs. Where recordings tell keypoints, as synthetic ones do, the features
that say what is done must also say these: every frame then teaches something about limbs, not only
the few in which a rare action is shown. The layers that say so are needed in training alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LAG = 3
"""Frames over which movements are told."""


def pose_targets(keypoints: Tensor, valid: Tensor) -> Tensor:
    """Return where keypoints are and how far they have moved in LAG frames: (B, T, M, 4K).

    Args:
        keypoints: float (B, T, M, K, 2) in pixels; NaN where they are not known.
        valid: bool (B, T, M): whether the actor is seen. One who is not has no pose.
    """
    seen = torch.where(valid[..., None, None], keypoints, torch.nan)
    before = functional.pad(seen, (0, 0, 0, 0, 0, 0, LAG, 0), value=torch.nan)[:, : seen.shape[1]]
    return torch.cat([seen.flatten(3), (seen - before).flatten(3)], dim=-1)


def pose_loss(told: Tensor, true: Tensor, centres: Tensor, boxes: Tensor) -> Tensor:
    """Return how far poses at N places are from the truth, in sizes of the actor: (N,).

    It is the mean over keypoints, and that of their movements; what is not known counts as right.

    Args:
        told: (N, 4K) predictions in pixels, keypoints from the places' centres.
        true: (N, 4K) in pixels, NaN where it is not known.
        centres: (N, 2) of the places.
        boxes: (N, 4) of the actors.
    """
    half = told.shape[1] // 2
    told = torch.cat([told[:, :half] + centres.repeat(1, half // 2), told[:, half:]], dim=1)
    known = true.isfinite()
    size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).clamp(min=64).sqrt()
    miss = torch.where(known, (told - true.nan_to_num()).abs(), 0) / size[:, None]
    return miss.sum(dim=1) / half

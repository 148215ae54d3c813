"""Turn class logits into scores."""

from __future__ import annotations

import torch
from torch import Tensor

from actloc_ros.models.entry import Activation

_POSES = 14  # the first classes of AVA, of which a person has exactly one


def class_scores(logits: Tensor, activation: Activation) -> Tensor:
    """Return the scores in [0, 1] of class logits (..., C)."""
    if activation is Activation.SOFTMAX:
        return logits.softmax(-1)
    if activation is Activation.SIGMOID:
        return logits.sigmoid()
    poses, others = logits[..., :_POSES], logits[..., _POSES:]
    return torch.cat((poses.softmax(-1), others.sigmoid()), -1)

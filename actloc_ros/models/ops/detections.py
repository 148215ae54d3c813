"""Turn the actors that a network predicts into detections in pixels of the original image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections
from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.entry import Entry


def to_float32(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Return half-precision maps in single precision: exponentials and products overflow it."""
    return [x.float() if x.dtype in (torch.float16, torch.bfloat16) else x for x in outputs]


def to_detections(
    actors: ActorPredictions, frame: Frame, entry: Entry, clip: ClipInfo
) -> Detections:
    """Return a network's predictions in pixels of the original image, clipped to it.

    Boxes of which nothing is left in the image are dropped.
    """
    how = entry.preprocessing
    scale = actors.boxes.new_tensor([frame.width / how.width, frame.height / how.height] * 2)
    limit = actors.boxes.new_tensor([frame.width, frame.height] * 2)
    boxes = torch.minimum((actors.boxes * scale).clamp(min=0), limit)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return Detections(
        boxes=_numpy(boxes[inside]),
        scores=_numpy(actors.scores[inside]),
        actions=_numpy(actors.actions[inside]),
        clip=clip,
    )


def _numpy(values: Tensor) -> np.ndarray:
    """Return values on the host, float32."""
    return values.float().cpu().numpy()

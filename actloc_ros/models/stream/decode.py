"""Turn the streaming network's predictions into actors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torchvision.ops import nms

from actloc_ros.models.architecture import ActorPredictions
from actloc_ros.models.entry import Entry


def decode(outputs: Sequence[Tensor], entry: Entry) -> list[ActorPredictions]:
    """Return the actors at the newest frame of each clip.

    Args:
        outputs: Boxes (B, T, A, 4), actor logits (B, T, A) and action logits (B, T, A, C); or the
            same of one step, without T.
        entry: Gives thresholds.
    """
    boxes, actor, actions = outputs
    if boxes.dim() == 4:
        boxes, actor, actions = boxes[:, -1], actor[:, -1], actions[:, -1]
    return [_actors(*frame, entry) for frame in zip(boxes, actor, actions, strict=True)]


def _actors(boxes: Tensor, actor: Tensor, actions: Tensor, entry: Entry) -> ActorPredictions:
    """Return the actors at the best of A locations without overlapping ones, best first.

    Args:
        boxes: (A, 4).
        actor: (A,) logits.
        actions: (A, C) logits.
        entry: Gives thresholds.
    """
    scores, index = actor.sigmoid().topk(min(entry.top_k, len(actor)))
    index, scores = index[scores > entry.min_score], scores[scores > entry.min_score]
    index = index[nms(boxes[index], scores, entry.nms_iou)]
    likely = actor[index].sigmoid()
    return ActorPredictions(boxes[index], likely, action_scores(likely, actions[index].sigmoid()))


def action_scores(actor: Tensor, actions: Tensor) -> Tensor:
    """Return the scores of actions: (N, C), the geometric mean of both probabilities.

    The network learns actions only where actors are; elsewhere its probabilities mean nothing.

    Args:
        actor: (N,) probabilities that there is an actor.
        actions: (N, C) probabilities that an actor does each action.
    """
    return (actions * actor[:, None]).sqrt()

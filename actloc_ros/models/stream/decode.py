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
    """Return the best of A places, and of those that overlap the best, best first.

    Args:
        boxes: (A, 4).
        actor: (A,) logits.
        actions: (A, C) logits.
        entry: Gives thresholds.
    """
    scores, place = actor.sigmoid().topk(min(entry.top_k, len(actor)))
    place, scores = place[scores > entry.min_score], scores[scores > entry.min_score]
    place = place[nms(boxes[place], scores, entry.nms_iou)]
    likely = actor[place].sigmoid()
    return ActorPredictions(boxes[place], likely, action_scores(likely, actions[place].sigmoid()))


def action_scores(actor: Tensor, actions: Tensor) -> Tensor:
    """Return what actions score: (N, C), the geometric mean of both probabilities.

    The network learns actions only where actors are, and says anything elsewhere.

    Args:
        actor: (N,) probabilities that there is an actor.
        actions: (N, C) probabilities that an actor does each action.
    """
    return (actions * actor[:, None]).sqrt()

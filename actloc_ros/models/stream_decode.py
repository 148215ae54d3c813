"""Turn the streaming network's predictions into actors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torchvision.ops import nms

from actloc_ros.models.weights import Actors, Entry

ACTION_SHARE = 2 / 3
"""Weight of the action's own probability in its score; the actor's has the rest."""


def decode(outputs: Sequence[Tensor], entry: Entry) -> list[Actors]:
    """Return the actors at the newest frame of each clip.

    Args:
        outputs: Boxes (B, T, A, 4), actor logits (B, T, A) and action logits (B, T, A, C); or the
            same of one step, without T.
        entry: Gives thresholds.
    """
    boxes, actor, actions = outputs
    if boxes.dim() == 4:
        boxes, actor, actions = boxes[:, -1], actor[:, -1], actions[:, -1]
    return [_suppress(*clip, entry) for clip in zip(boxes, actor, actions, strict=True)]


def _suppress(boxes: Tensor, actor: Tensor, actions: Tensor, entry: Entry) -> Actors:
    """Keep the best places, and of those that overlap the best; best first."""
    scores, place = actor.sigmoid().topk(min(entry.top_k, len(actor)))
    place, scores = place[scores > entry.min_score], scores[scores > entry.min_score]
    kept = nms(boxes[place], scores, entry.nms_iou)
    doing = action_scores(scores[kept], actions[place[kept]].sigmoid())
    return Actors(boxes[place[kept]], scores[kept], doing)


def action_scores(actor: Tensor, actions: Tensor) -> Tensor:
    """Return what actions score: (N, C), the weighted geometric mean of both probabilities.

    The network learns actions only where actors are, and says anything elsewhere.

    Args:
        actor: (N,) probabilities that there is an actor.
        actions: (N, C) probabilities that an actor does each action.
    """
    return actions.pow(ACTION_SHARE) * actor[:, None].pow(1 - ACTION_SHARE)

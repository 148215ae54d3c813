"""Keep all sights of actors in a recording, and look back along their tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from actloc_ros.models.actor_following import Glance
from actloc_ros.models.actor_memory import ActorMemory, Sights


@dataclass(frozen=True, eq=False)
class Record:
    """N sights of actors, in the order of frames and best first in each.

    Attributes:
        frame: int64 (N,): the frame's place among all that were looked at.
        kept: bool (N,): whether the frame entered the past.
        track: int64 (N,): from 1; 0 for actors too weak to be followed.
        boxes: float (N, 4) in pixels of the network's input.
        actor: float (N,) logits of the network alone.
        actions: float (N, C) logits of the network alone.
        features: float (N, F).
        level: int64 (N,).
        place: float (N, PLACE).
        others: int64 (N, OTHERS): sights of the nearest others.
        relations: float (N, OTHERS, RELATION).
        since: float (N,) in s.
    """

    frame: Tensor
    kept: Tensor
    track: Tensor
    boxes: Tensor
    actor: Tensor
    actions: Tensor
    features: Tensor
    level: Tensor
    place: Tensor
    others: Tensor
    relations: Tensor
    since: Tensor

    def __len__(self) -> int:
        """Return the number of sights."""
        return len(self.frame)

    def tensors(self) -> dict[str, Tensor]:
        """Return the attributes by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def tracks(self) -> list[Tensor]:
        """Return the sights of each track, rising; one too weak to be followed is its own."""
        track = self.track.numpy()
        order = np.argsort(track, kind='stable')
        followed = order[track[order] > 0]
        starts = np.flatnonzero(np.diff(track[followed])) + 1
        long = np.split(followed, starts) if len(followed) else []
        return [torch.from_numpy(rows) for rows in (*long, *np.flatnonzero(track == 0)[:, None])]

    def sights(self, rows: Tensor) -> Sights:
        """Return some sights, of any shape, as the memory reads them."""
        others = self.others[rows]
        return Sights(
            features=self.features[rows].float(),
            level=self.level[rows],
            place=self.place[rows],
            others=self.features[others].float(),
            levels=self.level[others],
            relations=self.relations[rows],
            since=self.since[rows],
        )


def gather(glances: Sequence[Glance]) -> Record:
    """Return what was seen in frames, in their order."""
    counts = [len(glance.ids) for glance in glances]
    before = np.cumsum([0, *counts])[:-1].tolist()
    per_frame = torch.tensor(counts)
    return Record(
        frame=torch.repeat_interleave(torch.arange(len(glances)), per_frame),
        kept=torch.repeat_interleave(torch.tensor([g.kept for g in glances]), per_frame),
        track=torch.cat([torch.from_numpy(g.ids) for g in glances]),
        boxes=torch.cat([g.seen.boxes for g in glances]),
        actor=torch.cat([g.seen.actor for g in glances]),
        actions=torch.cat([g.seen.actions for g in glances]),
        features=torch.cat([g.seen.features for g in glances]),
        level=torch.cat([g.seen.level for g in glances]),
        place=torch.cat([g.place for g in glances]),
        others=torch.cat([g.others + n for g, n in zip(glances, before, strict=True)]),
        relations=torch.cat([g.relations for g in glances]),
        since=torch.cat([g.since for g in glances]),
    )


class Logits(NamedTuple):
    """What is told of N sights.

    Attributes:
        actor: (N,): that they show actors.
        actions: (N, C): that these do each action.
    """

    actor: Tensor
    actions: Tensor


@torch.inference_mode()
def told(record: Record, memory: ActorMemory) -> tuple[Logits, Logits]:
    """Return what is told of the sights as they come, and in hindsight.

    Sights that did not enter the past are read between those that did.
    """
    now, afterwards = (Logits(record.actor.clone(), record.actions.clone()) for _ in range(2))
    for rows in record.tracks():
        taken = memory.take_in(record.sights(rows))
        kept = record.kept[rows] & (record.track[rows] > 0)
        before, after = _both_ways(memory, taken, kept)
        for logits, (actions, actor) in (
            (now, memory.now(taken, before)),
            (afterwards, memory.afterwards(taken, before, after)),
        ):
            logits.actor[rows] += actor
            logits.actions[rows] += actions
    return now, afterwards


def _both_ways(memory: ActorMemory, taken: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sight's memory of a track from before and from after it, with itself: (T, H)."""
    count = kept.long().cumsum(0)
    nothing = taken.new_zeros(1, taken.shape[-1])
    past = torch.cat([nothing, memory.past(taken[kept][None])[0][0]]) if kept.any() else nothing
    future = nothing
    if kept.any():
        future = torch.cat([memory.future(taken[kept].flip(0)[None])[0][0].flip(0), nothing])
    before = past[count - kept.long()]  # of those kept earlier
    after = future[count]  # of those kept later
    return (
        memory.past(taken[:, None], before[None])[0][:, 0],
        memory.future(taken[:, None], after[None])[0][:, 0],
    )

"""Follow the actors of one camera, each with its memory, while frames come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from actloc_ros.frames import seconds
from actloc_ros.localizer import ClipInfo, Detections
from actloc_ros.models.actor_memory import HIDDEN, ActorMemory, Sights, nearest, places
from actloc_ros.tubes import TubeLinker

MOST_ACTORS = 64
"""Actors of a camera that are remembered at once; of more, those not seen for longest are not."""


@dataclass(frozen=True, eq=False)
class Seen:
    """N actors in one frame, as the network alone has them, best first; on the CPU.

    Attributes:
        boxes: float (N, 4) in pixels of the network's input.
        actor: float (N,) logits.
        actions: float (N, C) logits.
        features: float (N, F): what describes their cells.
        level: int64 (N,): of their cells.
    """

    boxes: Tensor
    actor: Tensor
    actions: Tensor
    features: Tensor
    level: Tensor


@dataclass(frozen=True, eq=False)
class Glance:
    """One frame with what the memories were given.

    Attributes:
        stamp: Of the frame in ns.
        kept: Whether it entered the past.
        seen: The actors.
        ids: int64 (N,): their tracks, from 1; 0 for actors too weak to be followed.
        place: float (N, PLACE): see `Sights`.
        others: int64 (N, OTHERS): whom of this frame the memory reads along with each.
        relations: float (N, OTHERS, RELATION): see `Sights`.
        since: float (N,): see `Sights`.
    """

    stamp: int
    kept: bool
    seen: Seen
    ids: np.ndarray
    place: Tensor
    others: Tensor
    relations: Tensor
    since: Tensor

    def sights(self) -> Sights:
        """Return what the memory reads of the actors."""
        return Sights(
            features=self.seen.features,
            level=self.seen.level,
            place=self.place,
            others=self.seen.features[self.others],
            levels=self.seen.level[self.others],
            relations=self.relations,
            since=self.since,
        )


class Following:
    """The actors of one camera with a memory each, in a store of fixed size.

    Args:
        memory: How to remember.
        width: Of the network's input in pixels.
        height: Of the network's input in pixels.
    """

    def __init__(self, memory: ActorMemory, width: int, height: int) -> None:
        self._memory, self._width, self._height = memory, width, height
        self._linker = TubeLinker()
        self._store = next(memory.parameters()).new_zeros(MOST_ACTORS, HIDDEN)
        self._slots: dict[int, int] = {}
        self._taken_at: dict[int, int] = {}

    @property
    def nbytes(self) -> int:
        """The size of the memories in bytes: the same at every time."""
        return self._store.numel() * self._store.element_size()

    def reset(self) -> None:
        """Forget everyone."""
        self._linker.reset()
        self._forget(list(self._slots))

    def look(self, stamp: int, seen: Seen, keep: bool) -> tuple[Glance, Tensor, Tensor]:
        """Take the actors of the frame at `stamp` (ns), later than the one before.

        Args:
            stamp: Of the frame.
            seen: Who is in it.
            keep: Whether it enters the memories.

        Returns:
            The frame with what was read of it, and the logits of actors (N,) and of their actions
            (N, C), corrected.
        """
        glance = self._glance(stamp, seen, keep)
        taken = self._memory.take_in(glance.sights())
        memory = self._memory.remember(taken, self._recall(glance.ids))
        actions, actor = self._memory.now(taken, memory)
        if keep:
            self._write(stamp, glance.ids, memory)
        return glance, seen.actor + actor, seen.actions + actions

    def _glance(self, stamp: int, seen: Seen, keep: bool) -> Glance:
        ids = self._link(stamp, seen)
        others, relations = nearest(seen.boxes, seen.actor.sigmoid())
        since = [seconds(stamp - self._taken_at.get(track, stamp)) for track in ids.tolist()]
        return Glance(
            stamp=stamp,
            kept=keep,
            seen=seen,
            ids=ids,
            place=places(seen.boxes, seen.actor, self._width, self._height),
            others=others,
            relations=relations,
            since=seen.actor.new_tensor(since),
        )

    def _link(self, stamp: int, seen: Seen) -> np.ndarray:
        """Return the actors' tracks, int64 (N,), after forgetting those that were lost."""
        found = Detections(
            seen.boxes.numpy(),
            seen.actor.sigmoid().numpy(),
            np.zeros((len(seen.boxes), 0), np.float32),
            ClipInfo(stamp, stamp),
        )
        linked = self._linker.update(stamp, found)
        self._forget(linked.lost)
        return np.array(linked.ids, np.int64)

    def _recall(self, ids: np.ndarray) -> Tensor:
        """Return the memories of tracks, (N, HIDDEN); zeros of those there are none of."""
        slots = torch.tensor(
            [self._slots.get(track, -1) for track in ids.tolist()], dtype=torch.long
        )
        return torch.where(slots[:, None] >= 0, self._store[slots], 0)

    def _write(self, stamp: int, ids: np.ndarray, memory: Tensor) -> None:
        for row, track in enumerate(ids.tolist()):
            if track:
                self._store[self._slot(track)] = memory[row]
                self._taken_at[track] = stamp

    def _slot(self, track: int) -> int:
        """Return where a track's memory lies; a new one takes the place of the longest unseen."""
        if track not in self._slots:
            if len(self._slots) == MOST_ACTORS:
                self._forget([min(self._slots, key=lambda t: self._taken_at[t])])
            free = set(range(MOST_ACTORS)) - set(self._slots.values())
            self._slots[track] = min(free)
        return self._slots[track]

    def _forget(self, tracks: list[int] | tuple[int, ...]) -> None:
        for track in tracks:
            self._slots.pop(track, None)
            self._taken_at.pop(track, None)

"""Remember each actor: a recurrent memory along its track corrects what single frames say of it.

A convolution's past stays where it was while people walk on. The memory goes with them (as banks
of features do, Wu et al., Long-Term Feature Banks, CVPR 2019): it reads what the heads of the
streaming network look at where the actor is, and at its nearest others, and keeps one vector an
actor, by a gated recurrent unit (Cho et al. 2014). A second one reads recordings from their end,
for hindsight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 96
OTHERS = 2
"""Nearest other actors that are read along with an actor."""

SHOWN = 24
"""Numbers that an actor's features are brought down to where another's memory reads them."""

SURELY = 0.15
"""Least score of an actor whom another's memory reads."""

PLACE = 9
RELATION = 4
DROPOUT = 0.3
NARROW = 4.0  # pixels: no actor counts as less high, so that lengths stay finite


@dataclass(frozen=True, eq=False)
class Sights:
    """What is seen of actors: any leading shape (...), as (N,) in a frame or (B, T) along tracks.

    Attributes:
        features: float (..., F): what the heads look at in the actor's cell, and make of it.
        level: int64 (...): the level of the cell, 0 for the finest.
        place: float (..., PLACE): see `places`.
        others: float (..., OTHERS, F): features of the nearest others; anything where none is.
        levels: int64 (..., OTHERS): their levels.
        relations: float (..., OTHERS, RELATION): see `nearest`.
        since: float (...): seconds since the memory last took in the actor; 0 at first.
    """

    features: Tensor
    level: Tensor
    place: Tensor
    others: Tensor
    levels: Tensor
    relations: Tensor
    since: Tensor


class ByLevel(nn.Module):
    """A linear layer for each level of the network, whose features differ."""

    def __init__(self, levels: int, features: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(levels, features, width))
        self.bias = nn.Parameter(torch.zeros(levels, width))
        nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Map (..., F) of the levels (...) to (..., width)."""
        every = torch.einsum('...f,lfw->...lw', x, self.weight) + self.bias
        chosen = level[..., None, None].expand(*level.shape, 1, every.shape[-1])
        return every.gather(-2, chosen).squeeze(-2)


class Reading(nn.Module):
    """Says from memory by how much the logits of actions, and of the actor, are to be corrected."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, HIDDEN)
        self.actions = nn.Linear(HIDDEN, classes)
        self.actor = nn.Linear(HIDDEN, 1)
        self.reset()

    def reset(self) -> None:
        """Correct nothing, until it is learnt."""
        for layer in (self.actions, self.actor):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def blank(self) -> bool:
        """Whether it corrects nothing."""
        return not any(bool(p.any()) for m in (self.actions, self.actor) for p in m.parameters())

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """Map parts (..., W) to corrections of logits: (..., C) and (...).

        In use, an actor is only ever made surer: where people look otherwise than those who were
        learnt from, most of them would be taken for mistakes.
        """
        x = functional.silu(self.hidden(torch.cat(parts, dim=-1)))
        actor = self.actor(x).squeeze(-1)
        return self.actions(x), actor if self.training else actor.clamp(min=0)


class ActorMemory(nn.Module):
    """The memory of a streaming network; blank, it changes nothing.

    Args:
        features: Numbers F that describe a cell.
        levels: Of the network.
        classes: Number of actions C.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, levels: int, classes: int) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(levels, features))
        self.register_buffer('deviation', torch.ones(levels, features))
        self.own = ByLevel(levels, features, HIDDEN)
        self.shown = ByLevel(levels, features, SHOWN)
        self.taken = nn.Linear(HIDDEN + OTHERS * (SHOWN + RELATION) + PLACE + 1, HIDDEN)
        self.dropout = nn.Dropout(DROPOUT)
        self.past = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.future = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.now = Reading(2 * HIDDEN, classes)
        self.afterwards = Reading(3 * HIDDEN, classes)

    @property
    def blank(self) -> bool:
        """Whether nothing was learnt, so that it corrects nothing."""
        return self.now.blank

    def reset(self) -> None:
        """Correct nothing any more: what was learnt is of other features than now."""
        self.now.reset()
        self.afterwards.reset()

    def take_in(self, sights: Sights) -> Tensor:
        """Return what the memory takes in of sights: (..., HIDDEN)."""
        own = self.own(self._usual(sights.features, sights.level), sights.level)
        shown = self.shown(self._usual(sights.others, sights.levels), sights.levels)
        there = sights.relations[..., -1:]
        others = torch.cat([shown * there, sights.relations], dim=-1).flatten(-2)
        since = 10 * sights.since[..., None].clamp(max=1.0)
        return functional.silu(self.taken(torch.cat([own, others, sights.place, since], dim=-1)))

    def remember(self, taken: Tensor, memory: Tensor) -> Tensor:
        """Return the memory (N, HIDDEN) of N actors after what was taken in: (N, HIDDEN)."""
        return torch.gru_cell(taken, memory, *self.past.all_weights[0])

    def along(self, sights: Sights, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is taken in along B tracks, and the memory from before and from after.

        Args:
            sights: (B, T) of tracks.
            lengths: int64 (B,): of the tracks; what comes later is anything.

        Returns:
            Three tensors (B, T, HIDDEN); both memories have taken in the sight itself.
        """
        taken = self.take_in(sights)
        time = torch.arange(taken.shape[1], device=taken.device)
        backwards = (lengths[:, None] - 1 - time).clamp(min=0)[..., None].expand_as(taken)
        after = self.future(taken.gather(1, backwards))[0].gather(1, backwards)
        return taken, self.past(taken)[0], after

    def _usual(self, features: Tensor, level: Tensor) -> Tensor:
        """Return features as multiples of their usual deviation from their usual value."""
        scaled = (features - self.mean[level]) / self.deviation[level]
        return self.dropout(scaled.clamp(-6, 6))


def places(boxes: Tensor, actor: Tensor, width: float, height: float) -> Tensor:
    """Return where actors are in the view, in their own heights, and how surely: (N, PLACE).

    Args:
        boxes: (N, 4) in pixels of the network's input.
        actor: (N,) logits.
        width: Of the input in pixels.
        height: Of the input in pixels.
    """
    x1, y1, x2, y2 = boxes.unbind(-1)
    tall = (y2 - y1).clamp(min=NARROW)
    return torch.stack(
        [
            (x1 + x2 - width) / tall / 4,
            (y1 + y2 - height) / tall / 2,
            (tall / height).log(),
            (x2 - x1) / tall,
            (x1 < 2).to(tall),
            (x2 > width - 2).to(tall),
            (y1 < 2).to(tall),
            (y2 > height - 2).to(tall),
            actor / 4,
        ],
        dim=-1,
    )


def nearest(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return each actor's nearest others: their indices (N, OTHERS) and relations to it.

    Args:
        boxes: (N, 4) in pixels, on the CPU.
        scores: (N,) in [0, 1] that they are actors, on the CPU.

    Returns:
        Indices, 0 where there is no other; and relations (N, OTHERS, RELATION): how far right
        and down in the actor's heights, the logarithm of the heights' ratio, 1; zeros where there
        is no other.
    """
    x1, y1, x2, y2 = boxes.numpy().T  # for a few actors, NumPy takes half of PyTorch's time
    tall = np.maximum(y2 - y1, NARROW)
    ratio = np.log(tall / tall[:, None])
    right, down = ((m - m[:, None]) / tall[:, None] for m in ((x1 + x2) / 2, (y1 + y2) / 2))
    distance = np.hypot(right, down) + abs(ratio)
    distance[:, scores.numpy() < SURELY] = np.inf
    np.fill_diagonal(distance, np.inf)
    actor = np.arange(len(boxes))[:, None]
    closest = distance.argsort(axis=1, kind='stable')[:, :OTHERS]
    there = np.isfinite(distance[actor, closest])
    index = np.zeros((len(boxes), OTHERS), np.int64)
    relations = np.zeros((len(boxes), OTHERS, RELATION), np.float32)
    index[:, : closest.shape[1]] = np.where(there, closest, 0)
    for i, values in enumerate((right, down, ratio, np.ones_like(ratio))):
        relations[:, : closest.shape[1], i] = np.where(there, values[actor, closest], 0)
    return torch.from_numpy(index), torch.from_numpy(relations)

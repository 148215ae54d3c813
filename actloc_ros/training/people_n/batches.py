"""Draw batches: pictures by set, a share of them of nobody, as canvases of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actloc_ros.training.people_n.augment import Augmentation, Augmenter, Canvas
from actloc_ros.training.people_n.pictures import Picture


class Targets(NamedTuple):
    """The people of one canvas.

    Attributes:
        boxes: float (N, 4), pixels.
        joints: float (N, 17, 3), x, y and confidence.
        posed: bool (N,), whose joints are known.
        background: bool (H, W), where a person who is not labelled would be a mistake.
    """

    boxes: Tensor
    joints: Tensor
    posed: Tensor
    background: Tensor


@dataclass(frozen=True, eq=False)
class Sets:
    """Pictures by the set that they are drawn from.

    Attributes:
        people: Set -> its pictures with people.
        nobody: Set -> its pictures of nobody.
    """

    people: dict[str, list[Picture]]
    nobody: dict[str, list[Picture]]


def by_set(pictures: Sequence[Picture]) -> Sets:
    """Sort pictures by set and by whether anybody is there."""
    sets = Sets({}, {})
    for picture in pictures:
        kind = sets.nobody if picture.empty else sets.people
        kind.setdefault(picture.group, []).append(picture)
    return sets


class Batches(Dataset[tuple[Tensor, list[Targets]]]):
    """Batch number i is the same whenever it is asked for.

    Args:
        pictures: To draw from.
        weights: Set -> weight with which it is drawn; sets that are missing here are not drawn.
        nobody: Share of pictures of nobody.
        batch: Canvases of a batch.
        sizes: Heights and widths of canvases; each batch has one of them.
        augmentation: How pictures are varied.
        plain: From this batch on there are no mosaics.
        seed: Of all choices.

    Raises:
        ValueError: No picture is in a set with a weight.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        weights: Mapping[str, float],
        nobody: float,
        batch: int,
        sizes: Sequence[tuple[int, int]],
        augmentation: Augmentation,
        plain: int,
        seed: int,
    ) -> None:
        sets = by_set(pictures)
        self._people, self._people_odds = _pool(sets.people, weights, 'with people')
        self._nobody, self._nobody_odds = _pool(sets.nobody, weights, 'of nobody')
        self._share, self._batch, self._sizes = nobody, batch, list(sizes)
        self._augmentation, self._plain, self._seed = augmentation, plain, seed

    def __getitem__(self, index: int) -> tuple[Tensor, list[Targets]]:
        """Return images, uint8 (B, 3, H, W), and the targets of each."""
        random = np.random.default_rng([self._seed, index])
        size = self._sizes[int(random.integers(len(self._sizes)))]
        augmenter = Augmenter(self._augmentation, random)
        canvases = [self._canvas(augmenter, random, size, index) for _ in range(self._batch)]
        images = np.stack([canvas.image for canvas in canvases]).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(images)), [targets_of(c) for c in canvases]

    def _canvas(
        self, augmenter: Augmenter, random: np.random.Generator, size: tuple[int, int], index: int
    ) -> Canvas:
        mosaic = index < self._plain and random.uniform() < self._augmentation.mosaic
        pictures = [self._draw(random) for _ in range(4 if mosaic else 1)]
        return augmenter.canvas(pictures, size)

    def _draw(self, random: np.random.Generator) -> Picture:
        empty = random.uniform() < self._share
        pool, odds = (
            (self._nobody, self._nobody_odds) if empty else (self._people, self._people_odds)
        )
        pictures = pool[int(random.choice(len(pool), p=odds))]
        return pictures[int(random.integers(len(pictures)))]


def _pool(
    sets: Mapping[str, list[Picture]], weights: Mapping[str, float], kind: str
) -> tuple[list[list[Picture]], np.ndarray]:
    names = [name for name in sorted(sets) if weights.get(name, 0) > 0]
    if not names:
        raise ValueError(f'no set with a weight has a picture {kind}; the sets are {sorted(sets)}')
    odds = np.array([weights[name] for name in names], float)
    return [sets[name] for name in names], odds / odds.sum()


def targets_of(canvas: Canvas) -> Targets:
    """Return what a network is to report of a canvas."""
    people = canvas.people
    return Targets(
        torch.from_numpy(people.boxes),
        torch.from_numpy(people.joints),
        torch.from_numpy(people.posed),
        torch.from_numpy(canvas.background.astype(bool)),
    )

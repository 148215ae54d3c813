"""Keep drawn examples on disk, so that networks can be compared on equal ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actloc_ros.training.skeleton_n.pictures import Examples
from actloc_ros.training.skeleton_n.samples import Sampler

FEWEST_FRAMES = 6  # of a track that is worth a place
PACKED = 0.75  # of the moments are kept, those with the track first


@dataclass(eq=False)
class Bank:
    """N tracks over T moments.

    Attributes:
        features: float16 (N, T, FEATURES).
        elapsed: float16 (N, T), seconds.
        present: bool (N, T).
        targets: uint8 (N, T, C).
    """

    features: np.ndarray
    elapsed: np.ndarray
    present: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        """Return N."""
        return len(self.features)


_PARTS = ('features', 'elapsed', 'present', 'targets')


def draw_bank(folder: Path, sampler: Sampler, seed: int, rounds: int, groups: int) -> None:
    """Write `rounds` files of the tracks of `groups` drawn groups each into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(rounds):
        examples = sampler.draw(np.random.default_rng([seed, index]), groups)
        bank = pack(examples)
        for part in _PARTS:
            np.save(folder / f'{part}_{index:04d}.npy', getattr(bank, part))


def pack(examples: Examples) -> Bank:
    """Return the tracks with the frames that they are in first: the others change nothing.

    What is longer than PACKED of the frames is cut.
    """
    rows = examples.present.sum(axis=-1) >= FEWEST_FRAMES
    present = examples.present[rows]
    first = np.argsort(~present, axis=-1, kind='stable')
    first = first[:, : max(1, round(PACKED * present.shape[1]))]

    def packed(values: np.ndarray) -> np.ndarray:
        index = first.reshape(*first.shape, *[1] * (values.ndim - 2))
        return np.take_along_axis(values, index, axis=1)

    return Bank(
        packed(examples.features[rows]),
        packed(examples.elapsed[rows].astype(np.float16)),
        packed(present),
        packed(examples.targets[rows]),
    )


def load_bank(folder: Path) -> Bank:
    """Read all files of a folder.

    Raises:
        ValueError: It holds none.
    """
    count = len(list(folder.glob('features_*.npy')))
    if not count:
        raise ValueError(f'{folder} holds no examples')
    # Filled part by part: all of them at once and their sum would not fit in memory twice.
    arrays = {}
    for part in _PARTS:
        pieces = [
            np.load(folder / f'{part}_{index:04d}.npy', mmap_mode='r') for index in range(count)
        ]
        whole = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), pieces[0].dtype)
        start = 0
        for piece in pieces:
            whole[start : start + len(piece)] = piece
            start += len(piece)
        arrays[part] = whole
    return Bank(**arrays)


def batches(bank: Bank, rng: np.random.Generator, size: int, chances: np.ndarray) -> Iterator[Bank]:
    """Yield batches of tracks without end, drawn by chances (N,) that sum to 1."""
    while True:
        rows = np.sort(rng.choice(len(bank), size, replace=False, p=chances))
        yield Bank(*(getattr(bank, part)[rows] for part in _PARTS))

"""Sum up what surrounds an actor's points as Fisher vectors of Gaussian mixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from actloc_ros.models.hog_hof.descriptor import KINDS, LENGTHS, PointTracks

MIDDLE = np.array([0.0, 0.45])  # box heights: of places, over all words
SPREAD = np.array([0.35, 0.25])  # box heights
TIME_SPREAD = 0.25  # of a clip
LEAST_SHARE = 1e-3  # of a track in a word; less is none
BOOK = ('mean', 'axes', 'weights', 'centres', 'variances')


@dataclass(frozen=True, eq=False)
class KindCodebook:
    """One kind's code book of K words over d principal components of D numbers.

    Attributes:
        mean: float32 (D,).
        axes: float32 (d, D): principal components.
        weights: float32 (K,), above 0, with sum 1.
        centres: float32 (K, d).
        variances: float32 (K, d), above 0.
    """

    mean: np.ndarray
    axes: np.ndarray
    weights: np.ndarray
    centres: np.ndarray
    variances: np.ndarray

    @property
    def length(self) -> int:
        """Numbers in a Fisher vector: two a word and component, and two a word for x, y, time."""
        return self.centres.size * 2 + 6 * len(self.weights)

    def pool(
        self, descriptors: np.ndarray, places: np.ndarray, counts: Sequence[int]
    ) -> list[np.ndarray]:
        """Return the sums behind Fisher vectors, float32 (K, 1 + 2 d + 4), for each count of rows.

        They are each word's share of the descriptors (N, D), their components times that share,
        these squared, and the same of places (N, 2) in units of `SPREAD` around `MIDDLE`.
        """
        parts = (descriptors - self.mean) @ self.axes.T
        share = self._shares(parts)
        place = (places - MIDDLE) / SPREAD
        ones = np.ones((len(parts), 1))
        rows = np.concatenate([ones, parts, parts**2, place, place**2], 1)
        ends = np.cumsum([0, *counts]).tolist()
        return [(share[a:b].T @ rows[a:b]).astype(np.float32) for a, b in pairwise(ends)]

    def vector(self, sums: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return the Fisher vector (length,) of a clip: with signed roots and length 1 or 0.

        Perronnin et al., ECCV 2010, and for places Krapac et al., ICCV 2011.

        Args:
            sums: (M, K, 1 + 2 d + 4), see `pool`, of the clip's moments.
            times: (M,), in units of `TIME_SPREAD` around the clip's middle.
        """
        depth = self.centres.shape[1]
        sums = sums.astype(np.float64)
        when = times @ sums[..., 0], times**2 @ sums[..., 0]
        share, parts, squares, place, place_squares = np.split(
            sums.sum(0), [1, 1 + depth, 1 + 2 * depth, 3 + 2 * depth], axis=1
        )
        place = np.column_stack([place, when[0]])
        place_squares = np.column_stack([place_squares, when[1]])
        deviation = np.sqrt(self.variances)
        root = np.sqrt(self.weights)[:, None]
        first = (parts - share * self.centres) / deviation / root
        second = squares - 2 * parts * self.centres + share * self.centres**2
        second = (second / self.variances - share) / root / np.sqrt(2)
        where = np.concatenate([place, (place_squares - share) / np.sqrt(2)], 1) / root
        return np.concatenate([_normalized(np.concatenate([first, second])), _normalized(where)])

    def _shares(self, parts: np.ndarray) -> np.ndarray:
        """Return each word's share of each row of components, float64 (N, K)."""
        precision = 1 / self.variances
        distance = (
            parts**2 @ precision.T
            - 2 * parts @ (self.centres * precision).T
            + (self.centres**2 * precision - np.log(precision)).sum(1)
        )
        likely = np.log(self.weights) - distance / 2
        share = np.exp(likely - likely.max(1, keepdims=True), dtype=np.float64)
        share /= share.sum(1, keepdims=True)
        return np.where(share < LEAST_SHARE, 0, share)


@dataclass(frozen=True, eq=False)
class PooledFrame:
    """The pooled descriptor of one actor in one sampled frame.

    Attributes:
        stamp: In ns.
        sums: Of each kind, see `KindCodebook.pool`.
    """

    stamp: int
    sums: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Codebook:
    """The code books of all kinds, by the names in `KINDS`."""

    books: Mapping[str, KindCodebook]

    @property
    def length(self) -> int:
        """Numbers in a clip's descriptor."""
        return sum(book.length for book in self.books.values())

    def pool(self, frames: Sequence[PointTracks]) -> list[PooledFrame]:
        """Sum up the tracks of each sampled frame."""
        if not frames:
            return []
        counts = [len(tracks.places) for tracks in frames]
        places = np.concatenate([tracks.places for tracks in frames])
        sums = {
            kind: book.pool(np.concatenate([each.kind(kind) for each in frames]), places, counts)
            for kind, book in self.books.items()
        }
        return [
            PooledFrame(tracks.stamp, {kind: each[index] for kind, each in sums.items()})
            for index, tracks in enumerate(frames)
        ]

    def describe(self, moments: Sequence[PooledFrame], start: int, end: int) -> np.ndarray:
        """Describe the clip between two stamps in ns, both included, float32 (length,).

        All zero where nothing moves.
        """
        inside = [moment for moment in moments if start <= moment.stamp <= end]
        if not inside:
            return np.zeros(self.length, np.float32)
        passed = np.array([moment.stamp - start for moment in inside]) / max(end - start, 1)
        times = (passed - 0.5) / TIME_SPREAD
        vectors = [
            book.vector(np.stack([moment.sums[kind] for moment in inside]), times)
            for kind, book in self.books.items()
        ]
        return np.concatenate(vectors).astype(np.float32)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return all numbers by name."""
        return {
            f'{kind}.{name}': getattr(book, name)
            for kind, book in self.books.items()
            for name in BOOK
        }


def codebook_of(tensors: Mapping[str, np.ndarray], words: int) -> Codebook:
    """Return the code book of what `Codebook.tensors` gave.

    Raises:
        ValueError: A tensor is missing, or has another shape or impossible values.
    """
    return Codebook({kind: _book(kind, tensors, words) for kind in KINDS})


def _book(kind: str, tensors: Mapping[str, np.ndarray], words: int) -> KindCodebook:
    missing = [f'{kind}.{name}' for name in BOOK if f'{kind}.{name}' not in tensors]
    if missing:
        raise ValueError(f'it lacks {missing}')
    parts = {name: tensors[f'{kind}.{name}'] for name in BOOK}
    depth = len(parts['axes']) if parts['axes'].ndim else 0
    wanted = {
        'mean': (LENGTHS[kind],),
        'axes': (depth, LENGTHS[kind]),
        'weights': (words,),
        'centres': (words, depth),
        'variances': (words, depth),
    }
    found = {name: part.shape for name, part in parts.items()}
    if not depth or found != wanted:
        raise ValueError(f'{kind} has shapes {found}; for {words} words it must have {wanted}')
    for name in ('weights', 'variances'):
        if not (parts[name] > 0).all():
            raise ValueError(f'{kind}.{name} must be above 0')
    return KindCodebook(**parts)


def _normalized(values: np.ndarray) -> np.ndarray:
    """Return signed roots with length 1, flat; all 0 where all are."""
    roots = (np.sign(values) * np.sqrt(np.abs(values))).ravel()
    length = np.linalg.norm(roots)
    return roots / length if length > 0 else roots

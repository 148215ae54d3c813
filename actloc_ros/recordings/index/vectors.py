"""Keep the vectors of an index so that the nearest are found: exactly, or by a graph of many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from actloc_ros.files import one_line, write_whole
from actloc_ros.recordings.index.model import RecordingsError

EXACT = 200_000  # vectors of a file up to which all are compared
NUMBERS = 64 * EXACT  # of a file up to which that is so: more take too much memory
CONNECTIVITY, EXPANSION = 16, 64
PATTERN = 'vectors-*'


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors that are neighbouring rows of a model's vectors.

    Attributes:
        file: Its name.
        first: Row of its first vector.
        count: How many it holds.
        dimension: Numbers in each.
    """

    file: str
    first: int
    count: int
    dimension: int


def most_exact(dimension: int) -> int:
    """Return up to how many vectors of a file are compared one by one."""
    return min(EXACT, NUMBERS // dimension)


def write_vectors(folder: Path, first: int, vectors: np.ndarray) -> VectorFile:
    """Write vectors to a file that is named by them, unless it is there already.

    Args:
        folder: Of the index.
        first: Row of the first one.
        vectors: float16 (N, D), N above 0.
    """
    digest = hashlib.sha256(repr(vectors.shape).encode() + vectors.tobytes()).hexdigest()[:16]
    exact = len(vectors) <= most_exact(vectors.shape[1])
    path = folder / f'vectors-{digest}{".npy" if exact else ".usearch"}'
    if not path.exists():
        with write_whole(path) as partial:
            if exact:
                np.save(partial, vectors, allow_pickle=False)
            else:
                _graph(vectors).save(str(partial))
    return VectorFile(path.name, first, *vectors.shape)


def _graph(vectors: np.ndarray):  # type: ignore[no-untyped-def]
    from usearch.index import Index

    graph = Index(
        ndim=vectors.shape[1],
        metric='ip',
        dtype='f16',
        connectivity=CONNECTIVITY,
        expansion_search=EXPANSION,
    )
    # One thread, so that the same vectors give the same graph.
    graph.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=1)
    return graph


@dataclass
class Vectors:
    """All vectors of one model.

    Attributes:
        folder: Of the index.
        files: By their first row.
    """

    folder: Path
    files: Sequence[VectorFile]
    _opened: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(file.count for file in self.files)

    @property
    def dimension(self) -> int:
        """Numbers in each; 0 where there are none."""
        return self.files[0].dimension if self.files else 0

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the vectors in these rows (N,): float32 (N, D)."""
        rows = np.asarray(rows, np.int64)
        found = np.zeros((len(rows), self.dimension), np.float32)
        for file in self.files:
            inside = (rows >= file.first) & (rows < file.first + file.count)
            if inside.any():
                found[inside] = self._get(file, rows[inside] - file.first)
        return found

    def nearest(
        self, query: np.ndarray, count: int, exact: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors that are most like a query, by cosine.

        Args:
            query: float (D,), of any length above 0.
            count: How many, 1 or more; fewer where there are not so many.
            exact: Compare with each one, also where there are many: slow, for measurements.

        Returns:
            Rows int64 (N,) and cosines float32 (N,), the highest first, then the lowest row.

        Raises:
            RecordingsError: A file is missing or broken; the query has other numbers.
        """
        query = np.asarray(query, np.float32)
        if query.shape != (self.dimension,):
            raise RecordingsError(
                f'the query has {query.shape} numbers, and the index has {self.dimension}'
            )
        query = query / max(float(np.linalg.norm(query)), 1e-12)
        found = [self._search(file, query, count, exact) for file in self.files]
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows = np.concatenate([rows for rows, _ in found])
        cosines = np.concatenate([cosines for _, cosines in found])
        order = np.lexsort((rows, -cosines))[:count]
        return rows[order], cosines[order]

    def _search(
        self, file: VectorFile, query: np.ndarray, count: int, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if file.file.endswith('.npy') or exact:
            parts = [block @ query for block in self._blocks(file)]
            cosines = np.concatenate(parts)
            best = np.argsort(-cosines, kind='stable')[:count]
            return file.first + best, cosines[best]
        near = self._open(file).search(query.astype(np.float16), count)  # type: ignore[attr-defined]
        best = np.asarray(near.keys, np.int64)
        cosines = self._get(file, best) @ query  # exactly, of those found
        return file.first + best, cosines

    def _blocks(self, file: VectorFile) -> Iterator[np.ndarray]:
        for first in range(0, file.count, EXACT):
            yield self._get(file, np.arange(first, min(first + EXACT, file.count)))

    def _get(self, file: VectorFile, rows: np.ndarray) -> np.ndarray:
        opened = self._open(file)
        if isinstance(opened, np.ndarray):
            # All of it as float32 once: float16 is slow to multiply.
            return opened if len(rows) == len(opened) else opened[rows]
        found = opened.get(rows.astype(np.uint64))  # type: ignore[attr-defined]
        return np.asarray(found, np.float32)

    def _open(self, file: VectorFile) -> object:
        if file.file not in self._opened:
            path = self.folder / file.file
            try:
                self._opened[file.file] = _open(path, file)
            except Exception as error:  # usearch has no class of its own
                raise RecordingsError(
                    f'{path} cannot be read ({one_line(error)}); run `actloc index` again'
                ) from error
        return self._opened[file.file]


def _open(path: Path, file: VectorFile) -> object:
    if path.suffix == '.npy':
        vectors = np.load(path, allow_pickle=False)
        if vectors.shape != (file.count, file.dimension):
            raise ValueError(f'it holds {vectors.shape} numbers')
        return vectors.astype(np.float32)
    from usearch.index import Index

    path.stat()  # it ends the process where there is no file
    graph = Index.restore(str(path), view=True)
    if graph is None or (len(graph), graph.ndim) != (file.count, file.dimension):
        raise ValueError('it holds other vectors')
    return graph

"""Keep arrays of the newest key frames of one camera, a row each, for a while."""

from __future__ import annotations

import numpy as np

FIRST_ROWS = 64


class History:
    """Arrays by name, all with one row a key frame, oldest first.

    Rows older than `span` are forgotten when room is needed. Views stay valid until the next
    `append`.
    """

    def __init__(self, span: int, **shapes: tuple[tuple[int, ...], type]) -> None:
        """Begin without rows.

        Args:
            span: Time in ns for which a row is kept at least.
            shapes: Of one row, and its NumPy type, of each array by name.
        """
        self._span = span
        self._stamps: np.ndarray = np.zeros(FIRST_ROWS, np.int64)
        self._arrays: dict[str, np.ndarray] = {
            name: np.zeros((FIRST_ROWS, *shape), dtype) for name, (shape, dtype) in shapes.items()
        }
        self._begin = self._end = 0

    def append(self, stamp: int, **rows: np.ndarray) -> None:
        """Add a row of each array for a stamp in ns later than all before."""
        if self._end == len(self._stamps):
            self._make_room(stamp)
        self._stamps[self._end] = stamp
        for name, row in rows.items():
            self._arrays[name][self._end] = row
        self._end += 1

    @property
    def stamps(self) -> np.ndarray:
        """The stamps, int64 (T,)."""
        return self._stamps[self._begin : self._end]

    def rows(self, name: str) -> np.ndarray:
        """Return the rows (T, …) of an array."""
        return self._arrays[name][self._begin : self._end]

    def since(self, stamp: int) -> int:
        """Return the index of the first row at or after a stamp."""
        return int(self.stamps.searchsorted(stamp))

    def widen(self, axis_length: int) -> None:
        """Give each row's first axis another length, with zeros in what is new."""
        for name, old in self._arrays.items():
            new = np.zeros((old.shape[0], axis_length, *old.shape[2:]), old.dtype)
            new[:, : old.shape[1]] = old
            self._arrays[name] = new

    def clear_column(self, index: int, **values: float) -> None:
        """Set what all rows say of one index of the first axis: to 0, or to the values named."""
        for name, array in self._arrays.items():
            array[self._begin : self._end, index] = values.get(name, 0)

    def _make_room(self, stamp: int) -> None:
        self._begin += self.since(stamp - self._span)
        kept = self._end - self._begin
        for name, old in {'': self._stamps, **self._arrays}.items():
            new: np.ndarray = old
            if kept > len(old) // 2:
                new = np.zeros((2 * len(old), *old.shape[1:]), old.dtype)
            new[:kept] = old[self._begin : self._end]
            if name:
                self._arrays[name] = new
            else:
                self._stamps = new
        self._begin, self._end = 0, kept

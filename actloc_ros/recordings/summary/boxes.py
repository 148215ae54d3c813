"""Say where a track of an index is at any time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from actloc_ros.recordings.index.model import BoxPath, RecordingsError
from actloc_ros.recordings.index.open import Index

TRACKS_KEPT = 256


class IndexBoxes:
    """Boxes of the tracks of an index, by lines between key frames."""

    def __init__(self, index: Index) -> None:
        """Read from an open index."""
        self._index = index
        self._path = lru_cache(TRACKS_KEPT)(self._read)

    def __call__(self, view: int, track: int, stamps: np.ndarray) -> np.ndarray:
        """Return boxes in pixels at stamps (M,) in ns: float32 (M, 4).

        Where the index has no boxes of a track, they are not-a-number.
        """
        path = self._path(view, track)
        if path is None:
            return np.full((len(stamps), 4), np.nan, np.float32)
        return path.at(stamps)

    def _read(self, view: int, track: int) -> BoxPath | None:
        try:
            return self._index.boxes(view, track)
        except RecordingsError:
            if self._index.connection.execute(
                'SELECT boxes FROM tracks WHERE view = ? AND track = ? AND boxes > 0', [view, track]
            ).fetchone():
                raise  # there are some, and they cannot be read
            return None

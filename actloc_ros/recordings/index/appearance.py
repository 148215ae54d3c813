"""Make a vector of what each short part of a track looks like, by a network of images and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from actloc_ros.recordings.index.model import SEGMENTS, rows
from actloc_ros.recordings.index.segments import LONGEST

WAITING = 32  # pictures that are embedded at once


class Embedder(Protocol):
    """What makes vectors of pictures, as `models.words.embedder` does."""

    def cut_out(self, image: np.ndarray, box: Sequence[float]) -> Any:
        """Return what is needed of one picture: uint8 (H, W, 3), and who is meant in pixels."""

    def pictures(self, pictures: Sequence[Any]) -> np.ndarray:
        """Return the vectors of what `cut_out` gave: float32 (N, D) of length 1."""


@dataclass
class _Part:
    """A part of a track so far, and its best picture."""

    start: int
    end: int
    score: float
    picture: Any


@dataclass
class AppearanceMaker:
    """Takes the key frames of one view in order; of each part the most confident box counts."""

    embedder: Embedder
    _open: dict[int, _Part] = field(default_factory=dict)
    _rows: list[tuple[int, int, int]] = field(default_factory=list)
    _waiting: list[Any] = field(default_factory=list)
    _vectors: list[np.ndarray] = field(default_factory=list)

    def add(
        self, stamp: int, track: int, score: float, box: Sequence[float], image: np.ndarray
    ) -> None:
        """Take an actor at the next key frame.

        Args:
            stamp: In ns.
            track: The actor's.
            score: Of its box.
            box: x1, y1, x2, y2 in pixels.
            image: uint8 (H, W, 3).
        """
        part = self._open.get(track)
        if part is not None and stamp - part.start >= LONGEST:
            self._finish(track)
            part = None
        if part is None:
            picture = self.embedder.cut_out(image, box)
            self._open[track] = _Part(stamp, stamp, score, picture)
            return
        part.end = stamp
        if score > part.score:
            part.score, part.picture = score, self.embedder.cut_out(image, box)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the parts, of `SEGMENTS`, by start, and their vectors: float16 (N, D)."""
        for track in sorted(self._open):
            self._finish(track)
        self._embed()
        if not self._rows:
            return rows(SEGMENTS), np.zeros((0, 0), np.float16)
        table = rows(SEGMENTS, list(self._rows))
        order = np.lexsort((table['track'], table['start']))
        return table[order], np.concatenate(self._vectors).astype(np.float16)[order]

    def _finish(self, track: int) -> None:
        part = self._open.pop(track)
        self._rows.append((track, part.start, part.end))
        self._waiting.append(part.picture)
        if len(self._waiting) >= WAITING:
            self._embed()

    def _embed(self) -> None:
        if self._waiting:
            self._vectors.append(self.embedder.pictures(self._waiting))
            self._waiting = []

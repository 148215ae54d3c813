"""Follow boxes that others found, of vehicles or anything, as actors beside the people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from actloc_ros.frames import nanoseconds
from actloc_ros.io.box_files import Row
from actloc_ros.rules.scene import Actor
from actloc_ros.tracks import TrackLinker

FIRST_ID = 1_000_000  # ids of actors from boxes are above it, and so never those of people
FRESH = nanoseconds(0.5)  # from a key frame to boxes that still belong to it


@dataclass(frozen=True, eq=False)
class KindBoxes:
    """Boxes of one image.

    Attributes:
        boxes: float64 (N, 4): x1, y1, x2, y2 in pixels.
        scores: float64 (N,) in [0, 1].
        kinds: N names, `car`, `bus`, ….
        ids: int64 (N,), from 1, where whoever found them follows them too; else None.
    """

    boxes: np.ndarray
    scores: np.ndarray
    kinds: Sequence[str]
    ids: np.ndarray | None = None


class BoxTracker:
    """Follows the boxes of one camera by the linker that follows people."""

    def __init__(self) -> None:
        self._linker = TrackLinker()
        self._last: int | None = None

    def update(self, stamp: int, found: KindBoxes) -> list[Actor]:
        """Return the actors of an image taken at `stamp` (ns); none where it does not rise."""
        if self._last is not None and stamp < self._last:
            self._linker.reset()  # time has jumped back
        elif stamp == self._last:
            return []
        self._last = stamp
        tracks = self._linker.update(stamp, found.boxes, found.scores, found.ids)
        return [
            Actor(
                FIRST_ID + track_id,
                found.kinds[row],
                _box(found.boxes[row]),
                stamp=stamp,
            )
            for track_id, row in tracks.rows()
        ]


class BoxSource(Protocol):
    """Gives the boxes that belong to a recording's key frames."""

    def actors(self, index: int, stamp: int) -> list[Actor]:
        """Return the actors of the key frame with an index from 0 and a stamp in ns."""


class FrameBoxes:
    """Boxes by the number of their frame."""

    def __init__(self, by_frame: Mapping[int, KindBoxes]) -> None:
        """Begin; frames are counted from 0."""
        self._by_frame, self._tracker = by_frame, BoxTracker()

    def actors(self, index: int, stamp: int) -> list[Actor]:
        """Return the actors of a frame; see `BoxSource`."""
        found = self._by_frame.get(index, NOTHING)
        return self._tracker.update(stamp, found)


class LatestBoxes:
    """The newest boxes, which belong to key frames for 0.5 s."""

    def __init__(self) -> None:
        self._tracker = BoxTracker()
        self._stamp, self._actors = 0, list[Actor]()

    def put(self, stamp: int, found: KindBoxes) -> None:
        """Take the boxes of an image taken at `stamp` (ns)."""
        self._stamp, self._actors = stamp, self._tracker.update(stamp, found)

    def actors(self, stamp: int) -> list[Actor]:
        """Return the actors for a key frame; none where the boxes are older or newer by 0.5 s."""
        return self._actors if abs(stamp - self._stamp) <= FRESH else []


class StampedBoxes:
    """Boxes by stamp, in the order of time: the newest belong to a key frame."""

    def __init__(self, found: Iterator[tuple[int, KindBoxes]]) -> None:
        """Begin; `found` yields stamps in ns and boxes."""
        self._found, self._latest = found, LatestBoxes()
        self._next = next(found, None)

    def actors(self, index: int, stamp: int) -> list[Actor]:
        """Return the newest actors up to a stamp; see `BoxSource`."""
        while self._next is not None and self._next[0] <= stamp:
            self._latest.put(*self._next)
            self._next = next(self._found, None)
        return self._latest.actors(stamp)


def kind_boxes(rows: Sequence[Row]) -> KindBoxes:
    """Return the boxes of one image; ids count where all have one, each once."""
    ids = [row[3] for row in rows]
    known = bool(rows) and all(ids) and len(set(ids)) == len(ids)
    return KindBoxes(
        np.array([row[0] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float64),
        [row[2] for row in rows],
        np.array(ids, np.int64) if known else None,
    )


NOTHING = KindBoxes(np.zeros((0, 4)), np.zeros(0), ())


def _box(box: np.ndarray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return x1, y1, x2, y2

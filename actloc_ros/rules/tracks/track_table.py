"""Give each actor of a camera a row of arrays, and let a track be taken up by its successor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from actloc_ros.rules.scene import Actor, Scene

ROWS = 16  # that there are at first, and that are added at a time
SUCCESSOR = 0.6  # lengths (longer sides of a box) from a lost track's centre to its successor's


@dataclass(frozen=True)
class TableUpdate:
    """What became of the rows at a key frame.

    Attributes:
        rows: int64 (K,): the row of each of the scene's actors, in order.
        fresh: Rows that begin with this key frame: what was known of them is to be cleared.
        widened: The new number of rows; 0 where it is as before.
    """

    rows: np.ndarray
    fresh: tuple[int, ...]
    widened: int


class TrackTable:
    """Rows of one camera's actors.

    An actor keeps its row while unseen for up to `hold` ns. A new track of the same kind that
    begins where another was last detected within that time is its successor and gets its row: who
    steps behind a pillar, or is lost while falling, goes on.

    Attributes:
        last_detected: int64 (N,) stamps in ns; meaningless in free rows.
        first_detected: int64 (N,) stamps in ns.
        boxes: float64 (N, 4) in pixels, the last ones.
        ids: int64 (N,); meaningless in free rows.
        kinds: int64 (N,), indices of `kind_names`.
        serials: int64 (N,): a number that no other actor has or had.
        kind_names: All kinds there were.
    """

    def __init__(self, hold: int) -> None:
        self._hold, self._last = hold, 0
        self._row_of: dict[int, int] = {}
        self._serial = count(1)
        self.kind_names: list[str] = []
        self._used = np.zeros(ROWS, bool)
        self.ids = np.zeros(ROWS, np.int64)
        self.serials = np.zeros(ROWS, np.int64)
        self.kinds = np.zeros(ROWS, np.int64)
        self.first_detected = np.zeros(ROWS, np.int64)
        self.last_detected = np.zeros(ROWS, np.int64)
        self.boxes = np.zeros((ROWS, 4))

    def __len__(self) -> int:
        """Return the number of rows, free ones too."""
        return len(self.ids)

    def update(self, scene: Scene, boxes: np.ndarray) -> TableUpdate:
        """Give the scene's actors their rows; `boxes` are theirs, float64 (K, 4)."""
        self._free(scene.stamp)
        fresh, width = [], len(self)
        new = [actor for actor in scene.actors if actor.track_id not in self._row_of]
        lost = self._unseen(scene) if new else np.zeros(0, bool)
        for actor in new:
            row = self._successor(actor, lost)
            if row is None:
                row = self._allocate(actor, scene.stamp)
                fresh.append(row)
            else:
                lost[row] = False
            self._row_of[actor.track_id] = row
            self.ids[row] = actor.track_id
        rows = np.array([self._row_of[actor.track_id] for actor in scene.actors], np.int64)
        if len(rows):
            self.boxes[rows] = boxes
            self.last_detected[rows] = scene.stamp
        self._last = scene.stamp
        widened = len(self) if len(self) > width else 0
        return TableUpdate(rows, tuple(fresh), widened)

    def used(self) -> np.ndarray:
        """Return which rows hold an actor, bool (N,)."""
        return self._used

    def kind(self, row: int) -> str:
        """Return the kind of the actor in a row."""
        return self.kind_names[self.kinds[row]]

    def kind_index(self, kind: str) -> int:
        """Return the index of a kind."""
        if kind not in self.kind_names:
            self.kind_names.append(kind)
        return self.kind_names.index(kind)

    def _free(self, stamp: int) -> None:
        gone = self.used() & (stamp - self.last_detected > self._hold)
        gone &= self.last_detected < self._last  # whatever `hold` is: others may just go on
        if gone.any():
            for row in np.flatnonzero(gone):
                del self._row_of[int(self.ids[row])]
            self._used[gone] = False

    def _unseen(self, scene: Scene) -> np.ndarray:
        """Return which rows hold an actor that the scene does not, bool (N,)."""
        unseen = self._used & (scene.stamp - self.last_detected <= self._hold)
        known = (self._row_of.get(actor.track_id) for actor in scene.actors)
        unseen[[row for row in known if row is not None]] = False
        return unseen

    def _successor(self, actor: Actor, unseen: np.ndarray) -> int | None:
        """Return the row of the unseen track that this actor continues; it is free then."""
        kinds = self.kinds[: len(unseen)]
        lost = np.flatnonzero(unseen & (kinds == self.kind_index(actor.kind)))
        if not len(lost):
            return None
        x1, y1, x2, y2 = self.boxes[lost].T
        length = np.maximum(np.maximum(x2 - x1, y2 - y1), _length(actor))
        across = (x1 + x2) / 2 - (actor.box[0] + actor.box[2]) / 2
        down = (y1 + y2) / 2 - (actor.box[1] + actor.box[3]) / 2
        away = np.hypot(across, down) / length
        best = int(np.argmin(away))
        if away[best] > SUCCESSOR:
            return None
        row = int(lost[best])
        del self._row_of[int(self.ids[row])]
        return row

    def _allocate(self, actor: Actor, stamp: int) -> int:
        free = np.flatnonzero(~self.used())
        if not len(free):
            free = np.array([len(self)])
            self._widen()
        row = int(free[0])
        self.serials[row] = next(self._serial)
        self.kinds[row] = self.kind_index(actor.kind)
        self.first_detected[row] = stamp
        self.ids[row], self._used[row] = actor.track_id, True
        return row

    def _widen(self) -> None:
        for name in (
            '_used',
            'ids',
            'serials',
            'kinds',
            'first_detected',
            'last_detected',
            'boxes',
        ):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old[:ROWS])]))


def _length(actor: Actor) -> float:
    x1, y1, x2, y2 = actor.box
    return max(x2 - x1, y2 - y1)

"""Link the detections of one camera into tracks, online, by overlap and motion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from actloc_ros.boxes import paired_iou
from actloc_ros.frames import seconds

# Motion is measured in lengths: the longer side of the actor's box. An upright person's length is
# about 1.7 m, and running covers 2 lengths in a second.
POSITION_NOISE = 0.05  # lengths: how far a detector's box jumps about
START_SPEED = 1.5  # lengths/s: how fast an actor may be when first detected
ACCELERATION = 1.0  # lengths/s^1.5: how fast the velocity drifts
REACH = 1.5  # lengths/s: how fast boxes grow that overlap alone did not link
MAX_REACH = 0.5  # lengths: and how far
MISSED_DISCOUNT = 0.5  # share of the overlap's worth that a track loses until it is given up


@dataclass(frozen=True)
class TrackOptions:
    """How detections are linked into tracks.

    Attributes:
        iou_min: Least intersection over union in (0, 1] of a detection and the box where the
            track's motion would have it.
        max_gap: Time in s without detections after which a track is given up.
        min_score: Box score in [0, 1] from which a detection starts a track; a weaker one may only
            continue a track that nothing else fits.
    """

    iou_min: float = 0.3
    max_gap: float = 1.0
    min_score: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.iou_min <= 1:
            raise ValueError(f'iou_min is {self.iou_min}; it must be above 0 and at most 1')
        if not (0 <= self.max_gap < float('inf')):
            raise ValueError(f'max_gap is {self.max_gap} s; it must be 0 s or more')
        if not 0 <= self.min_score <= 1:
            raise ValueError(f'min_score is {self.min_score}; it must be from 0 to 1')


@dataclass(frozen=True, eq=False)
class TrackUpdate:
    """What the linker makes of one key frame with N detections.

    Attributes:
        ids: int64 (N,): the track of each detection, in order; 0 for one too weak to have any.
        lost: Ids of tracks that were given up at this key frame, rising. A localizer that follows
            actors by itself may name one again, also in `ids` here: it then starts again.
        first_stamps: When each track of `ids` began, in ns, by id.
    """

    ids: np.ndarray
    lost: tuple[int, ...]
    first_stamps: Mapping[int, int]

    def rows(self) -> list[tuple[int, int]]:
        """Return the id and the row of each detection that has a track, by rising id."""
        return sorted((track_id, row) for row, track_id in enumerate(self.ids.tolist()) if track_id)


class TrackLinker:
    """Follows the actors of one camera.

    A track is predicted to go on at constant velocity, by time and not by frame. Detections are
    assigned to predictions so that the sum of overlaps is largest; then what is left over is
    assigned with boxes grown by how far an actor may have come, and then what is too weak to
    start a track. Track ids are never used twice, also not after `reset`.

    Where the localizer follows actors by itself (`Detections.track_ids`), its ids are kept, raised
    after a `reset` by the largest id given before.
    """

    def __init__(self, options: TrackOptions | None = None) -> None:
        self.options = options or TrackOptions()
        self._tracks: dict[int, _Track] = {}
        self._newest_id = 0
        self._id_offset = 0
        self._previous: int | None = None

    def update(
        self,
        stamp: int,
        boxes: np.ndarray,
        scores: np.ndarray,
        track_ids: np.ndarray | None = None,
    ) -> TrackUpdate:
        """Link the detections of one key frame.

        Args:
            stamp: Of the key frame in ns, later than the one before.
            boxes: float (N, 4): x1, y1, x2, y2 in pixels.
            scores: float (N,) in [0, 1]: that each box holds an actor.
            track_ids: int64 (N,), from 1 and each once, where the localizer follows actors by
                itself.

        Raises:
            ValueError: A stamp that does not rise.
        """
        if self._previous is not None and stamp <= self._previous:
            raise ValueError(f'stamp {stamp} is not after {self._previous}; reset() comes first')
        lost = self._give_up(stamp, pardoned=self._previous)
        if track_ids is None:
            ids = self._assign(stamp, boxes, scores)
        else:
            ids = [self._id_offset + int(track_id) for track_id in track_ids]
        first_stamps = {
            track_id: self._follow(stamp, track_id, box)
            for track_id, box in zip(ids, boxes, strict=True)
            if track_id
        }
        lost += self._give_up(stamp)
        self._previous = stamp
        return TrackUpdate(np.array(ids, np.int64), tuple(sorted(lost)), first_stamps)

    def reset(self) -> None:
        """Forget all tracks, but not which ids were used."""
        self._tracks.clear()
        self._previous = None
        self._id_offset = self._newest_id

    def _give_up(self, stamp: int, pardoned: int | None = None) -> tuple[int, ...]:
        """Drop tracks without detections for too long, and return their ids.

        Those last detected at `pardoned`, the key frame before, may still be found at this one: a
        pause of the camera does not count.
        """
        lost = tuple(
            track_id
            for track_id, track in self._tracks.items()
            if track.last != pardoned and seconds(stamp - track.last) > self.options.max_gap
        )
        for track_id in lost:
            del self._tracks[track_id]
        return lost

    def _assign(self, stamp: int, boxes: np.ndarray, scores: np.ndarray) -> list[int]:
        """Return each detection's track id; 0 for one too weak to start a track."""
        ids = [0] * len(boxes)
        strong = scores >= self.options.min_score
        for wanted, reach in ((strong, False), (strong, True), (~strong, False)):
            free = [i for i in np.flatnonzero(wanted) if not ids[i]]
            tracks = [self._tracks[k] for k in sorted(set(self._tracks) - set(ids))]
            for row, column in self._match(stamp, tracks, boxes[free], reach):
                ids[free[column]] = tracks[row].track_id
        for index in np.flatnonzero(strong):
            ids[index] = ids[index] or self._next_id(ids)
        return ids

    def _next_id(self, taken: Iterable[int]) -> int:
        return max(self._newest_id, *taken) + 1

    def _match(
        self, stamp: int, tracks: list[_Track], boxes: np.ndarray, reach: bool
    ) -> list[tuple[int, int]]:
        if not tracks or not len(boxes):
            return []
        predicted = np.array([track.predict(stamp) for track in tracks])
        missed = np.array([seconds(stamp - track.last) for track in tracks])
        overlap = _overlaps(predicted, boxes, np.minimum(REACH * missed, MAX_REACH) * reach)
        fits = overlap >= self.options.iou_min
        # Of two tracks that fit a detection equally, the one detected last is the one in front.
        worth = overlap * (1 - MISSED_DISCOUNT * np.minimum(missed / self._patience(), 1))[:, None]
        rows, columns = linear_sum_assignment(np.where(fits, worth, 0), maximize=True)
        return [(r, c) for r, c in zip(rows, columns, strict=True) if fits[r, c]]

    def _patience(self) -> float:
        return max(self.options.max_gap, 1e-3)

    def _follow(self, stamp: int, track_id: int, box: np.ndarray) -> int:
        """Add a box to its track, which starts with it if it is new; return the track's start."""
        track = self._tracks.get(track_id)
        if track is None:
            track = self._tracks[track_id] = _Track(track_id, stamp, box)
            self._newest_id = max(self._newest_id, track_id)
        else:
            track.update(stamp, box)
        return track.first


class _Track:
    """One actor's motion: a Kalman filter of the box's centre, at constant velocity, by time.

    Both coordinates share one covariance, in lengths, since their noise is the same.
    """

    def __init__(self, track_id: int, stamp: int, box: np.ndarray) -> None:
        self.track_id = track_id
        self.first = self.last = stamp
        self._vx = self._vy = 0.0
        self._x, self._y, self._width, self._height = _measured(box)
        # Variance of the position, covariance with the velocity, variance of the velocity.
        self._spread = POSITION_NOISE**2, 0.0, START_SPEED**2

    def predict(self, stamp: int) -> tuple[float, float, float, float]:
        """Return the box, in pixels, where constant velocity would have the actor at `stamp`."""
        x, y = self._at(seconds(stamp - self.last))
        right, down = self._width / 2, self._height / 2
        return x - right, y - down, x + right, y + down

    def update(self, stamp: int, box: np.ndarray) -> None:
        """Add the box in which the actor was detected at `stamp`."""
        time = seconds(stamp - self.last)
        position, both, speed = _drifted(self._spread, time)
        gain, gain_of_speed = (value / (position + POSITION_NOISE**2) for value in (position, both))
        expected_x, expected_y = self._at(time)
        x, y, self._width, self._height = _measured(box)
        x, y = x - expected_x, y - expected_y
        self._x, self._y = expected_x + gain * x, expected_y + gain * y
        self._vx, self._vy = self._vx + gain_of_speed * x, self._vy + gain_of_speed * y
        self._spread = (1 - gain) * position, (1 - gain) * both, speed - gain_of_speed * both
        self.last = stamp

    def _at(self, time: float) -> tuple[float, float]:
        return self._x + self._vx * time, self._y + self._vy * time


def _drifted(spread: tuple[float, float, float], time: float) -> tuple[float, float, float]:
    """Return a track's covariance after `time` s of drifting velocity."""
    position, both, speed = spread
    drift = ACCELERATION**2
    return (
        position + 2 * time * both + time**2 * speed + drift * time**3 / 3,
        both + time * speed + drift * time**2 / 2,
        speed + drift * time,
    )


def _measured(box: np.ndarray) -> tuple[float, float, float, float]:
    """Return x and y of a box's centre, its width and its height."""
    x1, y1, x2, y2 = box.tolist()
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _overlaps(tracks: np.ndarray, boxes: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return intersection over union (T, N), both grown on each side by `reach` (T,) lengths."""
    lengths = np.max(tracks[:, 2:] - tracks[:, :2], axis=-1)
    margin = (reach * lengths)[:, None, None] * np.array([-1, -1, 1, 1])
    return paired_iou(tracks[:, None] + margin, boxes[None] + margin)

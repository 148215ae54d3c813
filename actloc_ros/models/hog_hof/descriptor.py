"""Describe the surroundings of points on a moving actor by gradients, flow and its boundaries."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np

from actloc_ros.frames import nanoseconds, seconds
from actloc_ros.models.vision.optical_flow import fit_background

BINS = 8  # directions: of gradients over 180 degrees, of flow and its boundaries over 360
CELL = 4  # px: side of the squares in which histograms are summed first
REACH = 0.1  # box heights: side of each of the 2 x 2 cells around a point
SPACING = 0.05  # box heights between points
SPANS = 3  # parts of the time a point is followed that are distinguished
CONTEXT = 0.1  # share of the box that is added on each side
NOISE = 0.4  # px a moment: flow below counts as none
SLOWEST = 0.045  # box heights/s below which a point does not move
TEXTURE = 1e-4  # least eigenvalue of the gradients around a point that can be followed
NEAR_MOMENT = 0.8  # share of the time between moments from which a frame is the next one
ENOUGH = 0.95  # share of that time for which a point must have been followed
LONGEST_GAP = 0.35  # s between moments across which no point is followed
EPSILON = 1e-6

# Channels of each kind: gradients (Dalal and Triggs, CVPR 2005), flow with a last bin for its
# absence (Laptev et al., CVPR 2008), boundaries in the flow to the right and downwards (Dalal et
# al., ECCV 2006).
KINDS = {
    'gradient': slice(0, BINS),
    'flow': slice(BINS, 2 * BINS + 1),
    'boundary_right': slice(2 * BINS + 1, 3 * BINS + 1),
    'boundary_down': slice(3 * BINS + 1, 4 * BINS + 1),
}
CHANNELS = 4 * BINS + 1
LENGTHS = {kind: SPANS * 4 * (part.stop - part.start) for kind, part in KINDS.items()}


@dataclass(frozen=True)
class DescriptorSettings:
    """How clips are described.

    Attributes:
        rate: Frames a second whose flow is measured, in Hz.
        looks: Samples a second of the points that were followed, in Hz.
        follow: Time in s for which points are followed.
        words: Words of each kind's code book.
        duration: Length in s of the clips that a camera's actors are classified by.
    """

    rate: float = 15.0
    looks: float = 7.5
    follow: float = 0.5
    words: int = 32
    duration: float = 2.0

    def __post_init__(self) -> None:
        rates = 0 < self.looks <= self.rate < 1000
        times = SPANS / self.rate <= self.follow <= self.duration < 1000
        if not (rates and times and isinstance(self.words, int) and 1 <= self.words <= 1024):
            raise ValueError(
                f'{self}: there must be looks at most as often as moments, {SPANS} moments while '
                'points are followed, clips no shorter than that, and 1 to 1024 words'
            )


class FrameSampler:
    """Chooses the frames to sample."""

    def __init__(self, rate: float) -> None:
        """Take the moments a second, in Hz."""
        self._wait = nanoseconds(NEAR_MOMENT / rate)
        self._previous: int | None = None

    def due(self, stamp: int) -> bool:
        """Return whether the frame at `stamp` in ns is to be sampled, and count it as sampled."""
        if self._previous is not None and 0 <= stamp - self._previous < self._wait:
            return False
        self._previous = stamp
        return True


@dataclass(frozen=True, eq=False)
class PointTracks:
    """What surrounds N points that were followed back from one stamp.

    Attributes:
        stamp: In ns.
        places: float32 (N, 2): x from the middle and y from the top of the box, in its heights.
        parts: float16 (N, SPANS, 2, 2, CHANNELS): roots of the shares that bins have in each kind
            (Arandjelovic and Zisserman, CVPR 2012), by time, row and column.
    """

    stamp: int
    places: np.ndarray
    parts: np.ndarray

    def mirrored(self) -> PointTracks:
        """Return the tracks that the mirror image would have had."""
        places = self.places * np.array([-1, 1], np.float32)
        return replace(self, places=places, parts=self.parts[:, :, :, ::-1, MIRRORED])

    def kind(self, name: str) -> np.ndarray:
        """Return the descriptors of one kind, float32 (N, LENGTHS[name])."""
        part = self.parts[..., KINDS[name]]
        return part.reshape(len(part), LENGTHS[name]).astype(np.float32)


def _mirrored_channels() -> np.ndarray:
    """Return which channel each one is in the mirror image: directions turn about an axis."""
    bins = np.arange(BINS)
    about_vertical, about_horizontal = (BINS // 2 - bins) % BINS, -bins % BINS
    flow = [BINS + about_vertical, [2 * BINS]]
    # To mirror negates x and the flow to the right: its slope along x keeps its sign.
    right, down = KINDS['boundary_right'].start, KINDS['boundary_down'].start
    return np.concatenate(
        [about_horizontal, *flow, right + about_horizontal, down + about_vertical]
    )


MIRRORED = _mirrored_channels()


@dataclass(frozen=True, eq=False)
class _Moment:
    """One image's motion since the moment before, and sums of its histograms.

    Attributes:
        stamp: In ns.
        elapsed: Time in s since the moment before.
        back: float32 (H, W, 2): where each pixel was, relative to where it is, in px.
        own: float32 (H, W, 2): its motion against the background, in px.
        sums: float64 (H / CELL + 1, W / CELL + 1, CHANNELS): of all cells above and to the left.
    """

    stamp: int
    elapsed: float
    back: np.ndarray
    own: np.ndarray
    sums: np.ndarray


class PointTracker:
    """Follows points of one camera back in time through dense flow.

    Improved dense trajectories (Wang and Schmid, ICCV 2013): camera motion is taken out by a
    homography, and points that do not move against the background are left out. Points are chosen
    at the end and followed back, so that nothing is followed which no one asks for.
    """

    def __init__(self, settings: DescriptorSettings) -> None:
        self._settings = settings
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._grey = np.zeros((0, 0), np.uint8)
        self._stamp = 0
        self._past: deque[_Moment] = deque()

    def update(self, stamp: int, grey: np.ndarray, actors: np.ndarray) -> None:
        """Take a moment: its stamp in ns, image, uint8 (H, W), and boxes (N, 4) that may move."""
        gap = seconds(stamp - self._stamp)
        before, self._grey, self._stamp = self._grey, grey, stamp
        if before.shape != grey.shape or not 0 < gap <= LONGEST_GAP:
            self._past.clear()
            return
        back = np.zeros((*grey.shape, 2), np.float32)
        self._flow.calc(grey, before, back)
        background, _ = fit_background(grey, back, actors)
        own = _drift(background, grey.shape) - back
        self._past.append(_Moment(stamp, gap, cv2.blur(back, (3, 3)), own, _sums(grey, own)))
        while seconds(stamp - self._past[0].stamp) > self._settings.follow:
            self._past.popleft()

    def tracks(self, box: np.ndarray) -> PointTracks | None:
        """Return what moves in a box x1, y1, x2, y2; None before it can be known."""
        if len(self._past) < SPANS or self._followed < ENOUGH * self._settings.follow:
            return None
        height = max(float(box[3] - box[1]), 1.0)
        start = self._points(box, height)
        ways, distance = [start], np.zeros(len(start))
        for moment in reversed(self._past):
            x, y = _pixels(ways[-1], self._grey.shape)
            distance += np.hypot(*moment.own[y, x].T)
            ways.append(ways[-1] + moment.back[y, x])
        moves = distance > SLOWEST * height * self._followed
        way = np.stack(ways[:-1], 1)[moves]
        middle, top = (box[0] + box[2]) / 2, box[1]
        places = ((start[moves] - (middle, top)) / height).astype(np.float32)
        return PointTracks(self._stamp, places, self._parts(way, REACH * height))

    @property
    def _followed(self) -> float:
        """The time in s for which points can be followed back."""
        first = self._past[0]
        return seconds(self._stamp - first.stamp) + first.elapsed

    def _points(self, box: np.ndarray, height: float) -> np.ndarray:
        """Return the points of a grid over the box that can be followed, float (N, 2)."""
        rows, columns = self._grey.shape
        margin = CONTEXT * (box[2:] - box[:2])
        low = np.maximum(box[:2] - margin, 0)
        high = np.minimum(box[2:] + margin, (columns, rows))
        step = SPACING * height
        x, y = (np.arange(low[axis] + step / 2, high[axis], step) for axis in (0, 1))
        points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        texture = cv2.dilate(cv2.cornerMinEigenVal(self._grey, 5), np.ones((5, 5)))
        column, row = _pixels(points, self._grey.shape)
        return points[texture[row, column] > TEXTURE]

    def _parts(self, way: np.ndarray, reach: float) -> np.ndarray:
        """Return the histograms along ways (N, T, 2), newest first; see `PointTracks.parts`."""
        if not len(way):
            return np.zeros((0, SPANS, 2, 2, CHANNELS), np.float16)
        cells = [
            _cells(moment.sums, way[:, index], reach)
            for index, moment in enumerate(reversed(self._past))
        ]
        spans = np.array_split(np.stack(cells[::-1], 1), SPANS, axis=1)
        parts = np.stack([span.mean(1) for span in spans], 1)
        for part in KINDS.values():
            total = parts[..., part].sum((1, 2, 3, 4), keepdims=True)
            parts[..., part] = np.sqrt(np.clip(parts[..., part], 0, None) / (total + EPSILON))
        return parts.astype(np.float16)


def _pixels(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and rows (N,) of points (N, 2), within the image."""
    x = np.clip(points[:, 0], 0, shape[1] - 1).astype(int)
    return x, np.clip(points[:, 1], 0, shape[0] - 1).astype(int)


def _drift(background: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return by how many px the background moves at each pixel, float32 (H, W, 2)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    place = np.stack([x, y], -1)
    moved = cv2.perspectiveTransform(place.reshape(1, -1, 2), background)
    return moved.reshape(place.shape) - place


def _sums(grey: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the sums of histograms, see `_Moment.sums`."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    right, down = cv2.split(own)
    slow = cv2.magnitude(right, down) < NOISE
    parts = [
        _histograms(*_slope(smooth), np.pi),
        _histograms(np.where(slow, 0, right), np.where(slow, 0, down), 2 * np.pi),
        _counted(np.zeros(slow.shape, np.int64), np.where(slow, NOISE, 0), 1),
        _histograms(*_slope(right), 2 * np.pi),
        _histograms(*_slope(down), 2 * np.pi),
    ]
    cells = np.concatenate(parts, 2).cumsum(0).cumsum(1)
    return np.pad(cells, ((1, 0), (1, 0), (0, 0)))


def _slope(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (
        cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=1),
        cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=1),
    )


def _histograms(x: np.ndarray, y: np.ndarray, turn: float) -> np.ndarray:
    """Return lengths of vectors by cell and direction, shared by the two nearest of BINS."""
    length, angle = cv2.cartToPolar(x, y)
    place = angle * (BINS / turn)
    lower = np.floor(place)
    upper_share = place - lower
    index = lower.astype(np.int64) % BINS
    return _counted(index, length * (1 - upper_share), BINS) + _counted(
        (index + 1) % BINS, length * upper_share, BINS
    )


def _counted(index: np.ndarray, weight: np.ndarray, bins: int) -> np.ndarray:
    """Return the sum of weights by cell and bin, float64 (H / CELL, W / CELL, bins)."""
    rows, columns = (size // CELL for size in index.shape)
    row, column = np.ogrid[: rows * CELL, : columns * CELL]
    cell = (row // CELL) * columns + column // CELL
    whole = np.s_[: rows * CELL, : columns * CELL]
    place = cell * bins + index[whole]
    sums = np.bincount(place.ravel(), weight[whole].ravel(), rows * columns * bins)
    return sums.reshape(rows, columns, bins)


def _cells(sums: np.ndarray, points: np.ndarray, reach: float) -> np.ndarray:
    """Return the sums in 2 x 2 cells with side `reach` px around points, (N, 2, 2, CHANNELS)."""
    offsets = np.array([-reach, 0.0, reach])
    x = points[:, 0, None] + offsets
    y = points[:, 1, None] + offsets
    corners = _between(sums, x[:, None, :], y[:, :, None])
    return np.diff(np.diff(corners, axis=1), axis=2)


def _between(sums: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return sums at places in px between the corners of cells, clipped to the image."""
    x, y = np.broadcast_arrays(
        np.clip(x / CELL, 0, sums.shape[1] - 1.001), np.clip(y / CELL, 0, sums.shape[0] - 1.001)
    )
    column, row = x.astype(int), y.astype(int)
    right, down = (x - column)[..., None], (y - row)[..., None]
    upper = sums[row, column] * (1 - right) + sums[row, column + 1] * right
    lower = sums[row + 1, column] * (1 - right) + sums[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down

"""Describe an actor over a clip by histograms of gradients, flow and motion boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actloc_ros.frames import nanoseconds, seconds

PATCH = 64  # px: side to which an actor's box is resized
CONTEXT = 0.1  # share of the box that is added on each side
SLOW = 0.1  # box heights/s: flow below counts as none
NEAR_MOMENT = 0.8  # share of the time between moments from which a frame is the next one
EPSILON = 1e-6


@dataclass(frozen=True)
class Settings:
    """How clips are described.

    Attributes:
        rate: Moments a second that are looked at, in Hz.
        moments: Moments in a clip.
        across: Cells across the box.
        down: Cells down the box.
        spans: Parts of the clip that are told apart.
        bins: Directions of gradients (over 180 degrees), flow and motion boundaries (over 360).
    """

    rate: float = 10.0
    moments: int = 20
    across: int = 6
    down: int = 4
    spans: int = 3
    bins: int = 8

    def __post_init__(self) -> None:
        counts = self.moments, self.across, self.down, self.spans, self.bins
        whole = all(isinstance(count, int) and 1 <= count <= PATCH for count in counts)
        if not (whole and 0 < self.rate < 1000 and self.spans <= self.moments):
            raise ValueError(
                f'{self}: the rate must be above 0 and below 1000 Hz, counts whole numbers from 1 '
                f'to {PATCH}, and spans at most moments'
            )

    @property
    def length(self) -> int:
        """Numbers in a descriptor."""
        return self.spans * self.down * self.across * (4 * self.bins + 1)

    @property
    def duration(self) -> float:
        """Time in s from a clip's first moment to its last."""
        return (self.moments - 1) / self.rate


class Pace:
    """Says which frames are moments to look at."""

    def __init__(self, settings: Settings) -> None:
        self._wait = nanoseconds(NEAR_MOMENT / settings.rate)
        self._previous: int | None = None

    def due(self, stamp: int) -> bool:
        """Say whether the frame at `stamp` in ns is to be looked at, and count it as looked at."""
        if self._previous is not None and 0 <= stamp - self._previous < self._wait:
            return False
        self._previous = stamp
        return True


@dataclass(frozen=True, eq=False)
class Moment:
    """What one actor looks like and how it moves at one stamp.

    Attributes:
        stamp: In ns.
        histograms: float32 (down, across, 4 * bins + 1): of gradients (Dalal and Triggs, CVPR
            2005), of flow with a last bin for its absence (Laptev et al., CVPR 2008), of the
            boundaries in the flow to the right and downwards (Dalal et al., ECCV 2006).
    """

    stamp: int
    histograms: np.ndarray


def describe_moment(
    stamp: int, grey: np.ndarray, velocity: np.ndarray, box: np.ndarray, settings: Settings
) -> Moment:
    """Describe an actor at one stamp.

    Args:
        stamp: In ns.
        grey: uint8 (H, W).
        velocity: float32 (H, W, 2), px/s, against the background.
        box: The actor's x1, y1, x2, y2.
        settings: How.
    """
    patch = _cut(grey, box).astype(np.float32)
    flow = _cut(velocity, box) / np.float32(max(box[3] - box[1], 1.0))
    right, down = cv2.split(flow)
    speed = cv2.magnitude(right, down)
    slow = speed < SLOW
    parts = [
        _histograms(*_gradient(patch), np.pi, settings),
        _histograms(np.where(slow, 0, right), np.where(slow, 0, down), 2 * np.pi, settings),
        _histogram(np.zeros(speed.shape, int), np.where(slow, SLOW, 0), 1, settings),
        _histograms(*_gradient(right), 2 * np.pi, settings),
        _histograms(*_gradient(down), 2 * np.pi, settings),
    ]
    return Moment(stamp, np.concatenate(parts, 2).astype(np.float32))


def describe_clip(moments: Sequence[Moment], end: int, settings: Settings) -> np.ndarray:
    """Describe the clip that ends at stamp `end` in ns, float32 (length,).

    Each of its moments is the nearest there is. Parts of the clip are normalized on their own
    (root of the shares, as Arandjelovic and Zisserman, CVPR 2012), and so is each kind.
    """
    stamps = np.array([moment.stamp for moment in moments], np.int64)
    wanted = end - np.array(
        [nanoseconds(back / settings.rate) for back in reversed(range(settings.moments))], np.int64
    )
    nearest = np.abs(stamps[None] - wanted[:, None]).argmin(1)
    chosen = np.stack([moments[index].histograms for index in nearest])
    spans = np.stack([part.mean(0) for part in np.array_split(chosen, settings.spans)])
    bins = settings.bins
    kinds = np.split(spans, [bins, 2 * bins + 1, 3 * bins + 1], axis=3)
    return np.concatenate([_normalized(kind) for kind in kinds], 3).astype(np.float32).ravel()


def coverage(moments: Sequence[Moment], end: int, settings: Settings) -> float:
    """Return the share of the clip ending at `end` that lies after the first moment there is."""
    if not moments:
        return 0.0
    return min(1.0, seconds(end - moments[0].stamp) / max(settings.duration, EPSILON))


def _cut(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the box with its context, resized; the image's edge is repeated outside."""
    low, high = box[:2], box[2:]
    side = np.maximum(high - low, 1.0)
    start = low - CONTEXT * side
    step = side * (1 + 2 * CONTEXT) / PATCH
    to_image = np.array([[step[0], 0, start[0]], [0, step[1], start[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        image, to_image, (PATCH, PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)


def _histograms(x: np.ndarray, y: np.ndarray, turn: float, settings: Settings) -> np.ndarray:
    """Return lengths of vectors by direction, (down, across, bins), shared by nearest bins."""
    place = (np.arctan2(y, x) % turn) * (settings.bins / turn)
    lower = np.floor(place).astype(int)
    upper_share = place - lower
    length = np.hypot(x, y)
    return _histogram(
        lower % settings.bins, length * (1 - upper_share), settings.bins, settings
    ) + _histogram((lower + 1) % settings.bins, length * upper_share, settings.bins, settings)


def _histogram(index: np.ndarray, weight: np.ndarray, bins: int, settings: Settings) -> np.ndarray:
    """Return the sum of weights by cell and bin, (down, across, bins)."""
    row = np.arange(PATCH) * settings.down // PATCH
    column = np.arange(PATCH) * settings.across // PATCH
    cell = row[:, None] * settings.across + column
    sums = np.bincount(
        (cell * bins + index).ravel(), weight.ravel(), settings.down * settings.across * bins
    )
    return sums.reshape(settings.down, settings.across, bins)


def _normalized(histograms: np.ndarray) -> np.ndarray:
    """Return the roots of the shares that bins have in each span, (spans, down, across, bins)."""
    total = histograms.sum((1, 2, 3), keepdims=True)
    return np.sqrt(histograms / (total + EPSILON))

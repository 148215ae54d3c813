"""Cut the clip of one actor out of a camera's frames, along the actor's own smoothed boxes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from actloc_ros.frames import NANOSECONDS, nanoseconds

CONTEXT = 1.5  # side of the crop in longer sides of the box: actions extend beyond it
SMOOTHING = nanoseconds(0.3)  # ns over which a detector's jitter is averaged
SAMPLES = 7  # of the boxes over that time


class TrackBoxes:
    """The boxes of one actor over time.

    Args:
        length: Time in ns that clips span.
    """

    def __init__(self, length: int) -> None:
        self._length = length + SMOOTHING
        self._past: deque[tuple[int, np.ndarray]] = deque()

    def add(self, stamp: int, box: np.ndarray) -> None:
        """Add the box at a stamp (ns) above the last one's: x1, y1, x2, y2."""
        self._past.append((stamp, np.array(box, np.float64)))
        while len(self._past) > 1 and self._past[1][0] <= stamp - self._length:
            self._past.popleft()

    def squares(self, stamps: Sequence[int]) -> np.ndarray:
        """Return the squares around the actor at `stamps` (ns): float64 (K, 4), x1, y1, x2, y2.

        Boxes are interpolated where the actor was not detected, held before the first and after
        the last one, and averaged over 0.3 s. A square's side is 1.5 times its box's longer side.
        """
        known = np.array([(stamp - self._past[0][0]) / NANOSECONDS for stamp, _ in self._past])
        offsets = np.linspace(-SMOOTHING / 2, SMOOTHING / 2, SAMPLES)
        wanted = np.array([stamp - self._past[0][0] for stamp in stamps], np.float64)
        times = (wanted[:, None] + offsets) / NANOSECONDS
        boxes = np.stack([box for _, box in self._past])
        corners = np.stack([np.interp(times, known, column).mean(1) for column in boxes.T], 1)
        centres = (corners[:, :2] + corners[:, 2:]) / 2
        half = CONTEXT / 2 * (corners[:, 2:] - corners[:, :2]).max(1, keepdims=True)
        return np.concatenate([centres - half, centres + half], 1)


def central_square(image: Tensor) -> np.ndarray:
    """Return the largest square in the middle of an image (C, h, w): x1, y1, x2, y2."""
    height, width = image.shape[1:]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return np.array([left, top, left + side, top + side], np.float64)


def cut(image: Tensor, square: np.ndarray) -> Tensor:
    """Return the pixels of `image` (C, h, w) in a square: (C, s, s), s at least 1.

    Args:
        image: Of any type.
        square: x1, y1, x2, y2 in pixels of the image. Where it reaches out of the image, the
            nearest pixels are repeated.
    """
    side = max(1, round(float(square[2] - square[0])))
    x, y = (round(float(value)) for value in square[:2])
    columns = torch.arange(x, x + side, device=image.device).clamp_(0, image.shape[2] - 1)
    rows = torch.arange(y, y + side, device=image.device).clamp_(0, image.shape[1] - 1)
    return image[:, rows[:, None], columns]

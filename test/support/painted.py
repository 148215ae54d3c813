"""Paint actors whose colour says what they do, and localize them from the pixels alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions

LABELS = ('red', 'green', 'blue')
Painted = tuple[tuple[int, int, int, int], tuple[int, int, int]]
"""x1, y1, x2, y2 in whole pixels and the colour; some channel must be above 0."""


def paint(
    stamp: int,
    actors: Iterable[Painted],
    camera: str = '',
    size: tuple[int, int] = (160, 120),
) -> Frame:
    """Return a frame with rectangles on black."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for (x1, y1, x2, y2), colour in actors:
        image[y1:y2, x1:x2] = colour
    return Frame(camera, stamp, image, f'{camera}_optical_frame')


class PaintLocalizer(Localizer):
    """Finds bright regions; a region's colour is its score of each action.

    It refuses stamps that do not rise, and remembers what it was asked to forget.
    """

    name = 'paint'
    labels = LABELS

    def __init__(self, options: LocalizerOptions | None = None) -> None:
        self.newest: dict[str, int] = {}
        self.resets: list[str | None] = []
        self.batches: list[list[str]] = []
        self.closed = False

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the bright regions of each frame."""
        self.batches.append([frame.camera for frame in frames])
        return [self._find(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Forget the newest stamps."""
        self.resets.append(camera)
        for name in [camera] if camera is not None else list(self.newest):
            self.newest.pop(name, None)

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def _find(self, frame: Frame) -> Detections:
        assert frame.stamp > self.newest.get(frame.camera, -1), 'stamps must rise'
        self.newest[frame.camera] = frame.stamp
        mask = frame.image.max(axis=2) > 0
        count, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        corners, sizes = stats[1:count, :2], stats[1:count, 2:4]
        x, y = centres[1:count].astype(int).T
        return Detections(
            boxes=np.hstack([corners, corners + sizes]).astype(np.float32),
            scores=np.ones(count - 1, np.float32),
            actions=frame.image[y, x].astype(np.float32) / 255,
            clip=ClipInfo(frame.stamp, frame.stamp),
        )

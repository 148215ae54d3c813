"""Pictures for the cameras of a soak, and a light localizer that finds what is in them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from actloc_ros.frames import Frame
from actloc_ros.localizer import ClipInfo, Detections, Localizer, LocalizerOptions, no_detections

SIZE = (320, 240)  # width and height, in pixels
COUNT, RATE = 80, 10.0  # pictures in a film, and how many are a second
BACKGROUND, BRIGHT = 40, 200  # grey levels
SWAY = 20  # pictures for which a block keeps its direction


class Blocks(Localizer):
    """Finds the red, the green and the blue block of a picture, each with its colour as action."""

    name, labels, threshold = 'blocks', ('red', 'green', 'blue'), 0.5

    def __init__(self, options: LocalizerOptions) -> None:
        """Take no options."""

    def step(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the blocks in each frame."""
        return [_find(frame) for frame in frames]

    def reset(self, camera: str | None = None) -> None:
        """Do nothing: there is no past."""


def _find(frame: Frame) -> Detections:
    clip = ClipInfo(frame.stamp, frame.stamp)
    boxes, colours = [], []
    for colour in range(3):
        others = np.delete(frame.image, colour, axis=2).max(axis=2)
        rows, columns = np.nonzero((frame.image[..., colour] > BRIGHT) & (others < BRIGHT / 2))
        if len(rows) > 9:
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            colours.append(colour)
    if not boxes:
        return no_detections(clip, 3)
    actions = 0.9 * np.eye(3, dtype=np.float32)[colours]
    return Detections(np.float32(boxes), np.full(len(boxes), 0.9, np.float32), actions, clip)


def blocks_film(seed: int) -> np.ndarray:
    """Return pictures of blocks that move, come and go, uint8 (COUNT, height, width, 3)."""
    order = random.Random(seed)
    film = np.full((COUNT, SIZE[1], SIZE[0], 3), BACKGROUND, np.uint8)
    for colour in range(3):
        x, y, step, shown = 100 * colour + 10, 80, 2, True
        for index in range(COUNT):
            if index % SWAY == 0:
                step, shown = order.choice((-2, 2)), order.random() < 0.7
            x = min(max(x + step, 100 * colour), 100 * colour + 60)
            if shown:
                block = film[index, y : y + 100, x : x + 50]
                block[:] = 0
                block[..., colour] = 250
    return film


def people_film(seed: int) -> np.ndarray:
    """Return pictures of synthetic people, uint8 (COUNT, height, width, 3)."""
    from actloc_ros.synth import render

    return np.stack([frame.image for frame in render(seed, COUNT / RATE, SIZE, RATE)])

"""Lay all figures of a scene end to end, so that a frame handles their parts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.synth.body import PATTERN_SIZE, POINTS, Body

THING = 255  # owner of pixels that show a thing


@dataclass(frozen=True)
class Thing:
    """A small round thing of two points: its radius in metres and RGB colour, 0..255."""

    radius: float
    colour: tuple[float, float, float]


class Cast:
    """All figures of a scene: actors' bodies, then things.

    Attributes:
        owners: uint8 (F,), what marks a figure's pixels: an actor's number or THING.
        parts: int (P, 2), the points between which each part stretches.
        radii: float32 (P, 2), metres at these points.
        figures: int (P,), the figure that a part belongs to.
        materials: int (P,), indices into colours and patterns.
        colours: float32 (M, 3), RGB 0..255.
        patterns: float32 (M, 32, 32), factors of the colour along and across a part.
    """

    def __init__(self, bodies: Sequence[Body], things: Sequence[Thing]) -> None:
        plain = np.ones((len(things), PATTERN_SIZE, PATTERN_SIZE), np.float32)
        counts = [len(body.parts) for body in bodies] + [1] * len(things)
        pairs = [body.parts + len(POINTS) * index for index, body in enumerate(bodies)]
        pairs += [
            np.array([[0, 1]]) + len(POINTS) * len(bodies) + 2 * index
            for index in range(len(things))
        ]
        colours = [body.colours for body in bodies] + [
            np.array([t.colour], np.float32) for t in things
        ]
        first = np.cumsum([0] + [len(rows) for rows in colours])
        materials = [body.materials for body in bodies] + [np.zeros(1, int)] * len(things)
        self.owners = np.array([*range(1, len(bodies) + 1), *[THING] * len(things)], np.uint8)
        self.parts = np.concatenate(pairs)
        self.radii = np.concatenate(
            [body.radii for body in bodies] + [np.full((1, 2), t.radius) for t in things]
        ).astype(np.float32)
        self.figures = np.repeat(np.arange(len(counts)), counts)
        self.materials = np.concatenate(
            [rows + base for rows, base in zip(materials, first, strict=False)]
        )
        self.colours = np.concatenate(colours)
        self.patterns = np.concatenate([body.patterns for body in bodies] + [plain])

"""Define a frame: one camera image with the stamp and frame of reference of its header."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of one camera.

    Attributes:
        camera: The camera's name; empty for the single default camera.
        stamp: Time of acquisition in integer nanoseconds, from the header.
        image: uint8 (height, width, 3), RGB. Rows may be strided; pixels are contiguous.
        frame_id: The header's coordinate frame: an optical frame of REP-103 (x right, y down,
            z forward).
    """

    camera: str
    stamp: int
    image: np.ndarray
    frame_id: str = ''

    @property
    def height(self) -> int:
        """The image's height in pixels."""
        return self.image.shape[0]

    @property
    def width(self) -> int:
        """The image's width in pixels."""
        return self.image.shape[1]


def seconds(nanoseconds: int) -> float:
    """Return a duration in seconds."""
    return nanoseconds / NANOSECONDS


def nanoseconds(seconds: float) -> int:
    """Return a duration in integer nanoseconds, rounded to the nearest."""
    return round(seconds * NANOSECONDS)

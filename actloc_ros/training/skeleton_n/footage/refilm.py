"""Film footage again: what another camera, elsewhere and in other light, might have recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

SIZES = ((640, 480), (640, 480), (640, 360), (480, 640))
PAD = (114, 114, 114)
TILT = 8.0  # degrees, standard deviation
CORNER = 0.1  # of a side, by which corners move at most
ZOOM = (0.35, 1.5)  # against the whole image just fitting

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Refilm:
    """How every frame of one clip is changed.

    Attributes:
        size: Width and height of the new frames in pixels.
        homography: float64 (3, 3), from pixels of the old frames to the new.
        contrast: Factor about middle grey.
        brightness: Added then, of 255.
        gamma: Exponent of light.
        blur: Standard deviation in pixels; 0 leaves frames sharp.
        noise: Standard deviation of each pixel's noise, of 255.
        quality: Of JPEG, 0 to 100.
        cover: x1, y1, x2, y2 in pixels and a grey from 0 to 255 of what stands before the people,
            such as a table; None: nothing does.
        seed: Of the noise.
    """

    size: tuple[int, int]
    homography: npt.NDArray[np.float64]
    contrast: float
    brightness: float
    gamma: float
    blur: float
    noise: float
    quality: int
    cover: tuple[int, int, int, int, int] | None
    seed: int

    def __call__(self, image: Image, number: int) -> Image:
        """Return a frame, uint8 (H, W, 3), as filmed again; its number varies the noise alone."""
        view = cv2.warpPerspective(
            image, self.homography, self.size, flags=cv2.INTER_LINEAR, borderValue=PAD
        )
        if self.cover is not None:
            x1, y1, x2, y2, grey = self.cover
            view[y1:y2, x1:x2] = grey
        if self.blur:
            view = cv2.GaussianBlur(view, (0, 0), self.blur)
        values = (view.astype(np.float32) - 128) * self.contrast + 128 + self.brightness
        values = 255 * (values.clip(0, 255) / 255) ** np.float32(self.gamma)
        if self.noise:
            rng = np.random.default_rng([self.seed, number])
            values += self.noise * rng.standard_normal(values.shape, np.float32)
        coded = cv2.imencode(
            '.jpg', values.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        )[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def draw_refilm(rng: np.random.Generator, size: tuple[int, int]) -> Refilm:
    """Draw how a clip of a size (width, height) in pixels is filmed again."""
    new = SIZES[int(rng.integers(len(SIZES)))]
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    middle = corners.mean(axis=0)
    zoom = math.exp(rng.uniform(*np.log(ZOOM))) * min(new[0] / width, new[1] / height)
    angle = math.radians(rng.normal(0, TILT))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    stretch = np.array([math.exp(rng.normal(0, 0.08)), 1.0])
    if rng.random() < 0.5:
        stretch[0] *= -1
    keystone = rng.uniform(-CORNER, CORNER) * width  # as a camera that looks up or down
    moved = corners + keystone * np.array([[1, 0], [-1, 0], [1, 0], [-1, 0]])
    moved = (moved - middle) * stretch @ turn.T * zoom
    spare = np.maximum(0, np.array(new) - zoom * np.array(size)) / 2 + 0.08 * np.array(new)
    moved += np.array(new) / 2 + rng.uniform(-1, 1, 2) * spare
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    dark = rng.random() < 0.35
    return Refilm(
        new,
        homography.astype(np.float64),
        contrast=rng.uniform(0.7, 1.3),
        brightness=rng.uniform(-25, 25),
        gamma=rng.uniform(1.3, 2.2) if dark else rng.uniform(0.8, 1.2),
        blur=rng.uniform(0.6, 2.5) if rng.random() < 0.5 else 0.0,
        noise=rng.uniform(2, 14) if dark or rng.random() < 0.3 else 0.0,
        quality=int(rng.integers(20, 90)),
        cover=_cover(rng, new) if rng.random() < 0.3 else None,
        seed=int(rng.integers(2**31)),
    )


def _cover(rng: np.random.Generator, size: tuple[int, int]) -> tuple[int, int, int, int, int]:
    """Draw a flat piece of furniture that stands on the lower part of the image."""
    width, height = size
    wide, left = int(width * rng.uniform(0.15, 0.5)), rng.uniform(-0.1, 0.9)
    top, high = int(height * rng.uniform(0.4, 0.8)), int(height * rng.uniform(0.1, 0.35))
    x1 = max(0, int(left * width))
    return x1, top, min(width, x1 + wide), min(height, top + high), int(rng.integers(20, 220))

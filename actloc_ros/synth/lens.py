"""Turn painted layers into a camera's picture: motion blur, exposure, vignette and noise."""

from __future__ import annotations

import math

import cv2
import numpy as np

from actloc_ros.synth.painter import Area

NOISE_MARGIN = 64


class Lens:
    """One camera's optics and sensor."""

    def __init__(
        self, rng: np.random.Generator, width: int, height: int, brightness: float
    ) -> None:
        """Draw a lens that is set for a scene of a mean brightness, 0..255."""
        self.seed = int(rng.integers(2**31))
        self.exposure = float(rng.uniform(0.004, 0.016))  # seconds
        self.gain = min(max(float(rng.uniform(95, 140)) / brightness, 0.5), 1.4)
        self.drift = float(rng.uniform(0, 0.12))
        self.rate = 2 * math.pi / float(rng.uniform(6, 20))
        self.gamma = float(rng.uniform(0.85, 1.15))
        self.white = rng.normal(1, 0.03, 3)
        self.softness = float(rng.uniform(0.45, 0.8)) * max(1.0, width / 480)
        self.vignette = _vignette(width, height, float(rng.uniform(0.0, 0.3)))
        shape = (height + NOISE_MARGIN, width + NOISE_MARGIN, 3)
        grain = float(rng.uniform(1.0, 5.0)) * rng.standard_normal(shape, np.float32)
        self.grain = np.clip(np.round(grain + 24), 0, 48).astype(np.uint8)

    def blur_backdrop(self, image: np.ndarray, speed: float) -> np.ndarray:
        """Smear a picture by the camera's turn, in pixels a second."""
        length = round(abs(speed) * self.exposure)
        return cv2.blur(image, (length + 1, 1)) if length >= 1 else image

    def blur_figure(
        self, layer: np.ndarray, alpha: np.ndarray, area: Area, speed: tuple[float, float]
    ) -> None:
        """Smear a figure along its way, in pixels a second, and soften its rim, in place."""
        x, y = speed[0] * self.exposure, speed[1] * self.exposure
        grown = _grow(area, 2 + math.ceil(max(abs(x), abs(y)) / 2), alpha.shape)
        kernel = _line_kernel(x, y)
        for image in (layer, alpha):
            view = image[grown]
            if kernel is not None:
                view[:] = cv2.filter2D(view, -1, kernel)
            else:
                view[:] = cv2.GaussianBlur(view, (3, 3), 0.5)

    def expose(self, image: np.ndarray, time: float) -> np.ndarray:
        """Return the picture that the sensor gives for a scene at a time in seconds."""
        gain = self.gain * (1 + self.drift * math.sin(self.rate * time))
        scale = np.linspace(0, 1, 256)[:, None] ** self.gamma * gain * self.white
        table = np.minimum(255 * (1 - np.exp(-1.35 * scale)) / (1 - math.exp(-1.35)), 255)
        picture = cv2.GaussianBlur(image, (3, 3), self.softness)
        picture = cv2.LUT(picture, table.astype(np.uint8)[None])
        picture = cv2.multiply(picture, self.vignette, scale=1 / 255)
        rng = np.random.default_rng([self.seed, round(time * 1e6)])
        dx, dy = rng.integers(0, NOISE_MARGIN, 2)
        height, width = image.shape[:2]
        grain = self.grain[dy : dy + height, dx : dx + width]
        return cv2.subtract(cv2.add(picture, grain), np.full_like(picture, 24))


def merge(image: np.ndarray, layer: np.ndarray, alpha: np.ndarray, area: Area) -> None:
    """Lay a layer that is already weighted by alpha over an image, in place."""
    keep = cv2.cvtColor(cv2.bitwise_not(alpha[area]), cv2.COLOR_GRAY2RGB)
    image[area] = cv2.add(cv2.multiply(image[area], keep, scale=1 / 255), layer[area])


def darken(image: np.ndarray, shadow: np.ndarray, strength: float) -> None:
    """Darken an image in place where a uint8 mask says."""
    x, y, width, height = cv2.boundingRect(shadow)
    if not width:
        return
    area = (slice(y, y + height), slice(x, x + width))
    lit = cv2.bitwise_not(shadow[area])
    keep = cv2.convertScaleAbs(lit, alpha=strength, beta=255 * (1 - strength))
    image[area] = cv2.multiply(image[area], cv2.cvtColor(keep, cv2.COLOR_GRAY2RGB), scale=1 / 255)


def _vignette(width: int, height: int, strength: float) -> np.ndarray:
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * height / width
    falloff = 255 * (1 - strength * (x * x + y * y) / 1.5)
    return cv2.cvtColor(falloff.astype(np.uint8), cv2.COLOR_GRAY2RGB)


def _grow(area: Area, margin: int, shape: tuple[int, ...]) -> Area:
    rows, columns = area
    return (
        slice(max(0, rows.start - margin), min(shape[0], rows.stop + margin)),
        slice(max(0, columns.start - margin), min(shape[1], columns.stop + margin)),
    )


def _line_kernel(x: float, y: float) -> np.ndarray | None:
    """Return a kernel that smears over (x, y) pixels, or None below 1.5 pixels."""
    length = math.hypot(x, y)
    if length < 1.5:
        return None
    scale = min(1.0, 40 / length)
    half = math.ceil(max(abs(x), abs(y)) * scale / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for share in np.linspace(-0.5, 0.5, 4 * half + 3):
        kernel[round(half + share * y * scale), round(half + share * x * scale)] += 1
    return kernel / kernel.sum()

"""Make natural-looking textures from noise: cloth, floors, walls, fronts and skies."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def noise(
    rng: np.random.Generator, height: int, width: int, coarse: int = 4, octaves: int = 6
) -> np.ndarray:
    """Return float32 (height, width) noise of several octaves, mean 0, about -1..1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = coarse * 2**octave
        if cells >= 2 * max(height, width):
            break
        rows = max(2, cells * height // max(height, width))
        columns = max(2, cells * width // max(height, width))
        grid = rng.standard_normal((rows, columns), np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.62**octave
    return total / 2.2


def muted(rng: np.random.Generator, low: float, high: float, strength: float = 0.1) -> np.ndarray:
    """Draw an RGB colour of a brightness in low..high whose hue is a share `strength` strong."""
    tint = rng.uniform(0, 1, 3)
    return rng.uniform(low, high) * (1 - strength + strength * tint / tint.max())


def colour(
    base: np.ndarray | tuple[float, float, float],
    factor: np.ndarray,
    tint: np.ndarray | None = None,
) -> np.ndarray:
    """Return a uint8 RGB texture: a base colour times a factor a pixel, a little tinted."""
    image = np.asarray(base, np.float32) * factor[..., None]
    if tint is not None:
        image += tint[..., None] * np.array([8, 2, -8], np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


def cloth_patterns(rng: np.random.Generator, plain: Sequence[float], size: int) -> np.ndarray:
    """Return float32 (N, size, size) factors of cloths, which are plain with a probability each.

    The others are striped, checked or printed.
    """
    along, across = np.mgrid[0:size, 0:size] / size
    patterns = np.ones((len(plain), size, size), np.float32)
    for index, probability in enumerate(plain):
        kind = 0 if rng.random() < probability else rng.integers(1, 4)
        depth = rng.uniform(0.1, 0.35)
        bands = int(rng.integers(3, 9))
        if kind == 1:
            patterns[index] += depth * np.sign(np.sin(2 * np.pi * bands * along))
        elif kind == 2:
            waves = np.sin(2 * np.pi * bands * along) * np.sin(2 * np.pi * bands * across)
            patterns[index] += depth * np.sign(waves)
        elif kind == 3:
            patterns[index] += 0.7 * depth * np.sign(noise(rng, size, size, 6, 2))
        # Folds run along a limb.
        patterns[index] += 0.1 * noise(rng, size, size, 4, 4)
    return np.clip(patterns, 0.3, 1.6)


def ground(rng: np.random.Generator, kind: str, size: int = 512) -> np.ndarray:
    """Return a uint8 (size, size, 3) floor: wood, tiles, carpet, asphalt, paving or grass."""
    rough = noise(rng, size, size, 4, 7)
    y, x = np.mgrid[0:size, 0:size]
    if kind == 'wood':
        plank = size // int(rng.integers(10, 20))
        grain = noise(rng, size, size // 16, 8, 6)
        grain = cv2.resize(grain, (size, size), interpolation=cv2.INTER_LINEAR)
        tone = rng.uniform(0.82, 1.1, size // plank + 1)[y // plank]
        gap = np.where(y % plank < 2, 0.7, 1.0)
        return colour(
            rng.uniform([120, 85, 50], [190, 150, 110]), tone * gap * (1 + 0.12 * grain), rough
        )
    if kind in ('tiles', 'paving'):
        side = size // int(rng.integers(6, 12))
        joint = np.where((y % side < 3) | (x % side < 3), 0.72, 1.0)
        shades = rng.normal(1, 0.05, (size // side + 1, size // side + 1))
        tone = shades[y // side, x // side]
        low, high = (130, 205) if kind == 'tiles' else (105, 165)
        return colour(muted(rng, low, high), joint * tone * (1 + 0.08 * rough), rough)
    if kind == 'grass':
        blades = noise(rng, size, size, 64, 3)
        return colour((96, 116, 66), 1 + 0.15 * rough + 0.25 * blades, 0.6 * rough)
    if kind == 'asphalt':
        grit = rng.standard_normal((size, size), np.float32)
        return colour(rng.uniform(85, 130) * np.ones(3), 1 + 0.10 * rough + 0.10 * grit, rough)
    pile = rng.standard_normal((size, size), np.float32)
    return colour(muted(rng, 60, 150, 0.3), 1 + 0.10 * rough + 0.09 * pile, rough)


def wall(rng: np.random.Generator, length: float, height: float, density: int = 64) -> np.ndarray:
    """Return a uint8 wall, `density` pixels a metre, with windows, doors and pictures."""
    rows, columns = int(height * density), int(length * density)
    base = muted(rng, 150, 225)
    shade = 1 + 0.05 * noise(rng, rows, columns, 3, 6)
    shade *= np.linspace(1.04, 0.9, rows, dtype=np.float32)[:, None]
    image = colour(base, shade, noise(rng, rows, columns, 2, 3))
    if rng.random() < 0.3:
        _bricks(rng, image, density)
    x = float(rng.uniform(0.2, 1.0))
    while x < length - 1.2:
        width = float(rng.uniform(0.6, 1.6))
        kind = rng.choice(['window', 'door', 'picture', 'bare'], p=[0.25, 0.2, 0.3, 0.25])
        if kind != 'bare' and x + width < length:
            _fixture(rng, image, str(kind), x, width, height, density)
        x += width + float(rng.uniform(0.4, 1.8))
    skirting = int(0.09 * density)
    image[-skirting:] = (image[-skirting:] * rng.uniform(0.5, 0.85)).astype(np.uint8)
    return image


def _bricks(rng: np.random.Generator, image: np.ndarray, density: int) -> None:
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    course, length = max(3, int(0.09 * density)), max(6, int(0.25 * density))
    shifted = x + (y // course % 2) * (length // 2)
    tone = rng.normal(1, 0.07, (image.shape[0] // course + 1, image.shape[1] // length + 2))
    tone = tone[y // course, shifted // length]
    joint = np.where((y % course < 1) | (shifted % length < 1), 1.15, 1.0)
    base = rng.uniform([120, 70, 55], [175, 120, 95])
    image[:] = colour(base, tone * joint * (image[..., 0] / image[..., 0].mean()))


def _fixture(
    rng: np.random.Generator,
    image: np.ndarray,
    kind: str,
    x: float,
    width: float,
    height: float,
    density: int,
) -> None:
    """Paint a window, a door or a picture on a wall."""
    if kind == 'door':
        top, bottom, width = height - 2.1, height - 0.02, 0.95
    elif kind == 'window':
        top, bottom = height - 2.2, height - 0.9
    else:
        top = height - float(rng.uniform(1.8, 2.1))
        bottom = top + float(rng.uniform(0.4, 0.9))
    x1, x2, y1, y2 = (int(v * density) for v in (x, x + width, max(top, 0.1), bottom))
    frame = max(2, int(0.05 * density))
    trim = muted(rng, 50, 230, 0.3) if kind != 'window' else muted(rng, 190, 240, 0.02)
    image[y1:y2, x1:x2] = trim
    inner = image[y1 + frame : y2 - frame, x1 + frame : x2 - frame]
    if inner.size == 0:
        return
    rows, columns = inner.shape[:2]
    texture = noise(rng, rows, columns, 3, 5)
    if kind == 'window':
        inner[:] = landscape(rng, rows, columns)
        inner[:, columns // 2 - 1 : columns // 2 + 1] = trim
        inner[rows // 2 - 1 : rows // 2 + 1] = trim
    elif kind == 'door':
        inner[:] = colour(trim * 0.92, 1 + 0.05 * texture)
    else:
        hue = np.array([muted(rng, 40, 220, 0.6), muted(rng, 40, 220, 0.6)])
        mix = np.clip(0.5 + texture, 0, 1)[..., None]
        inner[:] = (hue[0] * mix + hue[1] * (1 - mix)).astype(np.uint8)


def landscape(rng: np.random.Generator, rows: int, columns: int, hills: float = 1.0) -> np.ndarray:
    """Return a uint8 view into the distance: sky, clouds, hills or trees, horizon at the bottom.

    Hills are about `hills` times 0.3 of it high.
    """
    up = np.linspace(1, 0, rows, dtype=np.float32)[:, None, None]
    top = rng.uniform([70, 120, 180], [130, 170, 225]).astype(np.float32)
    sky = up * top + (1 - up) * np.array([215, 225, 235], np.float32)
    cloud = np.clip(noise(rng, rows, columns, 3, 6) * rng.uniform(0.5, 1.4), 0, 1)[..., None]
    image = sky * (1 - cloud) + 240 * cloud
    for distance in (0.3, 0.2, 0.1):
        line = hills * (noise(rng, 2, columns, 6, 6)[0] * 0.05 + distance)
        below = (1 - np.arange(rows)[:, None] / rows) < line
        leaf = 1 + 0.3 * noise(rng, rows, columns, 24, 4)
        tone = np.array([88, 108, 72]) * (1.35 - 2 * (0.3 - distance)) * rng.uniform(0.7, 1.1)
        image = np.where(below[..., None], tone * leaf[..., None], image)
    return np.clip(image, 0, 255).astype(np.uint8)


def front(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Return a uint8 face of a piece of furniture: panels, shelves, cloth or cardboard."""
    base = muted(rng, 35, 210, 0.25)
    image = colour(base, 1 + 0.08 * noise(rng, rows, columns, 4, 6))
    kind = rng.integers(3)
    if kind == 0:  # drawers and doors
        for line in np.linspace(0, rows, int(rng.integers(2, 5)), dtype=int)[1:-1]:
            cv2.line(image, (0, int(line)), (columns, int(line)), (base * 0.5).tolist(), 2)
        cv2.line(image, (columns // 2, 0), (columns // 2, rows), (base * 0.55).tolist(), 1)
    elif kind == 1:  # shelves of things
        shelves = int(rng.integers(2, 5))
        for shelf in range(shelves):
            y1, y2 = shelf * rows // shelves + 3, (shelf + 1) * rows // shelves - 3
            x = 3
            while x < columns - 8:
                width = int(rng.integers(3, 12))
                top = y1 + int(rng.uniform(0.1, 0.5) * (y2 - y1))
                image[top:y2, x : x + width] = muted(rng, 30, 220, 0.5)
                x += width + int(rng.integers(1, 6))
    image[:2] = image[-2:] = (base * 0.6).astype(np.uint8)
    return image

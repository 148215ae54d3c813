"""Put thumbnails on sheets, many on one image."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actloc_ros.io.image_file import ImageError, read_image

WIDTH, HEIGHT = 120, 90  # pixels of a thumbnail
COLUMNS, ROWS = 12, 16  # of a sheet
PER_SHEET = COLUMNS * ROWS
QUALITY = 62  # of WebP
GREY = 34


@dataclass(frozen=True, eq=False)
class Sprites:
    """Thumbnails of some instances.

    Attributes:
        sheets: Images as WebP in base64.
        of: int32 (N,): which thumbnail each instance has, counted over all sheets; −1: none.
    """

    sheets: list[str]
    of: np.ndarray

    @property
    def size(self) -> int:
        """Bytes of all sheets, in the page."""
        return sum(map(len, self.sheets))


def make_sprites(
    count: int, order: Sequence[int], find: Callable[[int], Path], budget: int
) -> Sprites:
    """Return sheets of thumbnails.

    Args:
        count: How many instances there are.
        order: Instances, those first that should have one above all.
        find: Returns an instance's thumbnail, which may be missing.
        budget: Bytes that the sheets may take, in base64; at least one sheet is made.
    """
    of = np.full(count, -1, np.int32)
    sheets: list[str] = []
    waiting: list[tuple[int, np.ndarray]] = []
    used = 0
    for row, image in _thumbnails(order, find):
        waiting.append((row, image))
        if len(waiting) == PER_SHEET:
            sheet = _sheet([each for _, each in waiting])
            if sheets and used + len(sheet) > budget:
                waiting = []
                break
            of[[row for row, _ in waiting]] = len(sheets) * PER_SHEET + np.arange(PER_SHEET)
            sheets.append(sheet)
            used, waiting = used + len(sheet), []
    if waiting and used < budget:
        numbers = len(sheets) * PER_SHEET + np.arange(len(waiting))
        of[[row for row, _ in waiting]] = numbers
        sheets.append(_sheet([each for _, each in waiting]))
    return Sprites(sheets, of)


def fitted(image: np.ndarray, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return an image of a size, uint8 RGB, filled by another from its middle; cut off, not bent.

    A narrow one, as of a person who stands, is shown whole before a grey ground.
    """
    across, down = width / image.shape[1], height / image.shape[0]
    scale = min(across, down) if image.shape[1] < image.shape[0] else max(across, down)
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    top, left = max(0, (size[1] - height) // 2), max(0, (size[0] - width) // 2)
    cut = scaled[top : top + height, left : left + width]
    canvas = np.full((height, width, 3), GREY, np.uint8)
    y, x = (height - cut.shape[0]) // 2, (width - cut.shape[1]) // 2
    canvas[y : y + cut.shape[0], x : x + cut.shape[1]] = cut
    return canvas


def webp(image: np.ndarray, quality: int = QUALITY) -> str:
    """Return an image, uint8 (H, W, 3) RGB, as WebP in base64."""
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    data = cv2.imencode('.webp', bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return base64.b64encode(data.tobytes()).decode()


def _thumbnails(
    order: Sequence[int], find: Callable[[int], Path]
) -> Iterator[tuple[int, np.ndarray]]:
    for row in order:
        try:
            image = read_image(find(row))
        except (ImageError, OSError):
            continue
        yield row, fitted(image)


def _sheet(images: Sequence[np.ndarray]) -> str:
    rows = -(-len(images) // COLUMNS)
    sheet = np.full((rows * HEIGHT, COLUMNS * WIDTH, 3), GREY, np.uint8)
    for place, image in enumerate(images):
        y, x = place // COLUMNS * HEIGHT, place % COLUMNS * WIDTH
        sheet[y : y + HEIGHT, x : x + WIDTH] = image
    return webp(sheet)

"""Cut the people in boxes out of an image, and read their joints off the network's maps."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

JOINTS = 17
SIDE = 160
"""Pixels of a crop's side."""

MARGIN = 1.1
"""Side of a crop, in longer sides of its box."""

PAD = 114
WINDOW = 2
"""Cells around the likeliest one, to each side, over which a joint's place is the mean."""


def squares(boxes: npt.NDArray[np.floating], margin: float = MARGIN) -> npt.NDArray[np.int64]:
    """Return the parts of an image that crops show of boxes (N, 4): int (N, 3), x, y and side."""
    longer = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(-1), 2)
    sides = np.maximum(np.round(longer * margin), 2)
    corners = np.round((boxes[:, :2] + boxes[:, 2:]) / 2 - sides[:, None] / 2)
    return np.concatenate([corners, sides[:, None]], -1).astype(np.int64)


def cut(image: Image, square: npt.NDArray[np.int64], side: int = SIDE) -> Image:
    """Return a crop, uint8 (side, side, 3), of a part of an image (H, W, 3), padded outside it."""
    x, y, size = square.tolist()
    height, width = image.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + size, width), min(y + size, height)
    if right <= left or bottom <= top:
        return np.full((side, side, 3), PAD, np.uint8)
    part = image[top:bottom, left:right]
    outside = top - y, y + size - bottom, left - x, x + size - right
    if any(outside):
        part = cv2.copyMakeBorder(part, *outside, cv2.BORDER_CONSTANT, value=(PAD,) * 3)  # type: ignore[assignment]
    filter_ = cv2.INTER_AREA if size > side else cv2.INTER_LINEAR
    return cv2.resize(part, (side, side), interpolation=filter_)  # type: ignore[return-value]


def read_maps(maps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where the joints are in crops, and how sure that is.

    Args:
        maps: float32 (N, 17, h, w), logits.

    Returns:
        float32 (N, 17, 2), x and y as shares of the crop's side, and float32 (N, 17) in [0, 1], the
        share of a map's softmax that is near the place.
    """
    count, joints, height, width = maps.shape
    flat = maps.reshape(count, joints, -1)
    best = flat.argmax(-1)
    chances = np.exp(flat - flat.max(-1, keepdims=True))
    total = chances.sum(-1)
    padded = np.pad(chances.reshape(maps.shape), ((0, 0), (0, 0), (WINDOW,) * 2, (WINDOW,) * 2))
    rows, columns = best // width, best % width
    reach = np.arange(2 * WINDOW + 1)
    near = padded[
        np.arange(count)[:, None, None, None],
        np.arange(joints)[None, :, None, None],
        (rows[..., None] + reach)[..., :, None],
        (columns[..., None] + reach)[..., None, :],
    ]
    mass = near.sum((-1, -2))
    x = columns - WINDOW + (near.sum(-2) * reach).sum(-1) / mass + 0.5
    y = rows - WINDOW + (near.sum(-1) * reach).sum(-1) / mass + 0.5
    places = np.stack([x / width, y / height], -1)
    return places.astype(np.float32), (mass / total).astype(np.float32)

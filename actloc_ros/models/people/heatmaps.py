"""Find joints in heat maps, one map a joint, to a part of a cell.

- `plain`: the highest cell, moved a quarter of a cell towards the higher neighbour (Newell et al.,
  Stacked Hourglass Networks, ECCV 2016).
- `dark`: one Newton step on the logarithm of the blurred map, whose peak is taken for a Gaussian's
  (Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020).
- `udp`: the same with differences of next neighbours, and cells' centres that span the input
  (Huang et al., The Devil is in the Details, CVPR 2020).
"""

from __future__ import annotations

from enum import Enum

import cv2
import numpy as np


class HeatmapDecoding(Enum):
    """How a network's heat maps were made, and so how they are read."""

    PLAIN = 'plain'
    DARK = 'dark'
    UDP = 'udp'


def decode_heatmaps(
    heatmaps: np.ndarray, size: tuple[int, int], way: HeatmapDecoding, kernel: int = 11
) -> np.ndarray:
    """Return joints: float64 (K, 3): x, y in pixels of the input, and the map's highest value.

    A joint whose map is nowhere above 0 lies one cell outside of the input.

    Args:
        heatmaps: float (K, H, W).
        size: Height and width of the network's input in pixels.
        way: How to find the place in a map.
        kernel: Cells, odd, of the Gaussian that blurs the maps: 11 for maps made with a sigma of 2
            cells, 17 for 3. `plain` does not blur.
    """
    count, rows, columns = heatmaps.shape
    flat = heatmaps.reshape(count, -1)
    y, x = np.divmod(np.argmax(flat, axis=1, keepdims=True), columns)
    scores = flat.max(axis=1)
    places = np.concatenate([x, y], axis=1).astype(np.float64)
    for index in np.flatnonzero(scores > 0):
        places[index] += _STEPS[way](heatmaps[index], int(x[index, 0]), int(y[index, 0]), kernel)
    places[scores <= 0] = -1
    spans = np.array([columns, rows], np.float64) - (way is HeatmapDecoding.UDP)
    return np.concatenate([places / spans * size[::-1], scores[:, None]], axis=1)


def _quarter(heatmap: np.ndarray, x: int, y: int, kernel: int) -> np.ndarray:
    """Return a quarter of a cell towards the higher neighbours: float64 (2,).

    As in published code, cells at the border and in the second row or column do not move along it.
    """
    height, width = heatmap.shape
    step = np.zeros(2)
    if 1 < x < width - 1 and y > 0:
        step[0] = heatmap[y, x + 1] - heatmap[y, x - 1]
    if 1 < y < height - 1 and x > 0:
        step[1] = heatmap[y + 1, x] - heatmap[y - 1, x]
    return np.sign(step) / 4


def _newton_wide(heatmap: np.ndarray, x: int, y: int, kernel: int) -> np.ndarray:
    """Return the step of `dark`: float64 (2,); none within two cells of the border."""
    height, width = heatmap.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return np.zeros(2)
    near = np.log(np.maximum(_blurred(heatmap, kernel), 1e-10))[y - 2 : y + 3, x - 2 : x + 3]
    slope = np.array([near[2, 3] - near[2, 1], near[3, 2] - near[1, 2]]) / 2
    xx = near[2, 4] - 2 * near[2, 2] + near[2, 0]
    yy = near[4, 2] - 2 * near[2, 2] + near[0, 2]
    xy = near[3, 3] - near[1, 3] - near[3, 1] + near[1, 1]
    curve = np.array([[xx, xy], [xy, yy]]) / 4
    return -np.linalg.solve(curve, slope) if np.linalg.det(curve) else np.zeros(2)


def _newton_near(heatmap: np.ndarray, x: int, y: int, kernel: int) -> np.ndarray:
    """Return the step of `udp`: float64 (2,); beyond the border the map goes on as it ends."""
    logarithm = np.log(_blurred(heatmap, kernel).clip(1e-3, 50))
    near = np.pad(logarithm, 1, mode='edge')[y : y + 3, x : x + 3]
    left, right, up, down, here = near[1, 0], near[1, 2], near[0, 1], near[2, 1], near[1, 1]
    slope = np.array([right - left, down - up]) / 2
    xy = (near[2, 2] + near[0, 0] + 2 * here - left - right - up - down) / 2
    curve = np.array([[right - 2 * here + left, xy], [xy, down - 2 * here + up]])
    return -np.linalg.solve(curve + np.finfo(np.float32).eps * np.eye(2), slope)


def _blurred(heatmap: np.ndarray, kernel: int) -> np.ndarray:
    """Return a map blurred with zeros around it, as high as before: float64 (H, W)."""
    blurred = cv2.GaussianBlur(
        heatmap.astype(np.float64), (kernel, kernel), 0, borderType=cv2.BORDER_CONSTANT
    )
    return blurred * (heatmap.max() / blurred.max())


_STEPS = {
    HeatmapDecoding.PLAIN: _quarter,
    HeatmapDecoding.DARK: _newton_wide,
    HeatmapDecoding.UDP: _newton_near,
}

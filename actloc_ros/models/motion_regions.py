"""Gather what moves on its own into regions that are as whole as the body that moves."""

from __future__ import annotations

import cv2
import numpy as np

from actloc_ros.models.motion_flow import FlowField

MEMORY = 0.25  # s over which evidence of motion is averaged, following the body
ENOUGH = 0.3  # share of that time that a pixel must have moved
MIN_AREA = 0.0015  # of the image
MIN_HEIGHT = 0.08  # of the image
CLOSING = (7, 15)  # px, width and height: parts of an upright body that are joined


class RegionFinder:
    """Keeps evidence of motion per pixel, carried along by the flow itself.

    Attributes:
        evidence: Of motion of each pixel, float32 (H, W) in [0, 1]; empty before the first flow.
    """

    def __init__(self) -> None:
        self.evidence = np.zeros((0, 0), np.float32)

    def update(self, field: FlowField, elapsed: float) -> tuple[np.ndarray, np.ndarray]:
        """Take the motion at a key frame, `elapsed` s after the one before.

        Returns boxes (N, 4) of moving regions and their evidence (N,) in [0, 1].
        """
        moving = field.moving.astype(np.float32)
        if not self.evidence.size:
            self.evidence = np.zeros_like(moving)
        share = np.float32(1 - np.exp(-elapsed / MEMORY))
        carried = _carry(self.evidence, field, elapsed)
        self.evidence = carried + share * (moving - carried)
        return _regions(self.evidence)


def _carry(evidence: np.ndarray, field: FlowField, elapsed: float) -> np.ndarray:
    """Move evidence by the flow of `elapsed` s."""
    y, x = np.mgrid[: evidence.shape[0], : evidence.shape[1]].astype(np.float32)
    step = field.velocity_in_image * np.float32(elapsed)
    return cv2.remap(evidence, x - step[..., 0], y - step[..., 1], cv2.INTER_LINEAR)


def _regions(evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    enough = (evidence > ENOUGH).astype(np.uint8)
    mask = cv2.morphologyEx(enough, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(CLOSING[::-1], np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    boxes, weights = [], []
    for x, y, w, h, area in stats[1:count]:
        if area < MIN_AREA * mask.size or h < MIN_HEIGHT * mask.shape[0]:
            continue
        boxes.append((x, y, x + w, y + h))
        weights.append(evidence[y : y + h, x : x + w][mask[y : y + h, x : x + w] > 0].mean())
    return np.array(boxes, float).reshape(-1, 4), np.array(weights, float)

"""Gather what moves on its own into regions that are as whole as the body that moves."""

from __future__ import annotations

import cv2
import numpy as np

from actloc_ros.models.vision.optical_flow import FlowField

MEMORY = 0.15  # s over which evidence of motion is averaged, following the body
ENOUGH = 0.35  # share of that time that a pixel must have moved
MIN_AREA = 0.0015  # of the image
MIN_HEIGHT = 0.08  # of the image
STACKED = 0.5  # share of the wider one that two pieces of a body have above each other
STACK_GAP = 1.0  # of the higher piece: what may lie between them
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
    corners = stats[1:count, :2]
    pieces = np.concatenate([corners, corners + stats[1:count, 2:4]], 1)[
        stats[1:count, 4] >= MIN_AREA * mask.size
    ]
    boxes = [box for box in _stacked(pieces) if box[3] - box[1] >= MIN_HEIGHT * mask.shape[0]]
    weights = []
    for x1, y1, x2, y2 in boxes:
        inside = evidence[y1:y2, x1:x2][mask[y1:y2, x1:x2] > 0]
        weights.append(inside.mean() if inside.size else 0.0)
    return np.array(boxes, float).reshape(-1, 4), np.array(weights, float)


def _stacked(pieces: np.ndarray) -> list[np.ndarray]:
    """Join pieces that stand on each other: the middle of a body may not move."""
    boxes: list[np.ndarray] = []
    for piece in pieces[np.argsort(pieces[:, 1], kind='stable')]:
        for index, box in enumerate(boxes):
            if _stands_under(piece, box):
                low, high = np.minimum(box[:2], piece[:2]), np.maximum(box[2:], piece[2:])
                boxes[index] = np.concatenate([low, high])
                break
        else:
            boxes.append(piece)
    return boxes


def _stands_under(piece: np.ndarray, box: np.ndarray) -> bool:
    shared = min(piece[2], box[2]) - max(piece[0], box[0])
    widths = piece[2] - piece[0], box[2] - box[0]
    gap = piece[1] - box[3]
    height = max(piece[3] - piece[1], box[3] - box[1])
    return bool(shared >= STACKED * max(widths) and gap <= STACK_GAP * height)

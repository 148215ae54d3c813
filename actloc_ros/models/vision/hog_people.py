"""Find upright people in one image by histograms of oriented gradients in a sliding window."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# Sizes take turns, so that two runs at a coarse step between scales find as much as a fine one.
HEIGHTS = (352, 336)  # px that the searched image is high
BORDER = 1 / 6  # of the height, added above and below: a person may fill the whole view
SCALE_STEP = 1.1
STRIDE = 8
MIN_MARGIN = -0.2  # of the support vector machine
OVERLAP = 0.4  # IoU from which two windows are the same person
# The person within the 64x128 window it was trained on, which has a border all around.
WINDOW_TO_PERSON = np.array([0.17, 0.11, -0.17, -0.11])
# Probability of a person by the margin: a logistic function, set by hand on annotated footage.
MARGIN_MIDDLE, MARGIN_SPREAD = 0.35, 0.3


class PeopleDetector:
    """OpenCV's HOG detector with its own people weights (Dalal and Triggs, CVPR 2005).

    A person must be at least 28 % of the image high and stand upright.
    """

    def __init__(self) -> None:
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        self._turn = 0

    def detect(self, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes (N, 4) in pixels of `grey`, uint8 (H, W), and probabilities (N,)."""
        zoom = HEIGHTS[self._turn] / grey.shape[0]
        self._turn = (self._turn + 1) % len(HEIGHTS)
        size = (round(grey.shape[1] * zoom), round(grey.shape[0] * zoom))
        if size[0] < 64:
            return np.zeros((0, 4)), np.zeros(0)
        image = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if zoom < 1 else 1)
        border = round(size[1] * BORDER)
        image = cv2.copyMakeBorder(image, border, border, 0, 0, cv2.BORDER_REPLICATE)
        windows, margins = self._hog.detectMultiScale(
            image,
            hitThreshold=MIN_MARGIN,
            winStride=(STRIDE, STRIDE),
            padding=(16, 16),
            scale=SCALE_STEP,
            groupThreshold=0,
        )
        order = _lasting_order(windows, margins)
        boxes = (
            _people(np.array(windows, float).reshape(-1, 4)[order]) - [0, border, 0, border]
        ) / zoom
        margin = np.array(margins, float).reshape(-1)[order]
        kept = np.array(_distinct(boxes, margin), int)
        return boxes[kept], 1 / (1 + np.exp(-(margin[kept] - MARGIN_MIDDLE) / MARGIN_SPREAD))


def _lasting_order(windows: Sequence, margins: Sequence) -> np.ndarray:
    """Return an order that is the same in every run; OpenCV's is as its threads come."""
    keys = np.column_stack([np.array(windows).reshape(-1, 4), np.array(margins).reshape(-1)])
    return np.lexsort(keys.T)


def _people(windows: np.ndarray) -> np.ndarray:
    """Return the boxes of the people in windows given as x, y, width, height."""
    corners = np.concatenate([windows[:, :2], windows[:, :2] + windows[:, 2:]], 1)
    return corners + WINDOW_TO_PERSON * np.tile(windows[:, 2:], 2)


def _distinct(boxes: np.ndarray, margins: np.ndarray) -> list[int]:
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    # NMSBoxes takes probabilities: a shift keeps the order and all scores above 0.
    return list(cv2.dnn.NMSBoxes(sizes.tolist(), (margins + 10).tolist(), 0.0, OVERLAP))

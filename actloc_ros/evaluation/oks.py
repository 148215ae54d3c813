"""Compute object keypoint similarity (OKS) and its average precision as COCO's evaluation does.

See https://cocodataset.org/#keypoints-eval. Precision is averaged over recalls 0, 0.01, …, 1 and
least similarities 0.5, 0.55, …, 0.95, over everyone or over people of one range of areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.evaluation.precision import coco_points, precision_recall
from actloc_ros.evaluation.protocols import RANGE_THRESHOLDS
from actloc_ros.joints import COCO_JOINTS

SIGMAS = dict(
    zip(
        COCO_JOINTS,
        (
            *(0.026, 0.025, 0.025, 0.035, 0.035),  # nose, eyes, ears
            *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),  # shoulders, elbows, wrists
            *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),  # hips, knees, ankles
        ),
        strict=True,
    )
)
MAX_PEOPLE = 20  # a frame, the best, as in COCO
EVERYONE = (0.0, 1e10)
MEDIUM = (32.0**2, 96.0**2)
LARGE = (96.0**2, 1e10)
"""Ranges of areas in square pixels, both ends included."""


@dataclass(frozen=True, eq=False)
class OksFrame:
    """The D found people of a frame, the best first and MAX_PEOPLE at most, and T true ones.

    Attributes:
        similarity: float64 (D, T): OKS.
        scores: float64 (D,).
        areas: float64 (D,): of the found ones, in square pixels.
        true_areas: float64 (T,).
        ignored: bool (T,): true people who need not be found, nor count against who finds them.
        crowds: bool (T,): those of the ignored ones that stand for many, and match many.
    """

    similarity: np.ndarray
    scores: np.ndarray
    areas: np.ndarray
    true_areas: np.ndarray
    ignored: np.ndarray
    crowds: np.ndarray


def oks(
    joints: np.ndarray, true: np.ndarray, boxes: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """Return the object keypoint similarity of D detected and T true people: float64 (D, T).

    It is the mean over a person's annotated joints. For one without any, it says how far joints
    lie outside the box grown by its own size on each side, as in COCO.

    Args:
        joints: float64 (D, K, 2).
        true: float64 (T, K, 2); NaN where not annotated.
        boxes: float64 (T, 4): x1, y1, x2, y2.
        areas: float64 (T,): what the true people cover, in square pixels.
        sigmas: float64 (K,): COCO's spread of each joint.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    apart = joints[:, None] - true[None]
    known = np.isfinite(true).all(axis=2)
    outside = np.maximum(boxes[:, None, :2] - size[:, None] - joints[:, None], 0)
    outside = outside + np.maximum(joints[:, None] - boxes[:, None, 2:] - size[:, None], 0)
    bare = ~known.any(axis=1)
    apart = np.where(bare[:, None, None], outside, apart)
    counted = known | bare[:, None]
    spread = 2 * (areas[:, None] + np.spacing(1)) * (2 * sigmas) ** 2
    near = np.exp(-(apart**2).sum(axis=3) / spread)
    return np.where(counted, near, 0).sum(axis=2) / np.maximum(counted.sum(axis=1), 1)


def match_people(
    similarity: np.ndarray, ignored: np.ndarray, crowds: np.ndarray, threshold: float
) -> np.ndarray:
    """Return what each detection of a frame matches: int64 (D,), 1 right, 0 wrong, -1 ignored.

    Args:
        similarity: float64 (D, T), the best detection first.
        ignored: bool (T,): people who need not be found, nor count against who finds them.
        crowds: bool (T,): those of them that match any number of detections.
        threshold: Least similarity of a right detection.
    """
    free = np.ones(len(ignored), bool)
    result = np.zeros(len(similarity), np.int64)
    for row, values in enumerate(similarity):
        for chosen, kind in ((~ignored, 1), (ignored, -1)):
            fitting = np.flatnonzero(free & chosen & (values >= min(threshold, 1 - 1e-10)))
            if len(fitting):
                # Of equal ones COCO takes the last.
                best = fitting[::-1][np.argmax(values[fitting[::-1]])]
                free[best], result[row] = crowds[best], kind
                break
    return result


def average_oks(
    frames: Sequence[OksFrame], areas: tuple[float, float] = EVERYONE
) -> tuple[np.ndarray, np.ndarray]:
    """Return the average precision and the recall at each least similarity: float64 (10,) each.

    NaN where there is nobody to find.

    Args:
        frames: In order: of equal scores, the first frame's come first.
        areas: Smallest and largest area in square pixels: true people of others are ignored, and
            found ones of others that match nobody.
    """
    low, high = areas
    results = [
        _average(frames, [_kinds(frame, low, high, least) for frame in frames], low, high)
        for least in RANGE_THRESHOLDS
    ]
    averages, recalls = np.array(results).T
    return averages, recalls


def coco_figures(frames: Sequence[OksFrame]) -> dict[str, float]:
    """Return the ten figures that COCO's evaluation prints, by name and in its order."""
    averages, recalls = average_oks(frames)
    some = [average_oks(frames, areas) for areas in (MEDIUM, LARGE)]
    figures = {}
    for name, values, part in (('AP', averages, 0), ('AR', recalls, 1)):
        figures[name] = values.mean()
        figures[f'{name}50'] = values[0]
        figures[f'{name}75'] = values[RANGE_THRESHOLDS.index(0.75)]
        figures[f'{name}m'], figures[f'{name}l'] = (each[part].mean() for each in some)
    return {name: float(value) for name, value in figures.items()}


def _left_out(frame: OksFrame, low: float, high: float) -> np.ndarray:
    """Return which true people need not be found: bool (T,)."""
    return frame.ignored | (frame.true_areas < low) | (frame.true_areas > high)


def _kinds(frame: OksFrame, low: float, high: float, least: float) -> np.ndarray:
    """Return what each detection of a frame is, as `match_people` does."""
    kinds = match_people(frame.similarity, _left_out(frame, low, high), frame.crowds, least)
    other = (frame.areas < low) | (frame.areas > high)
    return np.where((kinds == 0) & other, -1, kinds)


def _average(
    frames: Sequence[OksFrame], kinds: list[np.ndarray], low: float, high: float
) -> tuple[float, float]:
    """Return the average precision and the recall of all detections; NaN without truths."""
    truths = sum(int((~_left_out(frame, low, high)).sum()) for frame in frames)
    if not truths:
        return np.nan, np.nan
    order = np.argsort(-np.concatenate([frame.scores for frame in frames]), kind='stable')
    ordered = np.concatenate(kinds)[order]
    hits = ordered[ordered >= 0] > 0
    return coco_points(*precision_recall(hits, truths)), float(hits.sum() / truths)

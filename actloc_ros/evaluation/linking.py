"""Link boxes of single frames into tubes after the fact: Viterbi over frames, then trimming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from actloc_ros.boxes import paired_iou
from actloc_ros.evaluation.overlap import tube_iou
from actloc_ros.truth.boxes import FrameBoxes, Tube

SMOOTHED = 5.0  # frames, standard deviation: no single frame decides
GOES_ON = 0.5  # of the path's highest score: what a frame in which the action goes on has
BRIEF = 10  # frames: a tube as short as this is worth 0.63 of its mean score


@dataclass(frozen=True)
class LinkOptions:
    """How boxes are linked.

    Attributes:
        trimmed: Whether the parts of a tube where its action does not go on are cut away.
        boxes_a_frame: Most boxes of a class and frame that take part, by score.
        tubes_a_video: Most tubes of a class and video before trimming.
        min_iou: Least overlap of linked boxes.
        max_gap: Most frames that a tube misses between two boxes.
        iou_weight: What an overlap of 1 is worth, where a box is worth its score in [0, 1].
        min_score: Tubes that score less are dropped; see `tube_score`.
        switch_cost: What a start or an end costs in trimming, where a frame with the path's
            highest score is worth 0.5 and one without any evidence costs 0.5.
        nms: Tubes that overlap one of a higher score more than this are dropped; 1 for none.
        pixel: See `boxes.area`.
    """

    trimmed: bool
    boxes_a_frame: int = 10
    tubes_a_video: int = 10
    min_iou: float = 0.3
    max_gap: int = 10
    iou_weight: float = 1.0
    min_score: float = 0.005
    switch_cost: float = 1.5
    nms: float = 0.3
    pixel: float = 1.0

    def describe(self) -> str:
        """Return the way of linking in a line."""
        trimming = 'with temporal trimming' if self.trimmed else 'without temporal trimming'
        return f'linked by Viterbi over frames, {trimming}, tube NMS {self.nms:g}'


def link_tubes(boxes: FrameBoxes, options: LinkOptions) -> list[Tube]:
    """Return the tubes of one class in one video.

    The best path has at each frame one box or none; its worth is the sum of its boxes' scores
    and of their overlaps (Gkioxari and Malik, Finding action tubes, CVPR 2015). Its boxes are
    removed and the next path is searched. Frames that a path misses are filled linearly.

    Args:
        boxes: Boxes of one video and one class, scores in [0, 1].
        options: How to link.

    Returns:
        Tubes, highest score first; see `tube_score` for what a tube scores.
    """
    graph = _Graph(boxes, options)
    tubes: list[Tube] = []
    for _ in range(options.tubes_a_video):
        path = graph.pop_best()
        if not len(path):
            break
        tubes += _build(graph.boxes[path], options)
    return suppress([tube for tube in tubes if tube.score >= options.min_score], options)


class _Graph:
    """Boxes sorted by frame, with the links that are allowed between them."""

    def __init__(self, boxes: FrameBoxes, options: LinkOptions) -> None:
        boxes = boxes[np.lexsort((-boxes.scores, boxes.frame))]
        _, start, count = np.unique(boxes.frame, return_index=True, return_counts=True)
        rank = np.arange(len(boxes)) - np.repeat(start, count)
        self.boxes = boxes[rank < options.boxes_a_frame]
        self._free = np.ones(len(self.boxes), bool)
        self._links = list(self._find_links(options))

    def _find_links(self, options: LinkOptions) -> list[tuple[slice, slice, np.ndarray]]:
        """Return, for each frame, its boxes, the boxes it can follow, and what links are worth."""
        frames = self.boxes.frame
        links = []
        for frame in np.unique(frames):
            reach, first, end = np.searchsorted(
                frames, [frame - options.max_gap - 1, frame, frame + 1]
            )
            here, past = slice(first, end), slice(reach, first)
            iou = paired_iou(
                self.boxes.boxes[here, None], self.boxes.boxes[None, past], options.pixel
            )
            worth = np.where(iou >= options.min_iou, options.iou_weight * iou, -np.inf)
            links.append((here, past, worth))
        return links

    def pop_best(self) -> np.ndarray:
        """Return the indices of the best path through free boxes, in order, and remove them."""
        worth = np.where(self._free, self.boxes.scores, -np.inf)
        before = np.full(len(worth), -1)
        for here, past, link in self._links:
            if past.start == past.stop:
                continue
            total = link + worth[past]
            choice = total.argmax(axis=1)
            gain = total[np.arange(len(choice)), choice]
            better = gain > 0
            worth[here] += np.where(better, gain, 0.0)
            before[here] = np.where(better, past.start + choice, -1)
        path = []
        box = int(worth.argmax()) if self._free.any() else -1
        while box >= 0:
            path.append(box)
            box = int(before[box])
        self._free[path] = False
        return np.array(path[::-1], np.int64)


def _build(path: FrameBoxes, options: LinkOptions) -> list[Tube]:
    video, label = int(path.video[0]), int(path.label[0])
    return cut_tubes(video, label, path.frame, path.boxes, path.scores, options)


def cut_tubes(
    video: int,
    label: int,
    frames: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    options: LinkOptions,
) -> list[Tube]:
    """Return the tubes of one action of one actor: where options say so, trimmed in time.

    Args:
        video: Index of the video.
        label: Class id of the action.
        frames: int64 (T,), rising; frames in between are filled linearly.
        boxes: float64 (T, 4): the actor's, in pixels.
        scores: float64 (T,) in [0, 1]: that the actor does the action.
        options: How to trim.
    """
    every = np.arange(frames[0], frames[-1] + 1)
    boxes = np.stack([np.interp(every, frames, side) for side in boxes.T], axis=1)
    scores = np.interp(every, frames, scores)
    spans = trim(scores, options.switch_cost) if options.trimmed else [(0, len(every))]
    return [
        Tube(
            video,
            label,
            every[start:end],
            boxes[start:end],
            tube_score(scores[start:end]),
            scores[start:end],
        )
        for start, end in spans
    ]


def trim(scores: np.ndarray, switch_cost: float) -> list[tuple[int, int]]:
    """Return the spans (start, end) of a path's frames where its action goes on.

    Viterbi over two states, action and background (Saha et al., BMVC 2016). A frame is evidence
    of the action as far as its score, smoothed, exceeds a share of the path's highest, which is not
    a quantile of it: an action may last for any part of its actor's track. Each change
    of state costs `switch_cost`.
    """
    smooth = gaussian_filter1d(scores, SMOOTHED, mode='nearest')
    high = float(smooth.max())
    if high <= 0:
        return []
    evidence = smooth / high - GOES_ON
    worth = np.array([0.0, evidence[0]])
    before = np.zeros((len(scores), 2), np.int64)
    for index in range(1, len(scores)):
        change = worth[::-1] - switch_cost
        before[index] = np.where(change > worth, [1, 0], [0, 1])
        worth = np.maximum(worth, change)
        worth[1] += evidence[index]
    state = np.zeros(len(scores) + 2, np.int64)
    state[-2] = worth.argmax()
    for index in range(len(scores) - 1, 0, -1):
        state[index] = before[index, state[index + 1]]
    edges = np.flatnonzero(np.diff(state))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def tube_score(scores: np.ndarray) -> float:
    """Return what a tube scores: the mean of its frames' scores, less where it is brief.

    A detector's mistakes are brief more often than actions are.
    """
    return float(scores.mean() * -np.expm1(-len(scores) / BRIEF))


def suppress(tubes: Sequence[Tube], options: LinkOptions) -> list[Tube]:
    """Return the tubes by score, less those that overlap a better one of their class."""
    kept: list[Tube] = []
    for tube in sorted(tubes, key=lambda tube: -tube.score):
        rivals = (k for k in kept if (k.video, k.label) == (tube.video, tube.label))
        if all(tube_iou(tube, rival, options.pixel) <= options.nms for rival in rivals):
            kept.append(tube)
    return kept

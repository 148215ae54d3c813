"""Compare frame-mAP and video-mAP with a plain implementation, detection by detection."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actloc_ros.evaluation.frame_map import frame_map
from actloc_ros.evaluation.protocols import PROTOCOLS
from actloc_ros.evaluation.video_map import video_map
from actloc_ros.truth.boxes import GroundTruth, Tube, truth_from_tubes, tube_boxes

LABELS = ('run', 'wave', 'sit')


def plain_iou(a, b, pixel):
    width = min(a[2], b[2]) - max(a[0], b[0]) + pixel
    height = min(a[3], b[3]) - max(a[1], b[1]) + pixel
    if width <= 0 or height <= 0:
        return 0.0
    area = sum((c[2] - c[0] + pixel) * (c[3] - c[1] + pixel) for c in (a, b))
    return width * height / (area - width * height)


def plain_tube_iou(a, b, pixel):
    boxes_a, boxes_b = (dict(zip(t.frames.tolist(), t.boxes, strict=True)) for t in (a, b))
    total = sum(plain_iou(boxes_a[f], boxes_b[f], pixel) for f in boxes_a if f in boxes_b)
    return total / len({*boxes_a, *boxes_b})


def plain_average(hits, truths, average):
    points, right = [(1.0, 0.0)], 0
    for number, hit in enumerate(hits, 1):
        right += hit
        points.append((right / number, right / truths))
    steps = list(pairwise(points))
    if average == 'trapezoid':
        return sum((r2 - r1) * (p1 + p2) / 2 for (p1, r1), (p2, r2) in steps)
    return sum((r2 - r1) * max(p for p, r in points[1:] if r >= r2) for (_, r1), (_, r2) in steps)


def plain_ap(things, detections, overlap, threshold, second_choice, average):
    """Things and detections are lists of (place, item); detections have a score in front."""
    order = sorted(range(len(detections)), key=lambda i: -detections[i][0])
    taken, hits = set(), []
    for index in order:
        _, place, item = detections[index]
        best, best_overlap = None, -1.0
        for number, (where, thing) in enumerate(things):
            if where == place and not (second_choice and number in taken):
                value = overlap(item, thing)
                if value > best_overlap:
                    best, best_overlap = number, value
        hit = best is not None and best_overlap >= threshold and best not in taken
        taken |= {best} if hit else set()
        hits.append(int(hit))
    return plain_average(hits, len(things), average)


def plain_frame_map(truth, found, protocol):
    keys = set(truth.keyframes.tolist())
    averages = []
    for label in truth.labels:
        things = [(k, b) for k, b, c in rows(truth.boxes) if c == label]
        detections = [
            (s, k, b)
            for (k, b, c), s in zip(rows(found), found.scores, strict=True)
            if c == label and (k in keys or not protocol.keyframes_only)
        ]
        if things:
            averages.append(
                plain_ap(
                    things,
                    detections,
                    lambda a, b: plain_iou(a, b, protocol.pixel),
                    0.5,
                    protocol.frame_second_choice,
                    protocol.frame_average,
                )
            )
    return sum(averages) / len(averages)


def rows(boxes):
    return zip(boxes.keys.tolist(), boxes.boxes.tolist(), boxes.label.tolist(), strict=True)


def plain_video_map(truth, tubes, protocol, threshold):
    averages = []
    for label in truth.labels:
        things = [(t.video, t) for t in truth.tubes if t.label == label]
        detections = [(t.score, t.video, t) for t in tubes if t.label == label]
        if things:
            averages.append(
                plain_ap(
                    things,
                    detections,
                    lambda a, b: plain_tube_iou(a, b, protocol.pixel),
                    threshold,
                    protocol.video_second_choice,
                    protocol.video_average,
                )
            )
    return sum(averages) / len(averages)


def a_tube(random, scored):
    start, length = random.integers(0, 4), random.integers(1, 5)
    corner = random.integers(0, 4, (length, 2))
    boxes = np.hstack([corner, corner + random.integers(2, 7, (length, 2))]).astype(float)
    # few different scores, so that ties are common
    score = float(random.integers(1, 6)) / 8 if scored else 1.0
    return Tube(
        int(random.integers(2)), int(random.integers(2)), start + np.arange(length), boxes, score
    )


def a_case(seed, truths, found) -> tuple[GroundTruth, list[Tube]]:
    random = np.random.default_rng(seed)
    true = [a_tube(random, False) for _ in range(truths)]
    truth = truth_from_tubes('memory', ('a', 'b'), LABELS, true, 0, {})
    return truth, [a_tube(random, True) for _ in range(found)]


cases = given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 20))


@pytest.mark.parametrize('name', [name for name in PROTOCOLS if name != 'ava-official'])
@settings(max_examples=60, deadline=None, derandomize=True)
@cases
def test_frame_map_equals_the_plain_one(name, seed, truths, found):
    truth, tubes = a_case(seed, truths, found)
    boxes = tube_boxes(tubes)
    expected = plain_frame_map(truth, boxes, PROTOCOLS[name])
    assert frame_map(truth, boxes, PROTOCOLS[name]).value == pytest.approx(expected)


@settings(max_examples=60, deadline=None, derandomize=True)
@cases
def test_frame_map_of_ava_equals_the_plain_one(seed, truths, found):
    truth, tubes = a_case(seed, truths, found)
    boxes = tube_boxes(tubes)
    # NumPy's order of ties is its own, so there are none here
    boxes.scores[:] = np.random.default_rng(seed).permutation(len(boxes)) - 5.0
    expected = plain_frame_map(truth, boxes, PROTOCOLS['ava-official'])
    assert frame_map(truth, boxes, PROTOCOLS['ava-official']).value == pytest.approx(expected)


@pytest.mark.parametrize('name', [name for name in PROTOCOLS if name != 'ava-official'])
@settings(max_examples=60, deadline=None, derandomize=True)
@cases
def test_video_map_equals_the_plain_one(name, seed, truths, found):
    truth, tubes = a_case(seed, truths, found)
    for figure, threshold in zip(
        video_map(truth, tubes, PROTOCOLS[name], (0.2, 0.5)), (0.2, 0.5), strict=True
    ):
        expected = plain_video_map(truth, tubes, PROTOCOLS[name], threshold)
        assert figure.value == pytest.approx(expected)

"""Read what people networks report: the layouts of their outputs.

A layout is a function of a network's outputs, in order, the height and width of its input, its
description and the least score. It returns what it found in pixels of the input.

- `yolox`: one array (1, A, 5 + C): centre relative to the cell in cells, log of size in cells, the
  chance of an object and of each class.
- `nanodet`: for each level scores (1, A, C) and distances (1, A, 4 * B), or both side by side in
  one array for all levels; each distance in cells is the mean of B bins.
- `rtmdet`: boxes with scores (1, N, 5) and classes (1, N), already suppressed.
- `movenet_multipose`: one array (1, N, 56): 17 joints as y, x, confidence, then y1, x1, y2, x2 and
  the score, all relative to the input.
- `rtmo`: boxes with scores (1, N, 5) and joints (1, N, K, 3), already suppressed. Where nobody is,
  it reports one skeleton of zeros.

The layouts `simcc` and of heat maps need boxes, see `top_down`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from actloc_ros.boxes import clip, has_area
from actloc_ros.models.people.description import PeopleFile
from actloc_ros.models.people_n.decode import suppress


@dataclass(frozen=True, eq=False)
class Reported:
    """What a network reports of an input: N people, K joints.

    Attributes:
        boxes: float (N, 4): x1, y1, x2, y2 in pixels of the input.
        scores: float (N,), in [0, 1].
        joints: float (N, K, 3): x, y in pixels of the input, and confidence; K is 0 for a detector.
    """

    boxes: np.ndarray
    scores: np.ndarray
    joints: np.ndarray


MOST_PEOPLE = 100

Layout = Callable[[Sequence[np.ndarray], tuple[int, int], PeopleFile, float], Reported]


class LayoutError(ValueError):
    """Outputs of other shapes than the layout has."""


def yolox(
    outputs: Sequence[np.ndarray], size: tuple[int, int], how: PeopleFile, least: float
) -> Reported:
    """Read the layout `yolox`."""
    cells, strides = _cells(size, how.strides)
    (found,) = _expect(outputs, 'yolox', [(1, len(cells), None)])
    scores = found[0, :, 4] * found[0, :, 5 + how.person]
    rows = np.flatnonzero(scores >= least)
    centres = (found[0, rows, :2] + cells[rows]) * strides[rows]
    half = np.exp(found[0, rows, 2:4]) * strides[rows] / 2
    return _best(np.concatenate([centres - half, centres + half], 1), scores[rows], how)


def nanodet(
    outputs: Sequence[np.ndarray], size: tuple[int, int], how: PeopleFile, least: float
) -> Reported:
    """Read the layout `nanodet`."""
    cells, strides = _cells(size, how.strides)
    chances, bins = _join_levels(outputs, len(cells), how)
    scores = chances[:, how.person]
    rows = np.flatnonzero(scores >= least)
    weights = np.exp(bins[rows] - bins[rows].max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    reach = weights @ np.arange(bins.shape[-1]) * strides[rows]
    points = (cells[rows] + how.point_offset) * strides[rows]
    boxes = np.concatenate([points - reach[:, :2], points + reach[:, 2:]], 1)
    inside = clip(boxes, size[1], size[0])  # as its authors do, before boxes are compared
    return _best(inside, scores[rows], how)


def rtmdet(
    outputs: Sequence[np.ndarray], size: tuple[int, int], how: PeopleFile, least: float
) -> Reported:
    """Read the layout `rtmdet`."""
    boxes, classes = _expect(outputs, 'rtmdet', [(1, None, 5), (1, None)])
    rows = (boxes[0, :, 4] >= least) & (classes[0] == how.person)
    return _best(boxes[0, rows, :4], boxes[0, rows, 4], how, suppressed=True)


def movenet_multipose(
    outputs: Sequence[np.ndarray], size: tuple[int, int], how: PeopleFile, least: float
) -> Reported:
    """Read the layout `movenet_multipose`."""
    (found,) = _expect(outputs, 'movenet_multipose', [(1, None, 56)])
    people = found[0, found[0, :, 55] >= least]
    sides = np.array(size[::-1], float)
    joints = people[:, :51].reshape(-1, 17, 3)[..., [1, 0, 2]]
    joints = joints * [*sides, 1]
    boxes = people[:, [52, 51, 54, 53]] * np.tile(sides, 2)
    return _best(boxes, people[:, 55], how, joints, suppressed=True)


def rtmo(
    outputs: Sequence[np.ndarray], size: tuple[int, int], how: PeopleFile, least: float
) -> Reported:
    """Read the layout `rtmo`."""
    boxes, joints = _expect(outputs, 'rtmo', [(1, None, 5), (1, None, len(how.joints), 3)])
    rows = (boxes[0, :, 4] >= least) & joints[0].any((1, 2))
    return _best(boxes[0, rows, :4], boxes[0, rows, 4], how, joints[0, rows], suppressed=True)


READERS: dict[str, Layout] = {
    'yolox': yolox,
    'nanodet': nanodet,
    'rtmdet': rtmdet,
    'movenet_multipose': movenet_multipose,
    'rtmo': rtmo,
}


def _expect(
    outputs: Sequence[np.ndarray], layout: str, shapes: Sequence[tuple[int | None, ...]]
) -> Sequence[np.ndarray]:
    """Return the outputs, whose shapes must be these; None is any number.

    Raises:
        LayoutError: They have others.
    """
    fits = len(outputs) == len(shapes) and all(
        output.ndim == len(shape)
        and all(want in (None, have) for want, have in zip(shape, output.shape, strict=True))
        for output, shape in zip(outputs, shapes, strict=True)
    )
    if not fits:
        wanted = ', '.join(str(tuple('any' if n is None else n for n in s)) for s in shapes)
        found = ', '.join(str(output.shape) for output in outputs)
        raise LayoutError(f'the layout {layout} has outputs {wanted}; the network gives {found}')
    return outputs


def _cells(size: tuple[int, int], strides: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return each cell's x and y in its level (A, 2), and its stride (A, 1), level by level."""
    places, sizes = [], []
    for stride in strides:
        y, x = np.mgrid[: -(-size[0] // stride), : -(-size[1] // stride)]
        places.append(np.stack([x, y], -1).reshape(-1, 2))
        sizes.append(np.full((x.size, 1), stride))
    return np.concatenate(places), np.concatenate(sizes)


def _join_levels(
    outputs: Sequence[np.ndarray], cells: int, how: PeopleFile
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores (A, C) and bins (A, 4, B) of `nanodet`.

    Raises:
        LayoutError: The outputs are no such arrays.
    """
    classes = how.classes
    flat = [output.reshape(-1, output.shape[-1]) for output in outputs]
    if len(flat) == 1 and flat[0].shape[1] > classes:
        flat = [flat[0][:, :classes], flat[0][:, classes:]]
    scores = [output for output in flat if output.shape[1] == classes]
    bins = [output for output in flat if output.shape[1] != classes]
    by_size = [sorted(part, key=len, reverse=True) for part in (scores, bins)]
    shapes = [[len(level) for level in part] for part in by_size]
    whole = len(shapes[0]) in (1, len(how.strides)) and sum(shapes[0]) == cells
    if shapes[0] != shapes[1] or not whole or any(output.shape[1] % 4 for output in bins):
        found = ', '.join(str(output.shape) for output in outputs)
        raise LayoutError(
            f'the layout nanodet has {cells} cells, {classes} classes, and distances; the network'
            f' gives {found}'
        )
    reach = np.concatenate(by_size[1])
    return np.concatenate(by_size[0]), reach.reshape(cells, 4, -1)


def _best(
    boxes: np.ndarray,
    scores: np.ndarray,
    how: PeopleFile,
    joints: np.ndarray | None = None,
    suppressed: bool = False,
) -> Reported:
    """Return people, best first, at most 100; who overlaps a better one too much is dropped.

    Args:
        boxes: (N, 4).
        scores: (N,).
        how: The description.
        joints: (N, K, 3); None where there are none.
        suppressed: Whether the network has dropped them itself.
    """
    if joints is None:
        joints = np.zeros((len(boxes), 0, 3))
    order = np.argsort(-scores, kind='stable')
    order = order[has_area(boxes[order])]
    if not suppressed:
        order = order[suppress(boxes[order].astype(np.float32), how.nms_iou)][:MOST_PEOPLE]
    return Reported(boxes[order], scores[order], joints[order])

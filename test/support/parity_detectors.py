"""Compute what the references of published detectors and poses know."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from parity_case import Case
from torch import Tensor
from torchvision.ops import batched_nms, nms

from actloc_ros.models.published_people.nanodet import NanoDetPlus
from actloc_ros.models.published_people.rtmdet import RTMDet
from actloc_ros.models.published_people.rtmo import RTMO
from actloc_ros.models.published_people.rtmpose import read_bins
from actloc_ros.models.published_people.select import every_class, normalize
from actloc_ros.models.published_people.yolox import YOLOX
from actloc_ros.models.vision.placing import place


def detector(case: Case) -> dict[str, Any]:
    """Return the outputs of a detector."""
    assert case.opened is not None
    network = case.opened.network
    given = _image(case)
    if isinstance(network, YOLOX):
        return _yolox(case, network, given)
    assert isinstance(network, NanoDetPlus | RTMDet)
    rows = network(given)[0]
    size = given.shape[2], given.shape[3]
    boxes, scores = network.read(rows, size)
    stride = case.reference['row_stride']
    threshold = 0.05
    kept = every_class(boxes, scores, threshold, network.strides, size, 0.6)
    mine: dict[str, Any] = {
        'det': torch.cat([kept.boxes, kept.scores[:, None]], 1)[:100],
        'det_labels': kept.classes[:100],
        'candidates': np.int64(kept.candidates),
    }
    if isinstance(network, NanoDetPlus):
        return mine | {'raw': network.logits(given)[0, ::stride], 'boxes': boxes[::stride]}
    return mine | {'raw': rows[::stride]}


def _image(case: Case) -> Tensor:
    """Return the input, normalized as the entry says."""
    assert case.opened is not None
    images = torch.from_numpy(case.input()).double()
    how = case.opened.entry.preprocessing
    swapped = images.flip(1) if how.colour.value == 'rgb' else images  # the references' is BGR
    return normalize(swapped, how)


def _yolox(case: Case, network: YOLOX, given: Tensor) -> dict[str, Any]:
    name, stride = case.reference['name'], case.reference['row_stride']
    rows = network(given)[0]
    boxes, scores = network.read(rows, (given.shape[2], given.shape[3]))
    decoded = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
    best = scores.max(1)
    strong = best.values >= 0.3
    rows_kept = torch.nonzero(strong)[:, 0]
    order = batched_nms(boxes[strong], best.values[strong], best.indices[strong], 0.65)
    chosen = rows_kept[order]
    classes = rows[chosen, 5:].max(1)
    columns = boxes[chosen], rows[chosen, 4:5], classes.values[:, None], classes.indices[:, None]
    picture = case.fill.still(f'{name}/image', (1, 3, 375, 500), 255.0)[0]
    picture = np.round(picture).astype(np.uint8).transpose(1, 2, 0)
    side = 16 * case.arrays['preproc'].shape[1]
    placed = place(picture, (side, side), 'letterbox', smaller='linear')
    mine: dict[str, Any] = {
        'raw': rows[::stride],
        'decoded': decoded[::stride],
        'det': torch.cat(columns, 1)[:100],
        'det_count': np.int64(len(chosen)),
        'preproc': placed.pixels.transpose(2, 0, 1)[:, ::16, ::16],
        'ratio': np.float64(1 / placed.zoom[0]),
    }
    for level, maps in enumerate(network.maps(given)):
        for kind, values in zip(('reg', 'obj', 'cls'), maps, strict=True):
            mine[f'level_{kind}_{level}'] = values[0].mean((1, 2))
    return mine


def crops(case: Case) -> dict[str, Any]:
    """Return the outputs of a network for joints in crops."""
    assert case.opened is not None
    columns, rows = case.opened.network(_image(case))
    places, scores = read_bins(columns, rows)
    return {'simcc_x': columns, 'simcc_y': rows, 'keypoints': places, 'scores': scores}


def poses(case: Case) -> dict[str, Any]:
    """Return the outputs of a detector with joints."""
    assert case.opened is not None
    network = case.opened.network
    assert isinstance(network, RTMO)
    given = _image(case)
    logits, boxes, presence, vectors = (output[0] for output in network(given))
    size = given.shape[2], given.shape[3]
    corners, points = network.read(boxes, size)
    scores = logits[:, 0].sigmoid()
    rows = torch.nonzero(scores > 0.1)[:, 0]
    rows = rows[nms(corners[rows], scores[rows], 0.65)]
    found = corners[rows], points[rows]
    limit = corners.new_tensor([size[1], size[0], size[1], size[0]])
    arrays = case.arrays
    few = _step(len(presence), len(arrays['vis']))
    apart = [_step(len(vectors), arrays['vec'].shape[0])]
    apart += [_step(vectors.shape[1], arrays['vec'].shape[1])]
    return {
        'cls': logits,
        'box': boxes,
        'vis': presence[::few],
        'vec': vectors[:: apart[0], :: apart[1]],
        'keypoints': network.joints(vectors[rows], *found)[:40],
        'scores': scores[rows][:40],
        'keypoint_scores': presence[rows].sigmoid()[:40],
        'boxes': found[0].clamp(min=0).minimum(limit)[:40],
        'count': np.int64(len(rows)),
    }


def _step(whole: int, taken: int) -> int:
    """Return the step by which `taken` of `whole` rows were stored."""
    return next(step for step in range(1, whole + 1) if -(-whole // step) == taken)

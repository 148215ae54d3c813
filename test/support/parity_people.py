"""Compute what the references of joints without a network know."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from parity_case import Case

from actloc_ros.evaluation.oks import MAX_PEOPLE, SIGMAS, OksFrame, coco_figures, oks
from actloc_ros.models.people.heatmaps import HeatmapDecoding, decode_heatmaps


def similarities(case: Case) -> dict[str, Any]:
    """Return COCO's ten figures of files of joints, and all similarities."""
    truth, results = (
        json.loads((case.folder / name).read_text()) for name in case.reference['files']
    )
    frames = [
        _frame(*([one for one in some if one['image_id'] == image] for some in both))
        for image in sorted(one['id'] for one in truth['images'])
        for both in [(truth['annotations'], results)]
    ]
    figures = np.array(list(coco_figures(frames).values()))
    return {
        'stats': np.nan_to_num(figures, nan=-1),  # as pycocotools says that there is nothing
        'oks': np.concatenate([frame.similarity.ravel() for frame in frames]),
    }


def _frame(annotations: list[dict[str, Any]], results: list[dict[str, Any]]) -> OksFrame:
    results = sorted(results, key=lambda one: -one['score'])[:MAX_PEOPLE]
    true, joints = (
        np.array([one['keypoints'] for one in some], float).reshape(-1, len(SIGMAS), 3)
        for some in (annotations, results)
    )
    boxes = np.array([one['bbox'] for one in annotations], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    areas = np.array([one['area'] for one in annotations], float)
    crowds = np.array([one['iscrowd'] for one in annotations], bool)
    bare = np.array([one['num_keypoints'] == 0 for one in annotations], bool)
    places = np.where(true[..., 2:] > 0, true[..., :2], np.nan)
    return OksFrame(
        oks(joints[..., :2], places, boxes, areas, np.array(list(SIGMAS.values()))),
        np.array([one['score'] for one in results], float),
        np.ptp(joints[..., :2], axis=1).prod(axis=1),
        areas,
        crowds | bare,
        crowds,
    )


def heatmaps(case: Case) -> dict[str, Any]:
    """Return joints in heat maps, decoded each way."""
    settings = case.reference['settings']
    width, height = settings['input_size']
    mine = {}
    for name, way in (
        ('msra', HeatmapDecoding.PLAIN),
        ('dark', HeatmapDecoding.DARK),
        ('udp', HeatmapDecoding.UDP),
    ):
        kernel = settings.get(f'{name}_blur_kernel', 11)
        found = decode_heatmaps(case.arrays['heatmaps'], (height, width), way, kernel)
        mine[f'{name}_keypoints'], mine[f'{name}_scores'] = found[None, :, :2], found[None, :, 2]
    return mine

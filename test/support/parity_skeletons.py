"""Compute what the references of graph networks over skeletons know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from parity_case import Case

from actloc_ros.models.entry import Entry, Normalize, Sampling
from actloc_ros.models.graphs.costgcn import CoSTGCN
from actloc_ros.models.graphs.inputs import make_clips
from actloc_ros.models.graphs.layouts import (
    COCO17,
    LAYOUTS,
    NTU25,
    NTU25_PYSKL,
    OPENPOSE18,
    Layout,
    by_direction,
    by_distance,
)
from actloc_ros.models.graphs.stgcn import STGCN
from actloc_ros.models.graphs.streams import (
    STREAMS,
    make_stream,
    normalize_body,
    normalize_extent,
    normalize_image,
    sample_frames,
)

SIZE = 1920, 1080  # of the images of NTU RGB+D
STGCN_GRAPHS = ('stgcn', 'stgcn spatial')


def like(entry: Entry, reference: Mapping[str, Any]) -> Entry:
    """Return the entry with the reference's stream, frames and classes."""
    assert entry.skeleton is not None
    how = replace(entry.skeleton, stream=reference.get('stream', 'j'))
    if 'dense' in reference['outputs'] or reference['graph'].startswith('Co'):
        how = replace(how, normalize=Normalize.NONE, sampling=Sampling.ALL)
    if reference['graph'] == 'ctrgcn' and how.fuse_logits:
        how = replace(how, normalize=Normalize.NONE)
    return replace(entry, skeleton=how, frames=reference['frames'])


def network(case: Case) -> dict[str, Any]:
    """Return the outputs of a network of skeletons."""
    assert case.opened is not None
    entry, module = case.opened.entry, case.opened.network
    joints = case.input()
    if isinstance(module, CoSTGCN):
        return _continual(case, module, joints)
    assert entry.skeleton is not None
    clip = make_clips(joints, entry.skeleton, entry.frames, SIZE)
    given = torch.from_numpy(clip).double()
    mine = {'logits': module(given), 'graph': _graph(case)}
    if isinstance(module, STGCN):
        classes = len(case.arrays['dense'])
        return mine | {'dense': module.dense(given)[0, :classes, ::3, ::3]}
    if entry.skeleton.sampling is Sampling.MIDDLE:
        return mine | {'network_input': clip[0, :, ::5]}
    features: Any = module.features
    return mine | {
        'network_input': clip[0].transpose(3, 1, 2, 0)[:, ::5],
        'indices': sample_frames(_frames(joints), entry.frames)[0],
        'features': features(given).mean((2, 3)),
    }


def _frames(joints: np.ndarray) -> int:
    return int(joints.shape[1])


def _graph(case: Case) -> np.ndarray:
    reference = case.reference
    names: dict[str, Layout] = {'nturgb+d': NTU25_PYSKL, 'coco': COCO17}
    layout = names.get(reference['layout'], NTU25)
    if reference['layout'].startswith('openpose'):
        layout = OPENPOSE18
    return by_distance(layout) if reference['graph'] in STGCN_GRAPHS else by_direction(layout)


def _continual(case: Case, module: CoSTGCN, joints: np.ndarray) -> dict[str, Any]:
    clip = torch.from_numpy(joints.transpose(3, 1, 2, 0)[None].copy()).double()
    frames = case.reference['frames']
    state = module.initial_state(1)
    wanted = case.arrays['step_frames'].tolist()
    steps = {}
    for index in range(clip.shape[2]):
        logits, given = module.forward_step(clip[:, :, index], state, torch.zeros(1).long())
        if given[0]:
            steps[index] = logits[0]
    return {
        'clip': module(clip[:, :, :frames]),
        'clip_regular': module.regular(clip[:, :, :frames]),
        'steps': torch.stack([steps[index] for index in wanted]),
        'graph': _graph(case),
    }


def streams(case: Case) -> dict[str, Any]:
    """Return the streams of joints, and which frames are taken."""
    reference, name = case.reference, case.reference['name']
    joints = case.input()
    flat = joints.shape[2] == len(COCO17.joints)
    layout = LAYOUTS['coco17' if flat else 'ntu25']
    given = normalize_image(joints, *SIZE) if flat else normalize_body(joints)
    mine: dict[str, Any] = {s: make_stream(given, layout, s) for s in STREAMS}
    mine |= {'normalized': given, 'indices': sample_frames(joints.shape[1], joints.shape[1])[0]}
    for key in case.arrays.files:
        if key.startswith('indices_'):
            total, clips = (int(part) for part in key.split('_')[1:])
            mine[key] = sample_frames(total, 100, clips).reshape(-1)
    shape, scale = tuple(reference['input']), reference['input_scale']
    make = case.fill.skeleton
    if flat:
        other = make(f'{name}/auto', shape, scale)
        other[0, :, 3, 2] = 0.005
        return mine | {
            'auto': normalize_extent(other),
            'fix_480_640': normalize_image(other, 640, 480),
        }
    swapped = make(f'{name}/swap', shape, scale)
    swapped[0, 10:] = 0
    missing = make(f'{name}/missing', (1, *shape[1:]), scale, persons=1, missing=(0, 3, 4))
    return mine | {'swapped': normalize_body(swapped), 'missing': normalize_body(missing)}

"""Make a skeleton network's input of a recording of joints, as its entry says. No PyTorch."""

from __future__ import annotations

import numpy as np

from actloc_ros.models.entry import Normalize, Sampling, SkeletonInput
from actloc_ros.models.graphs.layouts import LAYOUTS
from actloc_ros.models.graphs.streams import (
    make_stream,
    middle_resized,
    normalize_body,
    normalize_image,
    normalize_start,
    normalize_unit,
    sample_frames,
    with_persons,
)


def make_clips(
    joints: np.ndarray, how: SkeletonInput, frames: int, size: tuple[int, int], clips: int = 1
) -> np.ndarray:
    """Return the clips of a recording: (clips, 3, frames, V, M).

    Args:
        joints: (P, T, V, 3) in the layout that `how` names; pixels and confidence, or metres.
        how: Of the entry.
        frames: Of a clip; where all frames are taken as they come, T counts instead.
        size: Width and height of the image in pixels.
        clips: How many, where frames are spread; else there is one.

    Raises:
        ValueError: The joints are of another layout, or nobody is in any frame.
    """
    layout = LAYOUTS[how.layout]
    if joints.ndim != 4 or joints.shape[2:] != (len(layout.joints), 3):
        raise ValueError(
            f'joints are {joints.shape}; {layout.name} has (P, T, {len(layout.joints)}, 3)'
        )
    if not joints.any():
        raise ValueError('nobody is in any frame')
    values = normalized(joints, how.normalize, size)
    if how.stream_first:
        values = make_stream(values, layout, how.stream)
    values = _chosen(values, how.sampling, frames, clips)
    if not how.stream_first:
        values = make_stream(values, layout, how.stream)
    people = with_persons(values, how.persons)
    count = clips if how.sampling is Sampling.SPREAD else 1
    parts = people.reshape(how.persons, count, -1, *people.shape[2:])
    return np.ascontiguousarray(parts.transpose(1, 4, 2, 3, 0))


def normalized(joints: np.ndarray, how: Normalize, size: tuple[int, int]) -> np.ndarray:
    """Return joints (P, T, V, 3) as numbers about 1; see `Normalize`."""
    if how is Normalize.IMAGE:
        return normalize_image(joints, *size)
    if how is Normalize.UNIT:
        return normalize_unit(joints, *size)
    if how is Normalize.START:
        return normalize_start(joints)
    if how is Normalize.NONE:
        return np.asarray(joints)
    return normalize_body(joints, moving_centre=how is Normalize.MOVING_BODY)


def _chosen(values: np.ndarray, how: Sampling, frames: int, clips: int) -> np.ndarray:
    if how is Sampling.SPREAD:
        return values[:, sample_frames(values.shape[1], frames, clips).reshape(-1)]
    if how is Sampling.MIDDLE:
        there = np.flatnonzero(values.any((0, 2, 3)))
        return middle_resized(values[:, : there[-1] + 1 if len(there) else None], frames)
    return values

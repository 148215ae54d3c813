"""Divide annotated videos into parts that each show a fair share of every action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from actloc_ros.boxes import clip
from actloc_ros.frames import seconds
from actloc_ros.truth.annotations import ActorTrack, Annotations, Happening, Video


def split_videos(
    annotations: Annotations, shares: Sequence[float], seed: int
) -> list[tuple[Video, ...]]:
    """Return the videos of each part; a video is in one part alone.

    Iterative stratification (Sechidis et al. 2011), by how long each action is done: the label
    with the least left is dealt out first, each video to the part that lacks most of it. The same
    annotations and seed give the same parts.

    Args:
        annotations: All videos.
        shares: Of the parts, each above 0; only their ratios count.
        seed: Of the order in which equal videos come.

    Raises:
        ValueError: There are fewer videos than parts, or a share is not above 0.
    """
    if not shares or min(shares) <= 0:
        raise ValueError(f'shares are {list(shares)}; each must be above 0')
    groups = _groups(annotations.videos, seed)
    if len(groups) < len(shares):
        raise ValueError(f'{len(groups)} videos cannot be split into {len(shares)} parts')
    amounts = np.array([_amounts(group, annotations.labels) for group in groups])
    parts = _deal(amounts, np.array(shares) / sum(shares))
    chosen = [
        [v.path for i in np.flatnonzero(parts == p) for v in groups[i]] for p in range(len(shares))
    ]
    return [tuple(v for v in annotations.videos if v.path in set(paths)) for paths in chosen]


def _groups(videos: Sequence[Video], seed: int) -> list[list[Video]]:
    """Return videos that must stay together, those of one file, in an order of the seed's."""
    found: dict[str, list[Video]] = {}
    for video in videos:
        found.setdefault(video.path, []).append(video)
    groups = list(found.values())
    return [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]


def _amounts(group: Sequence[Video], labels: Sequence[str]) -> np.ndarray:
    """Return seconds of each action, and last of all videos together: float64 (C + 1,)."""
    amounts = np.zeros(len(labels) + 1)
    for video in group:
        for each in video.instances:
            if each.label in labels:
                amounts[labels.index(each.label)] += seconds(each.end - each.start)
        for happening in video.happenings:
            if happening.label in labels:
                amounts[labels.index(happening.label)] += _lasting(happening)
        amounts[-1] += video.frames / video.fps
    return amounts


def _lasting(happening: Happening) -> float:
    """Return for how many seconds something happens; a second where that is not known."""
    if happening.start is None or happening.end is None:
        return 1.0
    return seconds(happening.end - happening.start)


def _deal(amounts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the part of each of V groups, int64 (V,); every part gets one at least."""
    parts = np.full(len(amounts), -1)
    lacking = shares[:, None] * amounts.sum(axis=0)
    while (parts < 0).any():
        left = np.flatnonzero(parts < 0)
        total = amounts[left].sum(axis=0)
        # The last column counts time as a whole: it is dealt out when no action is left.
        wanted = np.where(total[:-1] > 0, total[:-1], np.inf)
        label = int(wanted.argmin()) if np.isfinite(wanted).any() else -1
        group = left[amounts[left, label].argmax()]
        empty = np.setdiff1d(np.arange(len(shares)), parts)
        open_parts = empty if len(empty) >= len(left) else np.arange(len(shares))
        need = lacking[open_parts]
        best = np.lexsort((-need[:, -1], -need[:, label]))[0]
        parts[group] = open_parts[best]
        lacking[parts[group]] -= amounts[group]
    return parts


def writable(annotations: Annotations) -> Annotations:
    """Return annotations with all boxes cut at the image's edge, as the plain format wants them."""
    videos = tuple(
        replace(video, tracks=tuple(_cut(track, video) for track in video.tracks))
        for video in annotations.videos
    )
    return replace(annotations, videos=videos)


def _cut(track: ActorTrack, video: Video) -> ActorTrack:
    return replace(track, boxes=clip(track.boxes, video.width, video.height))

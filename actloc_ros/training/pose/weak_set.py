"""Make bags of the tracks in recordings whose labels do not say who does something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.models.skeleton_n.network import SkeletonNet
from actloc_ros.training.pose.bags import Bags, Lack, join_bags, make_bags
from actloc_ros.training.pose.config import POINTS, TIME, VIDEO
from actloc_ros.training.pose.left_out import Frames
from actloc_ros.training.pose.skeleton import last_inputs
from actloc_ros.training.pose.tracks import LabelledTrack
from actloc_ros.training.pose.weak_head import BaggedFrames
from actloc_ros.training.skeleton_n.labels import UNKNOWN, YES

LISTED = 5  # recordings that are named


def bag_tracks(
    network: SkeletonNet,
    tracks: Sequence[LabelledTrack],
    weak: Sequence[AnnotatedVideos],
    labels: tuple[str, ...],
    supervision: str,
) -> tuple[BaggedFrames, Lack]:
    """Return the frames of tracks in bags, and what is in no bag.

    Args:
        network: Whose last layer is to learn.
        tracks: Of all recordings, the weakly labelled ones first.
        weak: The weakly labelled ones.
        labels: Of the network.
        supervision: What of their labels is used.
    """
    videos = dict(enumerate(video for each in weak for video in each.videos))
    bags, lack = make_bags(tracks, videos, labels, supervision)
    whole = None
    if supervision == POINTS:
        whole, _ = make_bags(tracks, videos, labels, VIDEO)
    frames = last_inputs(network, tracks)
    rated = _groups(tracks, len(videos), supervision)
    truth = _truth(rated, frames, bags)
    return BaggedFrames(frames, bags, whole, rated, truth, supervision), lack


def _groups(tracks: Sequence[LabelledTrack], weak: int, supervision: str) -> Bags:
    """Return groups of frames that are rated together, of recordings as they are.

    A group is a weakly labelled recording, or a moment of it where times are known, or a frame of
    one actor where it is known who does what.
    """
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    first = 0
    for number, track in enumerate(tracks):
        rows = np.arange(first, first + len(track.stamps) - 1)
        first += len(rows)
        if not track.plain:
            continue
        if track.video < weak and supervision != TIME:
            groups.setdefault((track.video,), []).append(rows)
            continue
        who = -1 if track.video < weak else number
        for row, stamp in zip(rows, track.stamps[1:], strict=True):
            groups.setdefault((track.video, who, stamp), []).append(np.array([row]))
    return join_bags([(key[0], rows) for key, rows in groups.items()])


def _truth(groups: Bags, frames: Frames, bags: dict[int, Bags]) -> np.ndarray:
    """Return what is known of groups, uint8 (G, C): in bags, somebody shows the bag's label."""
    known = frames.targets.copy()
    for column, own in bags.items():
        known[own.rows[own.here].numpy(), column] = YES
    truth = np.full((len(groups.videos), known.shape[1]), UNKNOWN, np.uint8)
    places, rows = np.nonzero(groups.here.numpy())
    group = groups.bag.numpy()[places]
    found = known[groups.rows.numpy()[places, rows]]
    truth[group] = found  # of a group in which no frame is in a bag, all frames are alike
    yes_group, yes_column = np.nonzero(found == YES)
    truth[group[yes_group], yes_column] = YES
    return truth


def lack_text(lack: Lack) -> str:
    """Return a line about labels that cannot be used, or nothing."""
    if not lack.unused:
        return ''
    text = f'{lack.unused} of {lack.labels} labels are not used: nobody is found where they hold'
    if lack.empty:
        shown = ', '.join(lack.empty[:LISTED]) + (', …' if len(lack.empty) > LISTED else '')
        count = f'{len(lack.empty)} recording' + 's' * (len(lack.empty) != 1)
        text += f'; nobody at all in {count}: {shown}'
    return text

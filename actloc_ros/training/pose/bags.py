"""Bags of tracks: of each it is known that somebody in it does something, not who, nor when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from actloc_ros.training.pose.tracks import LabelledTrack
from actloc_ros.training.pose.weak_labels import spans
from actloc_ros.truth.annotations import Video

LEAST = 1e-6  # of minus the log of the chance that nobody does something


@dataclass(frozen=True, eq=False)
class Bags:
    """B bags of one label, with S tracks in all.

    Attributes:
        rows: int64 (S, L), the frames of each track in its bag; -1 fills up.
        bag: int64 (S,), the bag of each track.
        videos: int64 (B,), the recording of each bag.
    """

    rows: Tensor
    bag: Tensor
    videos: np.ndarray

    @property
    def here(self) -> Tensor:
        """Which of `rows` are frames, bool (S, L)."""
        return self.rows >= 0

    def __getitem__(self, mask: np.ndarray) -> Bags:
        """Return the bags among the frames of a mask (N,), which are numbered by it from now on."""
        kept = torch.from_numpy(mask)[self.rows[:, 0]]
        places = torch.from_numpy(np.cumsum(mask) - 1)
        numbers, bag = self.bag[kept].unique(return_inverse=True)
        rows = torch.where(self.here, places[self.rows.clamp(min=0)], -1)[kept]
        return Bags(rows, bag, self.videos[numbers.numpy()])

    def scores(self, logits: Tensor) -> Tensor:
        """Return the logits (N,) of all frames at `rows`."""
        return logits[self.rows.clamp(min=0)]


@dataclass(frozen=True)
class Lack:
    """How many labels could not be used, since nobody is found where they hold.

    Attributes:
        labels: Of so many.
        unused: So many.
        empty: Recordings with labels in which nobody is found at all.
    """

    labels: int
    unused: int
    empty: tuple[str, ...]


def make_bags(
    tracks: Sequence[LabelledTrack],
    videos: dict[int, Video],
    labels: tuple[str, ...],
    supervision: str,
) -> tuple[dict[int, Bags], Lack]:
    """Return the bags of each label, by its column, and what is in no bag.

    Each label of a recording makes a bag of each view that has people then.

    Args:
        tracks: All tracks; of each, the first frame does not count.
        videos: The weakly labelled recordings, by index.
        labels: Of the columns.
        supervision: What of the labels is used.
    """
    places = np.cumsum([0, *(len(track.stamps) - 1 for track in tracks)])
    by_video: dict[int, dict[int, list[tuple[np.ndarray, np.ndarray]]]] = {}
    for first, track in zip(places.tolist(), tracks, strict=False):
        stamps = np.array(track.stamps[1:], np.int64)
        rows = np.arange(first, first + len(stamps))
        views = by_video.setdefault(track.video, {})
        views.setdefault(track.view, []).append((stamps, rows))
    found: dict[int, list[tuple[int, list[np.ndarray]]]] = {}
    count, unused = 0, 0
    for number, video in videos.items():
        for label, start, end in spans(video, supervision):
            bags = [_within(view, start, end, video) for view in by_video.get(number, {}).values()]
            bags = [bag for bag in bags if bag]
            found.setdefault(labels.index(label), []).extend((number, bag) for bag in bags)
            count, unused = count + 1, unused + (not bags)
    empty = tuple(
        video.path
        for number, video in videos.items()
        if number not in by_video and spans(video, supervision)
    )
    return (
        {column: join_bags(bags) for column, bags in sorted(found.items()) if bags},
        Lack(count, unused, empty),
    )


def _within(
    view: list[tuple[np.ndarray, np.ndarray]], start: int, end: int, video: Video
) -> list[np.ndarray]:
    """Return the rows of each track of a view between two stamps, where there are any."""
    found = []
    for stamps, rows in view:
        inside = (start <= stamps) & (stamps < end)
        if video.labelled is not None:
            inside &= np.isin(stamps, video.stamps(video.labelled))
        if inside.any():
            found.append(rows[inside])
    return found


def join_bags(bags: Sequence[tuple[int, Sequence[np.ndarray]]]) -> Bags:
    """Return bags of which each has the index of a recording and the rows of its tracks."""
    tracks = [(index, rows) for index, (_, bag) in enumerate(bags) for rows in bag]
    padded = np.full((len(tracks), max(len(rows) for _, rows in tracks)), -1, np.int64)
    for place, (_, rows) in enumerate(tracks):
        padded[place, : len(rows)] = rows
    return Bags(
        torch.from_numpy(padded),
        torch.tensor([index for index, _ in tracks], dtype=torch.int64),
        np.array([number for number, _ in bags], np.int64),
    )


def join_labels(
    parts: Sequence[tuple[Bags, int, Tensor, Tensor]],
) -> tuple[Bags, Tensor, Tensor, Tensor]:
    """Return the bags of several labels as one.

    Args:
        parts: Of each label its bags, its column, attention (S, L) and what each bag counts (B,).

    Returns:
        All bags; by track its label's column, and its attention; by bag what it counts.
    """
    longest = max(bags.rows.shape[1] for bags, *_ in parts)
    places = np.cumsum([0, *(len(bags.videos) for bags, *_ in parts)]).tolist()

    def padded(values: Tensor, fill: float) -> Tensor:
        return functional.pad(values, (0, longest - values.shape[1]), value=fill)

    joined = Bags(
        torch.cat([padded(bags.rows, -1) for bags, *_ in parts]),
        torch.cat([bags.bag + place for place, (bags, *_) in zip(places, parts, strict=False)]),
        np.concatenate([bags.videos for bags, *_ in parts]),
    )
    columns = torch.cat([torch.full_like(bags.bag, column) for bags, column, *_ in parts])
    attention = torch.cat([padded(each, 0.0) for _, _, each, _ in parts])
    return joined, columns, attention, torch.cat([share for *_, share in parts])


def attend(logits: Tensor, bags: Bags, share: float) -> Tensor:
    """Return how much each frame of a track counts for it, (S, L): the top share, by its logits.

    Args:
        logits: (N,), of the label at all frames; no gradient passes.
        bags: The label's.
        share: Of a track's frames in a bag, one at least.
    """
    scores = bags.scores(logits.detach()).masked_fill(~bags.here, -torch.inf)
    most = (bags.here.sum(1) * share).ceil().clamp(min=1)
    ranks = scores.argsort(1, descending=True).argsort(1)
    return functional.softmax(scores.masked_fill(ranks >= most[:, None], -torch.inf), dim=1)


def evenly(bags: Bags) -> Tensor:
    """Return weights (S, L) by which all frames of a track count alike."""
    here = bags.here.float()
    return here / here.sum(1, keepdim=True)


def pool(logits: Tensor, bags: Bags, attention: Tensor) -> Tensor:
    """Return the logit of each track in each bag, (S,)."""
    return (bags.scores(logits) * attention).sum(1)


def bag_errors(tracks: Tensor, bags: Bags) -> Tensor:
    """Return for each bag minus the log of the chance that some track does it, (B,).

    Args:
        tracks: The tracks' logits (S,); their chances count as independent.
        bags: The label's.
    """
    nothing = torch.zeros(len(bags.videos))
    nobody = nothing.index_add(0, bags.bag, functional.softplus(tracks))  # minus a log
    return -torch.log(-torch.expm1(-nobody.clamp(min=LEAST)))

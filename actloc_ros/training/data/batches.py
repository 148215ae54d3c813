"""Feed a training with clips that are the same on every machine and after every stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from actloc_ros.datasets.annotated_videos import AnnotatedVideos
from actloc_ros.training.assign import Targets
from actloc_ros.training.config import Augmentation, Data
from actloc_ros.training.data.augment import ColumnNames, Sample, augment, choose_frames
from actloc_ros.training.data.mirror import choose_pairs
from actloc_ros.training.data.sampling import KeyFrames
from actloc_ros.training.keypoints import pose_targets
from actloc_ros.truth.annotations import AnnotationError


@dataclass(frozen=True, eq=False)
class Batch:
    """B clips, padded to the most actors of one.

    Attributes:
        images: uint8 (B, 3, T, H, W), RGB.
        boxes: float32 (B, T, M, 4) in pixels.
        actions: float32 (B, T, M, C).
        valid: bool (B, T, M).
        known: bool (B, T).
        keypoints: float32 (B, T, M, K, 2) in pixels; NaN where they are not known.
    """

    images: Tensor
    boxes: Tensor
    actions: Tensor
    valid: Tensor
    known: Tensor
    keypoints: Tensor

    def targets(self, key_frames: slice) -> Targets:
        """Return what the key frames show, frame after frame."""
        pose = pose_targets(self.keypoints, self.valid)
        parts = (self.boxes, self.actions, self.valid, self.known, pose)
        return Targets(*(x[:, key_frames].flatten(0, 1) for x in parts))

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        parts = (getattr(self, each.name) for each in fields(self))
        return Batch(*(x.to(device, non_blocking=True) for x in parts))


class ClipDataset(Dataset):
    """Clips without end, drawn at random from videos.

    Clip i depends on the seed and on i alone.

    Args:
        sources: Recordings that are open already, or their annotation files.
        labels: The labels that all of them have.
        data: How clips are cut.
        how: How clips are changed.
        seed: Of all choices.

    Raises:
        AnnotationError: Labels differ, or no frame is labelled.
        ConfigError: Pairs of labels for mirror images are impossible.
    """

    def __init__(
        self,
        sources: Sequence[Path | AnnotatedVideos],
        labels: tuple[str, ...],
        data: Data,
        how: Augmentation,
        seed: int,
    ) -> None:
        self.sets = [AnnotatedVideos(s) if isinstance(s, Path) else s for s in sources]
        for source, videos in zip(sources, self.sets, strict=True):
            check_labels(str(source), videos, labels)
        self.how = replace(how, flip_pairs=choose_pairs(labels, how.flip_pairs))
        self.labels, self.data, self.seed = labels, data, seed
        self.names = ColumnNames(labels, common_keypoints(self.sets) if data.keypoints else ())
        self.videos = [(s, v) for s, each in enumerate(self.sets) for v in range(len(each.videos))]
        every = [self.sets[s].videos[v] for s, v in self.videos]
        self.key_frames = KeyFrames(every, labels, data.balance)

    def __getitem__(self, index: int) -> Sample:
        """Return clip `index`, any number from 0."""
        rng = np.random.default_rng([self.seed, index])
        video, key = self.key_frames.draw(rng)
        s, v = self.videos[video]
        frames = choose_frames(
            rng, key, self.sets[s].videos[v], self.data.frames, self.data.rate, self.how
        )
        clip = self.sets[s].clip(v, frames)
        clip = replace(clip, keypoints=clip.keypoints[:, :, : len(self.names.keypoints)])
        return augment(rng, clip, (self.data.height, self.data.width), self.names, self.how)


def check_labels(name: str, videos: AnnotatedVideos, labels: tuple[str, ...]) -> None:
    """Refuse recordings that do not have these labels.

    Raises:
        AnnotationError: Labels differ, or their order.
    """
    if videos.labels != labels:
        raise AnnotationError(
            f'{name} has labels {list(videos.labels)}, other files {list(labels)}; all must have '
            'the same, in the same order'
        )


def common_keypoints(sets: Sequence[AnnotatedVideos]) -> tuple[str, ...]:
    """Return the keypoints that all recordings name alike; none where they differ."""
    names = {videos.annotations.keypoints for videos in sets}
    return names.pop() if len(names) == 1 else ()


class Endless(Sampler):
    """Numbers from `start` on, every `stride`-th: one process's share of an endless stream."""

    def __init__(self, start: int, stride: int) -> None:
        self.start, self.stride = start, stride

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers."""
        number = self.start
        while True:
            yield number
            number += self.stride


def collate(samples: list[Sample]) -> Batch:
    """Join clips; pad to the most actors that one has, at least 1."""
    most = max(1, *(s.valid.shape[1] for s in samples))

    def pad(x: Tensor) -> Tensor:
        return torch.cat([x, x.new_zeros(x.shape[0], most - x.shape[1], *x.shape[2:])], dim=1)

    return Batch(
        images=torch.stack([s.images for s in samples]),
        boxes=torch.stack([pad(s.boxes) for s in samples]),
        actions=torch.stack([pad(s.actions) for s in samples]),
        valid=torch.stack([pad(s.valid) for s in samples]),
        known=torch.stack([s.known for s in samples]),
        keypoints=torch.stack([pad(s.keypoints) for s in samples]),
    )


def batches(
    dataset: ClipDataset, batch: int, first: int, rank: int, world: int, workers: int
) -> Iterator[Batch]:
    """Yield batches from step `first` on; each process yields its part of the clips of a step."""
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=Endless(first * batch * world + rank, world),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context='spawn' if workers else None,
    )
    return iter(loader)

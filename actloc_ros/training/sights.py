"""Let a trained network look at recordings, and keep what it sees of actors beside what is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor
from torchvision.ops import box_iou
from tqdm import tqdm

from actloc_ros.datasets.clips import AnnotatedVideos, Clip
from actloc_ros.frames import Frame
from actloc_ros.models.actor_following import Glance
from actloc_ros.models.actor_history import History
from actloc_ros.models.actor_record import Record, gather
from actloc_ros.models.stream_localizer import StreamLocalizer

OVERLAP = 0.5
"""Least IoU of a box that shows an actor."""

TOGETHER = 8
"""Videos that are looked at at once: on a GPU, a network takes less time a frame for several."""

AHEAD = 16
"""Frames of a video that are read at once."""

TRUTH = ('actions', 'quality', 'near', 'known')


@dataclass(frozen=True, eq=False)
class Example:
    """One video: N sights of actors, and what is true of them.

    Attributes:
        record: The sights.
        actions: float (N, C): 1 where the actor does the action.
        quality: float (N,): overlap with the actor whose best box this is; 0 for all others.
        near: float (N,): overlap with the nearest actor.
        known: bool (N,): whether it is known what the frame shows.
    """

    record: Record
    actions: Tensor
    quality: Tensor
    near: Tensor
    known: Tensor


def look(
    sets: Sequence[AnnotatedVideos], localizer: StreamLocalizer, folder: Path
) -> list[Example]:
    """Return what a network sees in all videos; what a folder holds already is not looked at again.

    Args:
        sets: Recordings with the network's labels.
        localizer: The network.
        folder: Keeps a file a video, each whole or not at all.

    Raises:
        AnnotationError: A video cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = [(videos, v) for videos in sets for v in range(len(videos.videos))]
    files = [folder / f'{number}.safetensors' for number in range(len(places))]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    with tqdm(total=len(files), initial=len(files) - len(missing), unit='video') as bar:
        for first in range(0, len(missing), TOGETHER):
            group = missing[first : first + TOGETHER]
            for number, example in zip(
                group, _look_at([places[n] for n in group], localizer), strict=True
            ):
                _write(files[number], example)
            bar.update(len(group))
    return [_read(file) for file in files]


def _look_at(
    places: Sequence[tuple[AnnotatedVideos, int]], localizer: StreamLocalizer
) -> Iterator[Example]:
    """Yield what is seen in each of several videos, which are taken for as many cameras."""
    localizer.reset()
    localizer.history = History()
    streams = [_frames(str(n), *place) for n, place in enumerate(places)]
    while frames := [frame for stream in streams if (frame := next(stream, None)) is not None]:
        localizer.step(frames)
    glances: dict[str, list[Glance]] = {str(n): [] for n in range(len(places))}
    for kept in localizer.history.frames:
        glances[kept.frame.camera].append(kept.glance)
    how = localizer.preprocessing
    for n, (videos, index) in enumerate(places):
        video = videos.videos[index]
        truth = videos.truth(index, np.arange(video.frames))
        scale = torch.tensor([how.width / video.width, how.height / video.height] * 2)
        yield compare(gather(glances[str(n)]), truth, scale)


def _frames(camera: str, videos: AnnotatedVideos, index: int) -> Iterator[Frame]:
    video = videos.videos[index]
    for first in range(0, video.frames, AHEAD):
        numbers = np.arange(first, min(first + AHEAD, video.frames))
        for number, image in zip(numbers, videos.clip(index, numbers).images, strict=True):
            yield Frame(camera, video.stamp(int(number)), image)


def compare(record: Record, truth: Clip, scale: Tensor) -> Example:
    """Return what is true of the sights in a video.

    Args:
        record: What is seen.
        truth: Of all its frames.
        scale: float (4,), by which true boxes become pixels of the network's input.
    """
    example = Example(
        record,
        actions=torch.zeros_like(record.actions),
        quality=torch.zeros(len(record)),
        near=torch.zeros(len(record)),
        known=torch.ones(len(record), dtype=torch.bool),
    )
    if truth.known is not None:
        example.known[:] = torch.from_numpy(truth.known)[record.frame]
    for frame in record.frame.unique().tolist():
        seen = torch.from_numpy(np.flatnonzero(truth.visible[frame]))
        if len(seen):
            boxes = torch.from_numpy(truth.boxes[frame])[seen] * scale
            doing = torch.from_numpy(truth.actions[frame])[seen]
            _compare_frame(example, (record.frame == frame).nonzero()[:, 0], boxes, doing)
    return example


def _compare_frame(example: Example, rows: Tensor, boxes: Tensor, doing: Tensor) -> None:
    """Write what is true of a frame's sights; of several of one actor, the surest has quality."""
    overlap, actor = box_iou(example.record.boxes[rows], boxes).max(dim=1)
    example.near[rows] = overlap
    good = (overlap >= OVERLAP).nonzero()[:, 0]
    example.actions[rows[good]] = doing[actor[good]]
    taken: set[int] = set()
    for row in good.tolist():
        if int(actor[row]) not in taken:
            taken.add(int(actor[row]))
            example.quality[rows[row]] = overlap[row]


def _write(file: Path, example: Example) -> None:
    tensors = example.record.tensors() | {f'true_{name}': getattr(example, name) for name in TRUTH}
    tensors['features'] = tensors['features'].half()
    partial = file.with_name(file.name + '.partial')
    partial.write_bytes(save({name: x.contiguous() for name, x in tensors.items()}))
    partial.replace(file)


def _read(file: Path) -> Example:
    tensors = load_file(file)
    truth = {name: tensors.pop(f'true_{name}') for name in TRUTH}
    return Example(Record(**tensors), **truth)
